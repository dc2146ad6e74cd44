//! A request before it is signed: method, path, query and body.

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use perennial_api::sigv4;
use perennial_core::time::Timestamp;
use serde_json::Value;

use super::{Access, CallError};

/// All but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What is asked.
#[derive(Debug, Clone)]
pub struct Request {
    method: Method,
    path: String,
    query: Vec<(&'static str, String)>,
    headers: Vec<(&'static str, String)>,
    body: Option<Value>,
}

/// A name as one segment of a path.
pub fn segment(name: &dyn std::fmt::Display) -> String {
    utf8_percent_encode(&name.to_string(), RESERVED).to_string()
}

impl Request {
    /// Asks `method` of `path`, whose segments are encoded.
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        let (query, headers) = (Vec::new(), Vec::new());
        Self { method, path: path.into(), query, headers, body: None }
    }

    /// Reads.
    pub fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    /// With one more member of the query string.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.query.push((name, value.to_string()));
        self
    }

    /// With one more member of the query string, if there is a value.
    #[must_use]
    pub fn with_some(self, name: &'static str, value: Option<&impl ToString>) -> Self {
        match value {
            Some(value) => self.with(name, value.to_string()),
            None => self,
        }
    }

    /// With one more header field.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    /// With a body.
    #[must_use]
    pub fn body(self, body: Value) -> Self {
        Self { body: Some(body), ..self }
    }

    /// With one more member of the body.
    #[must_use]
    pub fn member(mut self, name: &str, value: impl Into<Value>) -> Self {
        let body = self.body.get_or_insert_with(|| Value::Object(serde_json::Map::new()));
        body[name] = value.into();
        self
    }

    pub(super) fn method(&self) -> Method {
        self.method.clone()
    }

    fn target(&self) -> String {
        let encoded = |text: &str| utf8_percent_encode(text, RESERVED).to_string();
        let pair = |(name, value): &(&str, String)| format!("{}={}", encoded(name), encoded(value));
        let query: Vec<_> = self.query.iter().map(pair).collect();
        let question = if query.is_empty() { "" } else { "?" };
        format!("{}{question}{}", self.path, query.join("&"))
    }

    /// The request as it is sent.
    pub(super) fn signed(
        &self,
        access: &Access,
        now: Timestamp,
    ) -> Result<http::Request<Vec<u8>>, CallError> {
        let body = self.body.as_ref().map(Value::to_string).unwrap_or_default();
        let mut request = http::Request::builder()
            .method(self.method.clone())
            .uri(self.target())
            .body(body.into_bytes())
            .map_err(|error| CallError::Unsendable(error.to_string()))?;
        set(request.headers_mut(), header::HOST, &access.authority())?;
        set(request.headers_mut(), header::CONTENT_TYPE, "application/json")?;
        for (name, value) in &self.headers {
            set(request.headers_mut(), HeaderName::from_static(name), value)?;
        }
        sigv4::sign(&mut request, access.access_key_id(), access.secret(), access.region(), now)
            .map_err(|error| CallError::Unsendable(error.to_string()))?;
        let agent = concat!("perennial/", env!("CARGO_PKG_VERSION"));
        set(request.headers_mut(), header::USER_AGENT, agent)?;
        Ok(request)
    }
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) -> Result<(), CallError> {
    let value = HeaderValue::from_str(value)
        .map_err(|_| CallError::Unsendable(format!("{value:?} cannot stand in a header")))?;
    headers.insert(name, value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_has_every_reserved_character_encoded() {
        let request = Request::get(format!("/policies/{}", segment(&"a+=,.@-b")))
            .with("nextToken", "A+/=")
            .with_some("thingName", Some(&"x y"))
            .with_some("state", None::<&String>);

        let target = request.target();

        assert_eq!(target, "/policies/a%2B%3D%2C.%40-b?nextToken=A%2B%2F%3D&thingName=x%20y");
    }
}
