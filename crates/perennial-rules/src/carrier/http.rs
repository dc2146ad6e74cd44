//! Posting to an HTTPS endpoint whose destination was confirmed.

use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, Uri, header};
use perennial_core::rule::action::{HttpPost, SigningRole};
use perennial_outbound::{HttpSender, SendError};

use super::Undelivered;
use crate::confirmed::Confirmed;

/// Signs requests with AWS Signature Version 4, for the roles that the configuration has.
pub trait Signer: Send + Sync {
    /// Signs `request`, which has its host and every field that is to be signed.
    ///
    /// # Errors
    /// Why it cannot, in words: no credentials are configured for the role.
    fn sign(&self, request: &mut Request<Bytes>, role: &SigningRole) -> Result<(), String>;
}

pub(crate) struct Http {
    pub(crate) sender: HttpSender,
    pub(crate) signer: Arc<dyn Signer>,
    pub(crate) confirmed: ArcSwap<Confirmed>,
}

impl Http {
    pub(crate) async fn carry(&self, it: &HttpPost) -> Result<(), Undelivered> {
        let uri: Uri = it.url.parse().map_err(|error| {
            Undelivered::for_good(format!("{:?} is not a URL: {error}", it.url))
        })?;
        if !self.confirmed.load().has(&uri) {
            let reason = "no destination for this URL is ENABLED: its owner must confirm first \
                          (aws iot list-topic-rule-destinations)";
            return Err(Undelivered::for_now(reason));
        }
        let payload = Bytes::from_owner(Arc::clone(&it.payload.0));
        let mut request = request(uri, payload);
        for (name, value) in &it.headers {
            let (name, value) = field(name, value)?;
            request.headers_mut().insert(name, value);
        }
        let request = finished(request, it.signing.as_ref(), &*self.signer)?;
        judged(self.sender.send(request).await)
    }
}

/// A POST of `payload`, with the fields that every request has.
pub(super) fn request(uri: Uri, payload: Bytes) -> Request<Bytes> {
    let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(&payload).is_ok();
    let content_type = if is_json { "application/json" } else { "application/octet-stream" };
    let host = uri.authority().map(|it| it.as_str().to_owned()).unwrap_or_default();
    let mut request = Request::new(payload);
    *request.method_mut() = http::Method::POST;
    *request.uri_mut() = uri;
    let headers = request.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Ok(host) = HeaderValue::from_str(&host) {
        headers.insert(header::HOST, host);
    }
    request
}

/// Signs a request if that is asked for, and adds what is not signed because proxies change it.
pub(super) fn finished(
    mut request: Request<Bytes>,
    signing: Option<&SigningRole>,
    signer: &dyn Signer,
) -> Result<Request<Bytes>, Undelivered> {
    if let Some(role) = signing {
        signer.sign(&mut request, role).map_err(Undelivered::for_good)?;
    }
    let agent = HeaderValue::from_static(concat!("perennial/", env!("CARGO_PKG_VERSION")));
    request.headers_mut().insert(header::USER_AGENT, agent);
    Ok(request)
}

fn field(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), Undelivered> {
    let wrong = |what: &str| Undelivered::for_good(format!("the header field {name}: {what}"));
    let parsed = name.parse().map_err(|_| wrong("no field's name"))?;
    let value =
        HeaderValue::from_str(value).map_err(|_| wrong("a value with control characters"))?;
    Ok((parsed, value))
}

/// What an answer means: 2xx arrived; too busy and the server's own faults may pass; the rest,
/// redirects too, will be the same the next time.
pub(super) fn judged(answered: Result<Response<Bytes>, SendError>) -> Result<(), Undelivered> {
    match answered {
        Ok(response) => {
            let status = response.status();
            let passes = status.is_server_error()
                || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT);
            match status {
                status if status.is_success() => Ok(()),
                status if passes => Err(Undelivered::for_now(format!("it answered {status}"))),
                status if status.is_redirection() => Err(Undelivered::for_good(format!(
                    "it answered {status}: redirects are not followed"
                ))),
                status => Err(Undelivered::for_good(format!("it answered {status}"))),
            }
        }
        Err(SendError::Refused(refusal)) => Err(Undelivered::for_good(refusal.to_string())),
        Err(SendError::Failed(failure)) => Err(Undelivered::for_now(failure.to_string())),
    }
}
