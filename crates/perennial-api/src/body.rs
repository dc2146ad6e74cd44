//! Reading a request's body: up to a limit, within a time.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;

use crate::{ApiError, Code};

/// The longest body, in bytes.
pub(crate) const MAX_BODY: usize = 1024 * 1024;
/// How much more of a body that is too long is read, so that its sender comes to read the answer.
const MAX_DRAINED: usize = 8 * MAX_BODY;
/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);

/// Reads the whole body.
pub(crate) async fn read(body: Body) -> Result<Bytes, ApiError> {
    match tokio::time::timeout(PATIENCE, collect(body)).await {
        Ok(read) => read,
        Err(_) => {
            let message = format!("The body did not arrive within {} s.", PATIENCE.as_secs());
            Err(ApiError::new(Code::RequestTimeoutException, message))
        }
    }
}

async fn collect(mut body: Body) -> Result<Bytes, ApiError> {
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
