//! Confirming a destination by visiting the URL that its owner was sent: the token in it is all
//! that it takes, as at AWS.

use std::net::IpAddr;

use axum::body::Body;
use http::{HeaderValue, Request, Response, header};
use percent_encoding::percent_decode_str;
use perennial_store::Actor;
use tracing::info;

use crate::{
    Api, ApiError, Peer,
    call::Call,
    gate,
    operation::topic_rule_destinations::{CONFIRM, confirm},
};

/// The path, with the token behind it.
pub(crate) const PATH: &str = "/confirmdestination/{*confirmationToken}";
/// The longest token that is looked at.
const MAX_TOKEN: usize = 2048;

/// Whether a request has a signature, which then must be good.
pub(crate) fn is_signed(request: &Request<Body>) -> bool {
    request.headers().contains_key(header::AUTHORIZATION)
}

/// Confirms, and says so.
pub(crate) async fn answer(api: Api, request: Request<Body>) -> Response<Body> {
    let request_id = gate::request_id();
    let (token, source) = (token(&request), source(&request));
    let mut response = match visited(api, token, source, &request_id).await {
        Ok(()) => gate::success(&serde_json::json!({ "message": "confirmed" })),
        Err(error) => {
            info!(request.id = %request_id, message = %error.message, "a destination was not confirmed");
            error.response()
        }
    };
    if let Ok(id) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert("x-amzn-requestid", id);
    }
    response
}

fn token(request: &Request<Body>) -> Option<String> {
    let token = request.uri().path().strip_prefix(CONFIRM)?;
    let token = percent_decode_str(token).decode_utf8().ok()?;
    (token.len() <= MAX_TOKEN).then(|| token.into_owned())
}

fn source(request: &Request<Body>) -> Option<IpAddr> {
    request.extensions().get::<Peer>().map(|peer| peer.address.ip())
}

async fn visited(
    api: Api,
    token: Option<String>,
    source: Option<IpAddr>,
    request_id: &str,
) -> Result<(), ApiError> {
    let token = token.ok_or_else(|| ApiError::invalid("confirmationToken: not a token"))?;
    let actor = Actor {
        access_key_id: None,
        operation: "ConfirmTopicRuleDestination",
        request_id: request_id.to_owned(),
        source,
    };
    let now = api.parts.outside.clock.now();
    let call = Call::new(api.parts, actor, now);
    confirm(&call, &token).await.map(drop)
}
