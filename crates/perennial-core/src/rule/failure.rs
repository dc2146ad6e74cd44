//! What an error action is told: AWS's message of what failed for good.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Serialize;

use super::{Message, action::Delivery};

/// One action that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// Its kind, `HttpAction`.
    pub failed_action: &'static str,
    /// What it was for: a topic, a URL, an ARN.
    pub failed_resource: String,
    /// Why.
    pub error_message: String,
}

impl Failure {
    /// `delivery` could not be delivered.
    pub fn of(delivery: &Delivery, why: impl Into<String>) -> Self {
        Self {
            failed_action: delivery.action(),
            failed_resource: delivery.resource().to_owned(),
            error_message: why.into(),
        }
    }
}

/// The message, as AWS's developer guide has it ("Error handling (error action)").
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FailureMessage<'m> {
    rule_name: &'m str,
    topic: &'m str,
    #[serde(rename = "cloudwatchTraceId")]
    trace_id: Option<&'m str>,
    client_id: Option<&'m str>,
    base64_original_payload: String,
    failures: &'m [Failure],
}

impl<'m> FailureMessage<'m> {
    /// What the rule of this name could not do with `message`.
    pub fn new(rule_name: &'m str, message: &Message<'m>, failures: &'m [Failure]) -> Self {
        Self {
            rule_name,
            topic: message.topic,
            trace_id: message.trace_id,
            client_id: message.client_id,
            base64_original_payload: STANDARD.encode(message.payload),
            failures,
        }
    }

    /// As JSON.
    pub fn to_json(&self) -> Vec<u8> {
        // Texts, and keys that are texts: there is nothing in it that JSON cannot say.
        serde_json::to_vec(self).unwrap_or_default()
    }
}
