//! Tags: giving them to resources, taking them away, listing them.

use http::Method;
use perennial_core::{
    access::Need,
    registry::{MAX_TAGS, Resource, Tag, Tags},
};
use serde::{Deserialize, Serialize};

use crate::{
    ApiError,
    call::Call,
    decode::{Input, Nothing},
    described::Operation,
    page,
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::iot("TagResource", (Method::POST, "/tags"), Need::Operate, tag),
        Operation::iot("UntagResource", (Method::POST, "/untag"), Need::Operate, untag),
        Operation::iot("ListTagsForResource", (Method::GET, "/tags"), Need::Read, list),
    ]
}

fn resource(call: &Call, arn: &str) -> Result<Resource, ApiError> {
    Resource::parse(arn, call.scope()).map_err(ApiError::of_arn)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Tagging {
    resource_arn: String,
    tags: Vec<Tag>,
}

/// Tags that the resource has beside these stay.
async fn tag(call: Call, input: Input<Nothing, Nothing, Tagging>) -> Result<Nothing, ApiError> {
    let resource = resource(&call, &input.body.resource_arn)?;
    call.store().tag(resource, Tags::new(input.body.tags)?, call.now()).await?;
    Ok(Nothing {})
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Untagging {
    resource_arn: String,
    tag_keys: Vec<String>,
}

async fn untag(call: Call, input: Input<Nothing, Nothing, Untagging>) -> Result<Nothing, ApiError> {
    let Untagging { resource_arn, tag_keys } = input.body;
    if tag_keys.len() > MAX_TAGS {
        return Err(ApiError::invalid(format!("tagKeys: there are never more than {MAX_TAGS}")));
    }
    let resource = resource(&call, &resource_arn)?;
    call.store().untag(resource, tag_keys, call.now()).await?;
    Ok(Nothing {})
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Query {
    resource_arn: String,
    next_token: Option<String>,
}

#[derive(Serialize)]
struct Listed {
    tags: Vec<Tag>,
}

/// All in one answer, so there is no token of this list that could come back.
async fn list(call: Call, input: Input<Nothing, Query>) -> Result<Listed, ApiError> {
    page::place::<String>("ListTagsForResource", input.query.next_token.as_deref())?;
    let resource = resource(&call, &input.query.resource_arn)?;
    Ok(Listed { tags: call.store().tags_of(resource).await? })
}
