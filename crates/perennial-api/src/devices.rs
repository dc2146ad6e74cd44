//! Devices over HTTPS: publishing with a client certificate, where an operator has a signature.
//!
//! Who it is, only the TLS handshake says; what they may do, the registry is asked at each
//! message. A request that is signed is its signer's, whatever certificate its connection has.

use std::net::IpAddr;

use axum::body::Body;
use http::{HeaderValue, Request, Response, header, request};
use percent_encoding::percent_decode_str;
use perennial_core::ids::CertificateId;
use serde_json::{Value, json};
use tracing::debug;

use crate::{
    Api, ApiError, Peer, Publisher, body,
    call::Received,
    decode::FromReceived as _,
    gate,
    operation::messages::{self, Publishing},
};

/// What stands before the topic.
const TOPICS: &str = "/topics/";

/// The holder of the certificate that a connection was opened with.
pub(crate) struct Holder {
    certificate: CertificateId,
    address: IpAddr,
}

/// Whose request this is, if it is a device's.
pub(crate) fn holder(request: &Request<Body>) -> Option<Holder> {
    let peer = request.extensions().get::<Peer>()?;
    let certificate = peer.certificate?;
    let is_signed = request.headers().contains_key(header::AUTHORIZATION);
    (!is_signed).then(|| Holder { certificate, address: peer.address.ip() })
}

/// Publishes what a device sends, and answers as AWS IoT does.
pub(crate) async fn publish(api: &Api, holder: Holder, request: Request<Body>) -> Response<Body> {
    let trace_id = gate::request_id();
    let certificate = holder.certificate;
    let (head, mut body) = request.into_parts();
    let mut response = match send(api, holder, head, &mut body).await {
        Ok(()) => gate::success(&json!({ "message": "OK", "traceId": trace_id })),
        Err(mut error) => {
            debug!(certificate.id = %certificate, request.id = %trace_id, code = error.code.as_str(), message = %error.message, "a device's message was refused");
            error.members.insert("traceId".to_owned(), Value::String(trace_id.clone()));
            error.of_data_plane().response()
        }
    };
    if let Ok(id) = HeaderValue::from_str(&trace_id) {
        response.headers_mut().insert("x-amzn-requestid", id);
    }
    body::finish(body, &mut response).await;
    response
}

async fn send(
    api: &Api,
    holder: Holder,
    head: request::Parts,
    body: &mut Body,
) -> Result<(), ApiError> {
    let body = body::read(body).await?;
    let topic = head.uri.path().strip_prefix(TOPICS).unwrap_or_default();
    let topic = percent_decode_str(topic).decode_utf8();
    let topic = topic.map_err(|_| ApiError::invalid("The topic is not UTF-8"))?.into_owned();
    let received = Received { path: vec![("topic".to_owned(), topic)], head, body };
    let message = messages::message(Publishing::read(&received)?)?;
    let Holder { certificate, address } = holder;
    let by = Publisher::Device { certificate, address };
    Ok(api.parts.outside.data_plane.publish(by, message)?)
}
