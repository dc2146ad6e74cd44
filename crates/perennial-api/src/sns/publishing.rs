//! Publishing: one message, or up to ten at once.

use std::collections::{BTreeMap, BTreeSet};

use perennial_core::{
    access::Need,
    notice_topic::{MAX_MESSAGE, Message, MessageAttribute, MessageAttributes, Uuid},
};
use serde::{Deserialize, Serialize};

use super::{Operation, error::spelled, form::List, topics::topic};
use crate::{ApiError, Code, call::Call};

/// The most messages at once.
const MAX_BATCH: usize = 10;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new("Publish", Need::Operate, publish),
        Operation::new("PublishBatch", Need::Operate, publish_batch),
    ]
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Attribute {
    data_type: String,
    string_value: Option<String>,
    binary_value: Option<String>,
}

impl Attribute {
    fn read(self, name: &str) -> Result<MessageAttribute, ApiError> {
        let Self { data_type, string_value, binary_value } = self;
        let is_binary = data_type.starts_with("Binary");
        let value = if is_binary { binary_value } else { string_value };
        let wanted = if is_binary { "BinaryValue" } else { "StringValue" };
        let missing =
            || ApiError::invalid(format!("The message attribute {name:?} has no {wanted}"));
        Ok(MessageAttribute { data_type, value: value.ok_or_else(missing)? })
    }
}

/// The members in which a message stands.
struct Said {
    message: String,
    subject: Option<String>,
    message_structure: Option<String>,
    message_attributes: BTreeMap<String, Attribute>,
}

impl Said {
    fn read(self) -> Result<Message, ApiError> {
        let read = self.message_attributes.into_iter().map(|(name, attribute)| {
            let attribute = attribute.read(&name)?;
            Ok((name, attribute))
        });
        let attributes = read.collect::<Result<MessageAttributes, ApiError>>()?;
        let message = match self.message_structure.as_deref() {
            None => Message::new(self.subject, self.message, attributes),
            Some("json") => Message::structured(self.subject, &self.message, attributes),
            Some(_) => {
                return Err(ApiError::invalid("MessageStructure: there is json and no other"));
            }
        };
        message.map_err(|error| ApiError::invalid(error.to_string()))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Publishing {
    topic_arn: Option<String>,
    target_arn: Option<String>,
    message: String,
    subject: Option<String>,
    message_structure: Option<String>,
    #[serde(default)]
    message_attributes: BTreeMap<String, Attribute>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Published {
    message_id: String,
}

async fn publish(call: Call, input: Publishing) -> Result<Published, ApiError> {
    let Publishing {
        topic_arn,
        target_arn,
        message,
        subject,
        message_structure,
        message_attributes,
    } = input;
    let ((Some(arn), None) | (None, Some(arn))) = (topic_arn, target_arn) else {
        return Err(ApiError::invalid("Name the topic by TopicArn or by TargetArn"));
    };
    let topic = topic(&call, &arn)?;
    let message = Said { message, subject, message_structure, message_attributes }.read()?;
    let id = Uuid::from_random(Call::drawn()?);
    call.store().publish_notices(topic, vec![(id, message)], call.now()).await?;
    call.notices().nudge();
    Ok(Published { message_id: id.to_string() })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Batch {
    topic_arn: String,
    #[serde(default)]
    publish_batch_request_entries: List<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Entry {
    id: String,
    message: String,
    subject: Option<String>,
    message_structure: Option<String>,
    #[serde(default)]
    message_attributes: BTreeMap<String, Attribute>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Results {
    successful: Vec<Done>,
    failed: Vec<Failed>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Done {
    id: String,
    message_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Failed {
    id: String,
    code: &'static str,
    message: String,
    sender_fault: bool,
}

async fn publish_batch(call: Call, input: Batch) -> Result<Results, ApiError> {
    let topic = topic(&call, &input.topic_arn)?;
    let entries = input.publish_batch_request_entries.0;
    check(&entries)?;
    let mut results = Results { successful: Vec::new(), failed: Vec::new() };
    let mut messages = Vec::new();
    for Entry { id, message, subject, message_structure, message_attributes } in entries {
        match (Said { message, subject, message_structure, message_attributes }).read() {
            Ok(message) => {
                let message_id = Uuid::from_random(Call::drawn()?);
                results.successful.push(Done { id, message_id: message_id.to_string() });
                messages.push((message_id, message));
            }
            Err(error) => {
                let code = spelled(error.code).0;
                results.failed.push(Failed {
                    id,
                    code,
                    message: error.message,
                    sender_fault: true,
                });
            }
        }
    }
    if messages.iter().map(|(_, message)| message.len()).sum::<usize>() > MAX_MESSAGE {
        let message = format!("The messages have more than {MAX_MESSAGE} bytes together");
        return Err(ApiError::new(Code::BatchRequestTooLong, message));
    }
    call.store().publish_notices(topic, messages, call.now()).await?;
    call.notices().nudge();
    Ok(results)
}

fn check(entries: &[Entry]) -> Result<(), ApiError> {
    let ids: BTreeSet<&str> = entries.iter().map(|it| it.id.as_str()).collect();
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let is_id = |id: &&str| (1..=80).contains(&id.len()) && id.bytes().all(allowed);
    if entries.is_empty() {
        return Err(ApiError::new(Code::EmptyBatchRequest, "There is no entry"));
    }
    if entries.len() > MAX_BATCH {
        let message = format!("There are more than {MAX_BATCH} entries");
        return Err(ApiError::new(Code::TooManyEntriesInBatchRequest, message));
    }
    if let Some(bad) = ids.iter().find(|id| !is_id(id)) {
        let message =
            format!("{bad:?}: an entry's Id has 1 to 80 letters, digits, hyphens and underscores");
        return Err(ApiError::new(Code::InvalidBatchEntryId, message));
    }
    if ids.len() < entries.len() {
        return Err(ApiError::new(Code::BatchEntryIdsNotDistinct, "Two entries have the same Id"));
    }
    Ok(())
}
