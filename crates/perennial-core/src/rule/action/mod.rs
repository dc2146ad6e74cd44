//! What is done with what a rule makes of a message: AWS's `Action`, as documents have it.

mod batch;
mod delivery;
mod headers;
mod ready;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::RuleInvalid;

pub use batch::{BatchConfig, BatchLimits, Batches};
pub use delivery::{Batching, Delivery, HttpPost, Payload, Republication, SigningRole};
pub use headers::{FilledHeaders, MqttHeaders, UserProperty};
pub(super) use ready::ReadyAction;
pub use ready::Unusable;

/// The most header fields that an HTTP action sends.
pub(super) const MAX_HTTP_HEADERS: usize = 100;
/// The longest URL, in bytes.
pub(super) const MAX_URL_LEN: usize = 2_000;

/// One action of a rule, spelled as in AWS IoT's API; [`File`](Action::File) and
/// [`Stdout`](Action::Stdout) are our own. Parameters may have substitution templates in them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Action {
    /// Publishes to another topic.
    Republish(Republish),
    /// Posts to an HTTPS endpoint whose destination was confirmed.
    Http(Http),
    /// Publishes to a notice topic.
    Sns(Sns),
    /// Invokes a function through AWS Lambda's API.
    Lambda(Lambda),
    /// Appends a line to a file of the server's.
    File(File),
    /// Writes a line to the server's standard output.
    Stdout(Stdout),
}

/// AWS's `RepublishAction`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Republish {
    /// AWS wants a role here; nothing is made of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// Where to. `$$` begins a topic whose name begins with `$`.
    pub topic: String,
    /// 0 or 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub qos: Option<u8>,
    /// What MQTT 5 says beside the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headers: Option<MqttHeaders>,
}

/// AWS's `HttpAction`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Http {
    /// Where to.
    pub url: String,
    /// The destination's confirmation URL, which `url` begins with; `url` itself if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmation_url: Option<String>,
    /// Header fields.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<HttpHeader>,
    /// How requests are signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<HttpAuth>,
    /// Whether several messages travel in one request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enable_batching: Option<bool>,
    /// How many, and how long they wait for each other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_config: Option<BatchConfig>,
}

/// AWS's `HttpActionHeader`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpHeader {
    /// The field's name.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// AWS's `HttpAuthorization`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpAuth {
    /// With AWS Signature Version 4.
    pub sigv4: Sigv4,
}

/// AWS's `SigV4Authorization`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sigv4 {
    /// The region that requests are signed for.
    pub signing_region: String,
    /// The service that requests are signed for.
    pub service_name: String,
    /// The role whose credentials, which the configuration has, sign.
    pub role_arn: String,
}

/// AWS's `SnsAction`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sns {
    /// The notice topic.
    pub target_arn: String,
    /// AWS wants a role here; nothing is made of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// Whether the payload is one message for all or one for each protocol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_format: Option<MessageFormat>,
}

/// AWS's `MessageFormat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum MessageFormat {
    /// The payload is the message.
    Raw,
    /// The payload is an object with a message for each protocol, and `default`.
    Json,
}

/// AWS's `LambdaAction`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Lambda {
    /// The function.
    pub function_arn: String,
}

/// Our own: a line a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct File {
    /// The file's name, in the server's folder for such files.
    pub name: String,
}

/// Our own: a line a message, behind the rule's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stdout {}

impl Http {
    /// The URL whose owner must have confirmed that messages may come.
    pub fn confirmation_url(&self) -> &str {
        self.confirmation_url.as_deref().unwrap_or(&self.url)
    }

    /// How its messages travel.
    ///
    /// # Errors
    /// As [`batches`](Self::batches).
    pub(super) fn batching(&self) -> Result<Batching, RuleInvalid> {
        Ok(match self.batches()? {
            None => Batching::Alone,
            Some(limits) if limits.across_topics => Batching::AcrossTopics,
            Some(_) => Batching::OfATopic,
        })
    }

    /// What bounds its batches; nothing when each message travels alone.
    ///
    /// # Errors
    /// [`RuleInvalid::Member`] names the limit that is out of its range, also while it is off.
    pub fn batches(&self) -> Result<Option<BatchLimits>, RuleInvalid> {
        let limits = self.batch_config.clone().unwrap_or_default().limits()?;
        Ok(self.enable_batching.unwrap_or(false).then_some(limits))
    }
}

/// The confirmation URLs, free of templates, of some actions.
pub(super) fn confirmation_urls<'a>(
    actions: impl Iterator<Item = &'a Action>,
) -> BTreeSet<&'a str> {
    let url = |action: &'a Action| match action {
        Action::Http(http) => Some(http.confirmation_url()).filter(|url| !url.contains("${")),
        Action::Republish(_)
        | Action::Sns(_)
        | Action::Lambda(_)
        | Action::File(_)
        | Action::Stdout(_) => None,
    };
    actions.filter_map(url).collect()
}
