//! Topics: making, describing, listing and deleting them.

use std::collections::BTreeMap;

use perennial_core::{
    access::Need,
    notice_topic::{SIGNATURE_VERSION, TopicName, TopicSettings, parse_topic_arn, topic_arn},
    registry::{Tag, Tags},
};
use serde::{Deserialize, Serialize};

use super::{Operation, form::List};
use crate::{ApiError, call::Call, decode::Nothing, page};

/// How many a page has: AWS's number, which nobody can change.
pub(super) const PAGE: usize = 100;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new("CreateTopic", Need::Operate, create),
        Operation::new("DeleteTopic", Need::Operate, delete),
        Operation::new("ListTopics", Need::Read, list),
        Operation::new("GetTopicAttributes", Need::Read, attributes),
        Operation::new("SetTopicAttributes", Need::Operate, set),
    ]
}

/// The topic that an ARN names.
pub(super) fn topic(call: &Call, arn: &str) -> Result<TopicName, ApiError> {
    Ok(parse_topic_arn(arn, call.scope())?)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Creating {
    name: String,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
    #[serde(default)]
    tags: List<Tag>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Topic {
    topic_arn: String,
}

async fn create(call: Call, input: Creating) -> Result<Topic, ApiError> {
    let name = TopicName::new(&input.name)?;
    let settings = TopicSettings::of(&input.attributes)
        .map_err(|error| ApiError::invalid(error.to_string()))?;
    let tags = Tags::new(input.tags.0)?;
    call.store().create_notice_topic(name.clone(), settings, tags, call.now()).await?;
    Ok(Topic { topic_arn: topic_arn(call.scope(), &name) })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Named {
    topic_arn: String,
}

async fn delete(call: Call, input: Named) -> Result<Nothing, ApiError> {
    let name = topic(&call, &input.topic_arn)?;
    call.store().delete_notice_topic(name, call.now()).await?;
    Ok(Nothing {})
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Paged {
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    topics: Vec<Topic>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

async fn list(call: Call, input: Paged) -> Result<Listed, ApiError> {
    let list = "ListTopics";
    let after: Option<TopicName> = page::place(list, input.next_token.as_deref())?;
    let found = call.store().list_notice_topics(after, PAGE).await?;
    let topics = found.items.iter().map(|name| Topic { topic_arn: topic_arn(call.scope(), name) });
    Ok(Listed {
        topics: topics.collect(),
        next_token: found.next.map(|place| page::token(list, &place)),
    })
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Attributes {
    attributes: BTreeMap<&'static str, String>,
}

async fn attributes(call: Call, input: Named) -> Result<Attributes, ApiError> {
    let found = call.store().notice_topic(topic(&call, &input.topic_arn)?).await?;
    let [confirmed, pending, deleted] = found.subscriptions.map(|count| count.to_string());
    let attributes = [
        ("TopicArn", input.topic_arn),
        ("Owner", call.scope().account.clone()),
        ("DisplayName", found.settings.display_name),
        ("SignatureVersion", SIGNATURE_VERSION.to_owned()),
        ("SubscriptionsConfirmed", confirmed),
        ("SubscriptionsPending", pending),
        ("SubscriptionsDeleted", deleted),
    ];
    Ok(Attributes { attributes: attributes.into() })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Setting {
    topic_arn: String,
    attribute_name: String,
    #[serde(default)]
    attribute_value: String,
}

async fn set(call: Call, input: Setting) -> Result<Nothing, ApiError> {
    let name = topic(&call, &input.topic_arn)?;
    let setting = (input.attribute_name, input.attribute_value);
    call.store().set_notice_topic(name, setting, call.now()).await?;
    Ok(Nothing {})
}
