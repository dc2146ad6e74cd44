//! Publishing to topics at AWS: SNS's query protocol, signed, to the topics that are configured.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, Uri, header};
use perennial_api::sigv4::{SigningSecret, sign_for};
use perennial_core::{
    notice_topic::{AwsTopic, Message},
    time::Timestamp,
};
use perennial_outbound::{HttpSender, SendError};

use crate::notice_topics::NotSent;

/// The longest that is shown of what AWS says, in characters.
const MAX_SHOWN: usize = 200;

/// Topics at AWS. Cheap to clone.
#[derive(Clone)]
pub(crate) struct AwsSns(Arc<Inner>);

struct Inner {
    http: HttpSender,
    topics: BTreeMap<String, (AwsTopic, Uri)>,
    /// Who signs; nobody, where there is no topic.
    key: Option<AwsKey>,
}

/// An access key at AWS. It is never shown.
pub(crate) struct AwsKey {
    pub(crate) id: String,
    pub(crate) secret: SigningSecret,
    /// Of a key that is for a session.
    pub(crate) token: Option<HeaderValue>,
}

impl AwsSns {
    /// These topics, signed for with this key.
    pub(crate) fn new(
        http: HttpSender,
        topics: BTreeMap<String, (AwsTopic, Uri)>,
        key: Option<AwsKey>,
    ) -> Self {
        Self(Arc::new(Inner { http, topics, key }))
    }

    /// Whether messages may leave to this topic.
    ///
    /// # Errors
    /// What to configure.
    pub(crate) fn check(&self, arn: &str) -> Result<(), String> {
        self.known(arn).map(drop)
    }

    /// Publishes; answers the message's id at AWS, where it is durable then.
    ///
    /// # Errors
    /// [`NotSent`]; what is refused for its signature may be let in once the key is mended.
    pub(crate) async fn publish(
        &self,
        arn: &str,
        message: &Message,
        now: Timestamp,
    ) -> Result<String, NotSent> {
        let (topic, endpoint, key) = self.known(arn).map_err(NotSent::Never)?;
        let request = request(topic, endpoint, key, message, now).map_err(NotSent::Never)?;
        match self.0.http.send(request).await {
            Ok(answer) => judge(answer.status(), &String::from_utf8_lossy(answer.body())),
            Err(SendError::Refused(refusal)) => Err(NotSent::Never(refusal.to_string())),
            Err(SendError::Failed(failure)) => Err(NotSent::Unreachable(failure.to_string())),
        }
    }

    fn known(&self, arn: &str) -> Result<(&AwsTopic, &Uri, &AwsKey), String> {
        let found = self.0.topics.get(arn).zip(self.0.key.as_ref());
        let found = found.map(|((topic, endpoint), key)| (topic, endpoint, key));
        found.ok_or_else(|| {
            let shown: String = arn.chars().take(300).collect();
            format!("add {shown:?} to `[sns] topics` in the server's configuration")
        })
    }
}

fn request(
    topic: &AwsTopic,
    endpoint: &Uri,
    key: &AwsKey,
    message: &Message,
    now: Timestamp,
) -> Result<Request<Bytes>, String> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(topic.publish_form(message));
    let mut request = Request::new(Bytes::from(form.finish()));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = endpoint.clone();
    let host = endpoint.authority().map_or("", |it| it.as_str());
    let host = HeaderValue::from_str(host).map_err(|error| error.to_string())?;
    let headers = request.headers_mut();
    headers.insert(header::HOST, host);
    let form = "application/x-www-form-urlencoded; charset=utf-8";
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(form));
    if let Some(token) = &key.token {
        headers.insert("x-amz-security-token", token.clone());
    }
    sign_for(&mut request, (&key.id, &key.secret), (topic.region(), "sns"), now)
        .map_err(|error| error.to_string())?;
    let agent = HeaderValue::from_static(concat!("perennial/", env!("CARGO_PKG_VERSION")));
    request.headers_mut().insert(header::USER_AGENT, agent);
    Ok(request)
}

/// What SNS's answer means. Its words about a signature are not shown: they quote what was signed,
/// a session's token too.
fn judge(status: StatusCode, body: &str) -> Result<String, NotSent> {
    if status.is_success() {
        let none = || NotSent::NotNow(format!("{status} without a MessageId: is that SNS?"));
        return element(body, "MessageId").map(str::to_owned).ok_or_else(none);
    }
    let code = element(body, "Code").unwrap_or("no code");
    let words = element(body, "Message").filter(|_| status != StatusCode::FORBIDDEN);
    let said: String =
        format!("{status} {code} {}", words.unwrap_or_default()).chars().take(MAX_SHOWN).collect();
    let said = said.trim_end().to_owned();
    let may_pass = status.is_server_error()
        || code.starts_with("Throttl")
        || [StatusCode::FORBIDDEN, StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS]
            .contains(&status);
    if may_pass { Err(NotSent::NotNow(said)) } else { Err(NotSent::Never(said)) }
}

/// The text of the first element of that name.
fn element<'b>(body: &'b str, name: &str) -> Option<&'b str> {
    let (_, rest) = body.split_once(&format!("<{name}>"))?;
    rest.split_once("</").map(|(text, _)| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(code: u16, body: &str) -> Result<String, NotSent> {
        judge(StatusCode::from_u16(code).unwrap(), body)
    }

    fn error(code: &str, message: &str) -> String {
        format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}\
             </Message></Error></ErrorResponse>"
        )
    }

    #[test]
    fn an_answer_is_taken_for_what_snss_says() {
        let taken = "<PublishResponse><PublishResult><MessageId>94f2</MessageId></PublishResult>";

        assert_eq!(judged(200, taken), Ok("94f2".to_owned()));
        assert!(matches!(judged(200, "<html>"), Err(NotSent::NotNow(_))));
        let gone = judged(404, &error("NotFound", "Topic does not exist"));
        let said = "404 Not Found NotFound Topic does not exist".to_owned();
        assert_eq!(gone, Err(NotSent::Never(said)));
        for (status, code) in
            [(500, "InternalError"), (429, "Throttled"), (400, "ThrottlingException"), (503, "")]
        {
            let judged = judged(status, &error(code, "x"));
            assert!(matches!(judged, Err(NotSent::NotNow(_))), "{judged:?}");
        }
    }

    #[test]
    fn a_key_that_is_refused_may_be_mended_and_what_was_signed_is_not_shown() {
        let quoted = "The Canonical String should have been x-amz-security-token:SECRET";

        let refused = judged(403, &error("SignatureDoesNotMatch", quoted));

        let said = "403 Forbidden SignatureDoesNotMatch".to_owned();
        assert_eq!(refused, Err(NotSent::NotNow(said)));
    }
}
