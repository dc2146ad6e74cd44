//! What an error action is told: AWS's message of what failed for good.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Serialize;

use super::{
    Message,
    action::{Batching, Delivery},
};

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

/// The message about a batch, as AWS's developer guide has it ("Error actions for batching").
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchFailureMessage<'m> {
    rule_name: &'m str,
    #[serde(skip_serializing_if = "Option::is_none")]
    topic: Option<&'m str>,
    payloads_with_metadata: Vec<BatchedPayload<'m>>,
    failures: [BatchFailure; 1],
}

/// One message of a batch.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct BatchedPayload<'m> {
    id: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    topic: Option<&'m str>,
    #[serde(rename = "cloudwatchTraceId")]
    trace_id: Option<&'m str>,
    client_id: Option<&'m str>,
    base64_original_payload: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct BatchFailure {
    affected_ids: Vec<usize>,
    #[serde(flatten)]
    failure: Failure,
}

impl<'m> BatchFailureMessage<'m> {
    /// What the rule of this name could not do with `messages`, which travelled together.
    pub fn new(
        rule_name: &'m str,
        messages: &[Message<'m>],
        batching: Batching,
        failure: Failure,
    ) -> Self {
        let is_across = batching == Batching::AcrossTopics;
        let payload = |(number, message): (usize, &Message<'m>)| BatchedPayload {
            id: number + 1,
            topic: Some(message.topic).filter(|_| is_across),
            trace_id: message.trace_id,
            client_id: message.client_id,
            base64_original_payload: STANDARD.encode(message.payload),
        };
        let affected_ids = (1..=messages.len()).collect();
        Self {
            rule_name,
            topic: messages.first().map(|it| it.topic).filter(|_| !is_across),
            payloads_with_metadata: messages.iter().enumerate().map(payload).collect(),
            failures: [BatchFailure { affected_ids, failure }],
        }
    }

    /// As JSON.
    pub fn to_json(&self) -> Vec<u8> {
        // As above.
        serde_json::to_vec(self).unwrap_or_default()
    }
}
