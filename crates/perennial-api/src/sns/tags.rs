//! Tags of topics.

use perennial_core::{
    access::Need,
    registry::{MAX_TAGS, Resource, Tag, Tags},
};
use perennial_store::NOTICE_TOPIC;
use serde::{Deserialize, Serialize};

use super::{Operation, form::List, topics::topic};
use crate::{ApiError, call::Call, decode::Nothing};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new("TagResource", Need::Operate, tag),
        Operation::new("UntagResource", Need::Operate, untag),
        Operation::new("ListTagsForResource", Need::Read, list),
    ]
}

fn resource(call: &Call, arn: &str) -> Result<Resource, ApiError> {
    let name = topic(call, arn)?.to_string();
    Ok(Resource::Other { kind: NOTICE_TOPIC.to_owned(), name })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Tagging {
    resource_arn: String,
    tags: List<Tag>,
}

async fn tag(call: Call, input: Tagging) -> Result<Nothing, ApiError> {
    let resource = resource(&call, &input.resource_arn)?;
    call.store().tag(resource, Tags::new(input.tags.0)?, call.now()).await?;
    Ok(Nothing {})
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Untagging {
    resource_arn: String,
    tag_keys: List<String>,
}

async fn untag(call: Call, input: Untagging) -> Result<Nothing, ApiError> {
    if input.tag_keys.0.len() > MAX_TAGS {
        return Err(ApiError::invalid(format!("TagKeys: there are never more than {MAX_TAGS}")));
    }
    let resource = resource(&call, &input.resource_arn)?;
    call.store().untag(resource, input.tag_keys.0, call.now()).await?;
    Ok(Nothing {})
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Named {
    resource_arn: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    tags: Vec<Tag>,
}

async fn list(call: Call, input: Named) -> Result<Listed, ApiError> {
    let resource = resource(&call, &input.resource_arn)?;
    Ok(Listed { tags: call.store().tags_of(resource).await? })
}
