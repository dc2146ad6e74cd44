//! Static thing groups: making, showing, listing, changing, deleting.

use http::Method;
use perennial_core::{
    access::Need,
    ids::{ResourceId, ThingGroupName},
    registry::{Attributes, GroupProperties, Tag, Tags, ThingGroup},
};
use perennial_store::{GroupFilter, GroupUpdate, Shared};
use serde::{Deserialize, Serialize};

use super::{attribute_payload::AttributePayload, things::Expected};
use crate::{
    ApiError,
    call::Call,
    decode::{Input, Nothing},
    described::Operation,
    page,
    wire::Seconds,
};

const PATH: &str = "/thing-groups/{thingGroupName}";

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::iot("CreateThingGroup", (Method::POST, PATH), Need::Operate, create),
        Operation::iot("DescribeThingGroup", (Method::GET, PATH), Need::Read, describe),
        Operation::iot("ListThingGroups", (Method::GET, "/thing-groups"), Need::Read, list),
        Operation::iot("UpdateThingGroup", (Method::PATCH, PATH), Need::Operate, update),
        Operation::iot("DeleteThingGroup", (Method::DELETE, PATH), Need::Operate, delete),
    ]
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct GroupPath {
    pub(super) thing_group_name: ThingGroupName,
}

/// AWS's `ThingGroupProperties` in a request.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Properties {
    thing_group_description: Option<String>,
    attribute_payload: Option<AttributePayload>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct New {
    parent_group_name: Option<ThingGroupName>,
    #[serde(default)]
    thing_group_properties: Properties,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Created {
    thing_group_name: ThingGroupName,
    thing_group_arn: String,
    thing_group_id: ResourceId,
}

/// Making the same group again changes nothing and is no error.
async fn create(call: Call, input: Input<GroupPath, Nothing, New>) -> Result<Created, ApiError> {
    let New { parent_group_name: parent, thing_group_properties: asked, tags } = input.body;
    let attributes = AttributePayload::first(asked.attribute_payload)?;
    let properties = GroupProperties { description: asked.thing_group_description, attributes };
    let (name, tags) = (input.path.thing_group_name, Tags::new(tags)?);
    let thing_group_arn = call.scope().arn("thinggroup", name.as_str());
    let made = call.store().create_thing_group(name, parent, properties, tags, call.now()).await;
    let (made, _) = made.map_err(|error| ApiError::not_made(error, &thing_group_arn))?;
    Ok(Created { thing_group_name: made.name, thing_group_arn, thing_group_id: made.group_id })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    thing_group_name: ThingGroupName,
    thing_group_id: ResourceId,
    thing_group_arn: String,
    version: u64,
    thing_group_properties: Shown,
    thing_group_metadata: Metadata,
}

/// Properties of which those that a group has not are left out.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    #[serde(skip_serializing_if = "Option::is_none")]
    thing_group_description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attribute_payload: Option<ShownAttributes>,
}

#[derive(Serialize)]
struct ShownAttributes {
    attributes: Attributes,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_group_name: Option<ThingGroupName>,
    root_to_parent_thing_groups: Vec<GroupNameAndArn>,
    creation_date: Seconds,
}

/// A group as lists name it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GroupNameAndArn {
    group_name: ThingGroupName,
    group_arn: String,
}

impl GroupNameAndArn {
    pub(super) fn of(names: Vec<ThingGroupName>, call: &Call) -> Vec<Self> {
        let arn = |name: &ThingGroupName| call.scope().arn("thinggroup", name.as_str());
        let group = |name| Self { group_arn: arn(&name), group_name: name };
        names.into_iter().map(group).collect()
    }
}

async fn describe(call: Call, input: Input<GroupPath>) -> Result<Described, ApiError> {
    let group = call.store().thing_group(input.path.thing_group_name).await?;
    let ThingGroup { name, group_id, properties, ancestors, version, created_at } = group;
    let attributes = Some(properties.attributes).filter(|it| !it.as_map().is_empty());
    Ok(Described {
        thing_group_arn: call.scope().arn("thinggroup", name.as_str()),
        thing_group_name: name,
        thing_group_id: group_id,
        version,
        thing_group_properties: Shown {
            thing_group_description: properties.description,
            attribute_payload: attributes.map(|attributes| ShownAttributes { attributes }),
        },
        thing_group_metadata: Metadata {
            parent_group_name: ancestors.last().cloned(),
            root_to_parent_thing_groups: GroupNameAndArn::of(ancestors, &call),
            creation_date: Seconds(created_at),
        },
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Query {
    max_results: Option<u32>,
    next_token: Option<String>,
    parent_group: Option<ThingGroupName>,
    name_prefix_filter: Option<ThingGroupName>,
    recursive: Option<bool>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    thing_groups: Vec<GroupNameAndArn>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

/// Unless it says otherwise, a list without a parent has all groups, one of a parent the next level.
async fn list(call: Call, input: Input<Nothing, Query>) -> Result<Listed, ApiError> {
    let query = input.query;
    let filter = GroupFilter {
        recursive: query.recursive.unwrap_or(query.parent_group.is_none()),
        parent: query.parent_group,
        prefix: query.name_prefix_filter.map(|name| name.to_string()).unwrap_or_default(),
    };
    let list = format!("ListThingGroups {filter:?}");
    let limit = page::limit(query.max_results, "maxResults")?;
    let after = page::place(&list, query.next_token.as_deref())?;
    let found = call.store().thing_groups(filter, after, limit).await?;
    Ok(Listed {
        next_token: found.next.map(|place| page::token(&list, &place)),
        thing_groups: GroupNameAndArn::of(found.items, &call),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Change {
    thing_group_properties: Properties,
    expected_version: Option<u64>,
}

#[derive(Serialize)]
struct Changed {
    version: u64,
}

/// No right depends on what is said of a group, so no session has to notice.
async fn update(call: Call, input: Input<GroupPath, Nothing, Change>) -> Result<Changed, ApiError> {
    let Change { thing_group_properties: asked, expected_version } = input.body;
    let attributes = asked.attribute_payload.and_then(AttributePayload::change);
    let description = asked.thing_group_description;
    let update = GroupUpdate { description, attributes, expected_version };
    let changed = call.store().update_thing_group(input.path.thing_group_name, update, call.now());
    Ok(Changed { version: changed.await?.version })
}

/// A group that is not there is as good as deleted.
async fn delete(call: Call, input: Input<GroupPath, Expected>) -> Result<Nothing, ApiError> {
    let (name, expected) = (input.path.thing_group_name, input.query.expected_version);
    if let Some(number) = call.store().delete_thing_group(name, expected, call.now()).await? {
        call.shared_changed(Shared::Group(number)).await;
    }
    Ok(Nothing {})
}
