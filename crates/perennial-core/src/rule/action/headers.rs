//! The properties that a republished message carries: AWS's `MqttHeaders`.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

use super::ready::{Unusable, filled, parsed};
use crate::rule::{Incoming, RuleInvalid, Template};

/// The most user properties.
const MAX_USER_PROPERTIES: usize = 100;

/// MQTT 5's properties as a rule's author writes them; each may have templates in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MqttHeaders {
    /// `UTF8_DATA` or `UNSPECIFIED_BYTES`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload_format_indicator: Option<String>,
    /// What the payload is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Where an answer should go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_topic: Option<String>,
    /// What an answer should carry, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_data: Option<String>,
    /// In how many seconds it is no longer of use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_expiry: Option<String>,
    /// Names with values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub user_properties: Vec<UserProperty>,
}

/// AWS's `UserProperty`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserProperty {
    /// Its name.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// The properties of one message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilledHeaders {
    /// Whether the payload is UTF-8.
    pub is_utf8: bool,
    /// What the payload is.
    pub content_type: Option<String>,
    /// Where an answer should go.
    pub response_topic: Option<String>,
    /// What an answer should carry.
    pub correlation_data: Option<Vec<u8>>,
    /// In how many seconds it is no longer of use.
    pub message_expiry: Option<u32>,
    /// Names with values.
    pub user_properties: Vec<(String, String)>,
}

/// [`MqttHeaders`] whose templates were understood.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::rule) struct ReadyHeaders {
    payload_format_indicator: Option<Template>,
    content_type: Option<Template>,
    response_topic: Option<Template>,
    correlation_data: Option<Template>,
    message_expiry: Option<Template>,
    user_properties: Vec<(Template, Template)>,
}

impl MqttHeaders {
    pub(super) fn ready(&self) -> Result<ReadyHeaders, RuleInvalid> {
        if self.user_properties.len() > MAX_USER_PROPERTIES {
            let problem = format!("headers.userProperties: at most {MAX_USER_PROPERTIES}");
            return Err(RuleInvalid::Member(problem));
        }
        let member = |name, text: &Option<String>| {
            text.as_deref().map(|text| parsed(&format!("headers.{name}"), text)).transpose()
        };
        let pair = |it: &UserProperty| {
            let part = |text| parsed("headers.userProperties", text);
            Ok::<_, RuleInvalid>((part(&it.key)?, part(&it.value)?))
        };
        Ok(ReadyHeaders {
            payload_format_indicator: member(
                "payloadFormatIndicator",
                &self.payload_format_indicator,
            )?,
            content_type: member("contentType", &self.content_type)?,
            response_topic: member("responseTopic", &self.response_topic)?,
            correlation_data: member("correlationData", &self.correlation_data)?,
            message_expiry: member("messageExpiry", &self.message_expiry)?,
            user_properties: self.user_properties.iter().map(pair).collect::<Result<_, _>>()?,
        })
    }
}

impl ReadyHeaders {
    pub(super) fn fill(&self, incoming: &Incoming<'_>) -> Result<FilledHeaders, Unusable> {
        let some = |template: &Option<Template>| {
            template.as_ref().map(|template| filled(template, incoming)).transpose()
        };
        let pair = |(key, value): &(Template, Template)| {
            Ok::<_, Unusable>((filled(key, incoming)?, filled(value, incoming)?))
        };
        Ok(FilledHeaders {
            is_utf8: some(&self.payload_format_indicator)?.map_or(Ok(false), |it| is_utf8(&it))?,
            content_type: some(&self.content_type)?,
            response_topic: some(&self.response_topic)?,
            correlation_data: some(&self.correlation_data)?.map(|it| octets(&it)).transpose()?,
            message_expiry: some(&self.message_expiry)?.map(|it| seconds(&it)).transpose()?,
            user_properties: self.user_properties.iter().map(pair).collect::<Result<_, _>>()?,
        })
    }
}

fn is_utf8(text: &str) -> Result<bool, Unusable> {
    match text {
        "UTF8_DATA" => Ok(true),
        "UNSPECIFIED_BYTES" | "" => Ok(false),
        other => Err(Unusable::new(
            "headers.payloadFormatIndicator",
            format!("{other:?} is neither UTF8_DATA nor UNSPECIFIED_BYTES"),
        )),
    }
}

fn octets(text: &str) -> Result<Vec<u8>, Unusable> {
    let wrong = |_| Unusable::new("headers.correlationData", "it is not base64".to_owned());
    STANDARD.decode(text).map_err(wrong)
}

fn seconds(text: &str) -> Result<u32, Unusable> {
    let wrong = |_| {
        let problem = format!("{text:?} is not a number of seconds");
        Unusable::new("headers.messageExpiry", problem)
    };
    text.parse().map_err(wrong)
}
