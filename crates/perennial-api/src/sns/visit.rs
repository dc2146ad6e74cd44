//! Visits: URLs that messages carry, for subscribers who have no access key. Each holds a secret
//! that only its message told.

use std::{net::IpAddr, sync::Arc};

use axum::body::Body;
use http::{HeaderValue, Request, Response, StatusCode, header};
use perennial_store::Actor;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Form, error, form, subscriptions, success, topics};
use crate::{Api, ApiError, Code, Peer, call::Call};

/// Where the certificates are whose keys messages are signed with.
pub(crate) const CERTIFICATES: &str = "/sns/{name}";

/// Whether a GET of `/` is a visit; one that is signed is none.
pub(crate) fn is_visit(request: &Request<Body>) -> bool {
    let query = request.uri().query().unwrap_or_default();
    query.contains("Action=") && !request.headers().contains_key(header::AUTHORIZATION)
}

/// Answers a visit.
pub(crate) async fn answer(api: Api, request: Request<Body>, request_id: String) -> Response<Body> {
    let (head, _) = request.into_parts();
    let query = head.uri.query().unwrap_or_default();
    let source = head.extensions.get::<Peer>().map(|peer| peer.address.ip());
    let done = async {
        let form = Form::read(query.as_bytes())?;
        let output = visit(&api, &form.action, form.members, (source, &request_id)).await?;
        Ok::<_, ApiError>((form.action, output))
    };
    match done.await {
        Ok((action, output)) => success(&action, &output, &request_id),
        Err(refused) => error(&refused, &request_id),
    }
}

async fn visit(
    api: &Api,
    action: &str,
    members: Value,
    (source, request_id): (Option<IpAddr>, &str),
) -> Result<Value, ApiError> {
    let call = |operation: &'static str| {
        let request_id = request_id.to_owned();
        let actor = Actor { access_key_id: None, operation, request_id, source };
        Call::new(Arc::clone(&api.parts), actor, api.parts.outside.clock.now())
    };
    match action {
        "ConfirmSubscription" => {
            confirm(call("ConfirmSubscription"), form::decoded(members)?).await
        }
        "Unsubscribe" => unsubscribe(call("Unsubscribe"), form::decoded(members)?).await,
        _ => Err(ApiError::new(
            Code::MissingAuthenticationTokenException,
            "Only ConfirmSubscription and Unsubscribe may be asked for without a signature",
        )),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Confirmation {
    topic_arn: String,
    token: String,
}

async fn confirm(call: Call, input: Confirmation) -> Result<Value, ApiError> {
    let topic = topics::topic(&call, &input.topic_arn)?;
    let done = subscriptions::confirm_with(&call, topic, &input.token, false).await?;
    Ok(json!({ "SubscriptionArn": done.subscription_arn }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Unsubscribing {
    subscription_arn: String,
    #[serde(default)]
    token: String,
}

async fn unsubscribe(call: Call, input: Unsubscribing) -> Result<Value, ApiError> {
    let found = subscriptions::found(&call, &input.subscription_arn).await?;
    let wanted = call.notices().unsubscribe_token(&found.id);
    let same = aws_lc_rs::constant_time::verify_slices_are_equal(
        wanted.as_bytes(),
        input.token.as_bytes(),
    );
    if found.authenticated || same.is_err() {
        let message =
            "Unsubscribe by the URL in a message of the subscription, or with a signed request";
        return Err(ApiError::new(Code::AccessDeniedException, message));
    }
    call.store().unsubscribe(found.id, call.now()).await?;
    Ok(json!({}))
}

/// Shows a certificate to whoever wants to verify a message.
pub(crate) fn certificate(api: &Api, name: &str) -> Response<Body> {
    let Some(pem) = api.parts.outside.notices.signing_certificate(name) else {
        let mut response = Response::new(Body::from("There is no such certificate."));
        *response.status_mut() = StatusCode::NOT_FOUND;
        return response;
    };
    let mut response = Response::new(Body::from(pem));
    let kind = HeaderValue::from_static("application/x-pem-file");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
