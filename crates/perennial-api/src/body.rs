//! Reading a request's body: up to a limit, within a time, and to its end even if nobody wants it.
//!
//! Whoever is still sending when their connection ends may never see the answer. So a request is
//! answered when it was read to its end, or with word that the connection ends.

use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Response, header};
use http_body_util::BodyExt as _;

use crate::{ApiError, Code};

/// The longest body, in bytes.
pub(crate) const MAX_BODY: usize = 1024 * 1024;
/// How much more of a body that is too long is read, so that its sender comes to read the answer.
const MAX_DRAINED: usize = 8 * MAX_BODY;
/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the rest of a body may take that nobody wants.
const PATIENCE_UNREAD: Duration = Duration::from_secs(5);

/// Reads the whole body.
pub(crate) async fn read(body: &mut Body) -> Result<Bytes, ApiError> {
    match tokio::time::timeout(PATIENCE, collect(body)).await {
        Ok(read) => read,
        Err(_) => {
            let message = format!("The body did not arrive within {} s.", PATIENCE.as_secs());
            Err(ApiError::new(Code::RequestTimeoutException, message))
        }
    }
}

async fn collect(body: &mut Body) -> Result<Bytes, ApiError> {
    let (mut collected, mut len) = (BytesMut::new(), 0);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| ApiError::invalid("The body broke off."))?;
        let Ok(data) = frame.into_data() else { continue };
        len += data.len();
        if len <= MAX_BODY {
            collected.extend_from_slice(&data);
        } else if len > MAX_DRAINED {
            break;
        }
    }
    if len > MAX_BODY {
        let message = format!("The body is longer than {MAX_BODY} bytes.");
        return Err(ApiError::new(Code::RequestEntityTooLargeException, message));
    }
    Ok(collected.freeze())
}

/// Reads what is left of a request's body, in vain, and lets an answer that is its connection's
/// last say so.
pub(crate) async fn finish(mut body: Body, response: &mut Response<Body>) {
    let passed = tokio::time::timeout(PATIENCE_UNREAD, pass_over(&mut body)).await;
    if passed != Ok(true) {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
}

/// Whether the body's end was reached.
async fn pass_over(body: &mut Body) -> bool {
    let mut left = MAX_BODY;
    if body.size_hint().lower() > MAX_BODY as u64 {
        return false;
    }
    while !body.is_end_stream() {
        let Some(frame) = body.frame().await else { return true };
        let Ok(frame) = frame else { return false };
        let len = frame.data_ref().map_or(0, Bytes::len);
        let Some(rest) = left.checked_sub(len) else { return false };
        left = rest;
    }
    true
}
