//! The gate: who signed a request, whether they may do that, and the answer they get.

use std::{net::IpAddr, sync::Arc};

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use axum::body::Body;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, header, request};
use perennial_core::{access::Need, time::Timestamp};
use perennial_store::Actor;
use serde_json::Value;
use tracing::{Instrument as _, Span, debug_span, field, info, warn};

use crate::{
    Api, ApiError, Code, Peer, body,
    call::{Call, Received},
    key_ring::Key,
    sigv4::{Claim, Parts, Service, SignatureError, digest},
    sns::{self, Form},
};

/// Answers a request, whatever it is. All that is told of it meanwhile is told within its span.
pub(crate) async fn answer(api: Api, request: Request<Body>) -> Response<Body> {
    let request_id = request_id();
    let span = debug_span!("request", request.id = %request_id, operation = field::Empty);
    answer_as(api, request, request_id).instrument(span).await
}

async fn answer_as(api: Api, request: Request<Body>, request_id: String) -> Response<Body> {
    let is_form = sns::is_form(request.headers());
    let (head, mut body) = request.into_parts();
    let answered = admit(api, head, &mut body, &request_id).await;
    let mut response = match answered {
        Ok(Done { action: Some(action), output }) => sns::success(action, &output, &request_id),
        Ok(Done { action: None, output }) => success(&output),
        Err(error) if is_form => {
            info!(request.id = %request_id, code = error.code.as_str(), message = %error.message, "refused");
            sns::error(&error, &request_id)
        }
        Err(error) => {
            info!(request.id = %request_id, code = error.code.as_str(), message = %error.message, "refused");
            error.response()
        }
    };
    if let Ok(id) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert("x-amzn-requestid", id);
    }
    body::finish(body, &mut response).await;
    response
}

/// What an operation answered; SNS's have a name in it.
struct Done {
    action: Option<&'static str>,
    output: Value,
}

pub(crate) fn success(output: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(output.to_string()));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// Keeps nothing of a body before a key in force is named, and runs nothing before the signature
/// counts.
async fn admit(
    api: Api,
    head: request::Parts,
    body: &mut Body,
    request_id: &str,
) -> Result<Done, ApiError> {
    let now = api.parts.outside.clock.now();
    let claim = Claim::read(parts(&head))?;
    let key = api.parts.keys.find(claim.access_key_id()).ok_or_else(unknown_key)?;
    claim.check_scope(&api.parts.settings.scope.region, now)?;
    let body = body::read(body).await?;
    claim.verify(parts(&head), &digest(&body), &key.secret)?;
    let done = perform(api, &claim, &key, (head, body), (request_id, now)).await;
    done.map_err(|error| match claim.service() {
        Service::IotData => error.of_data_plane(),
        Service::Iot | Service::Sns => error,
    })
}

/// Carries out what the holder of `key` signed, if they may.
async fn perform(
    api: Api,
    claim: &Claim,
    key: &Arc<Key>,
    (head, body): (request::Parts, Bytes),
    (request_id, now): (&str, Timestamp),
) -> Result<Done, ApiError> {
    if !api.parts.keys.admits(key, now) {
        return Err(ApiError::new(Code::ThrottlingException, "Rate exceeded"));
    }
    let actor = |operation| Actor {
        access_key_id: Some(key.id.clone()),
        operation,
        request_id: request_id.to_owned(),
        source: source(&head),
    };
    if claim.service() == Service::Sns {
        let form = Form::read(&body)?;
        let operation = sns::find(&form.action)?;
        may(&api, key, (Service::Sns, operation.name), operation.need)?;
        Span::current().record("operation", operation.name);
        let call = Call::new(Arc::clone(&api.parts), actor(operation.name), now);
        let output = to_its_end(&api, operation.need, operation.run(call, form.members)).await?;
        return Ok(Done { action: Some(operation.name), output });
    }
    let found = api.table.find(claim.service(), &head.method, head.uri.path())?;
    let operation = found.operation;
    may(&api, key, (operation.service, operation.name), operation.need)?;
    Span::current().record("operation", operation.name);
    let call = Call::new(Arc::clone(&api.parts), actor(operation.name), now);
    let received = Received { path: found.path, head, body };
    let output = to_its_end(&api, operation.need, operation.run(call, received)).await?;
    Ok(Done { action: None, output })
}

/// Whether the key's role allows an operation.
fn may(api: &Api, key: &Key, operation: (Service, &str), need: Need) -> Result<(), ApiError> {
    if key.role.may(need) {
        return Ok(());
    }
    warn!(access_key.id = %key.id, operation = operation.1, "refused for its role");
    Err(ApiError::denied(&caller(api, key), operation, need))
}

/// Runs an operation. What may be a change gets a task of its own: when its caller hangs up it is
/// carried to its end, sessions included.
async fn to_its_end(
    api: &Api,
    need: Need,
    running: impl Future<Output = Result<Value, ApiError>> + Send + 'static,
) -> Result<Value, ApiError> {
    if need == Need::Read {
        return api.parts.under_way.track_future(running).await;
    }
    let done = api.parts.under_way.spawn(running.in_current_span()).await;
    done.unwrap_or_else(|error| Err(ApiError::internal(&error)))
}

fn parts(head: &request::Parts) -> Parts<'_> {
    Parts {
        method: head.method.as_str(),
        path: head.uri.path(),
        query: head.uri.query().unwrap_or_default(),
        headers: &head.headers,
    }
}

fn unknown_key() -> SignatureError {
    SignatureError::Unrecognized("The security token included in the request is invalid.")
}

/// The caller as AWS would name them.
fn caller(api: &Api, key: &Key) -> String {
    let scope = &api.parts.settings.scope;
    format!("arn:{}:iam::{}:user/{}", scope.partition, scope.account, key.id)
}

fn source(head: &request::Parts) -> Option<IpAddr> {
    head.extensions.get::<Peer>().map(|peer| peer.address.ip())
}

/// A random UUID (RFC 9562 §5.4).
pub(crate) fn request_id() -> String {
    let mut octets = [0u8; 16];
    // An id that is not random is still an id.
    let _ = SystemRandom::new().fill(&mut octets);
    octets[6] = octets[6] & 0x0f | 0x40;
    octets[8] = octets[8] & 0x3f | 0x80;
    let digits = hex::encode(octets);
    let cut = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
    cut.join("-")
}
