//! Things in groups: joining, leaving, and both lists of it.

use http::Method;
use perennial_core::{
    access::Need,
    ids::{ThingGroupName, ThingName},
    registry::Resource,
};
use serde::{Deserialize, Serialize};

use super::{
    thing_groups::{GroupNameAndArn, GroupPath},
    things::ThingPath,
};
use crate::{
    ApiError,
    call::Call,
    decode::{Input, Nothing},
    described::Operation,
    page::{self, Paged},
};

const ADD: &str = "/thing-groups/addThingToThingGroup";
const REMOVE: &str = "/thing-groups/removeThingFromThingGroup";
const UPDATE: &str = "/thing-groups/updateThingGroupsForThing";
const THINGS: &str = "/thing-groups/{thingGroupName}/things";
const GROUPS: &str = "/things/{thingName}/thing-groups";

/// The most groups that one request adds a thing to, or takes it out of.
const MAX_AT_ONCE: usize = 250;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::iot("AddThingToThingGroup", (Method::PUT, ADD), Need::Operate, add),
        Operation::iot("RemoveThingFromThingGroup", (Method::PUT, REMOVE), Need::Operate, remove),
        Operation::iot("UpdateThingGroupsForThing", (Method::PUT, UPDATE), Need::Operate, update),
        Operation::iot("ListThingsInThingGroup", (Method::GET, THINGS), Need::Read, list_things),
        Operation::iot("ListThingGroupsForThing", (Method::GET, GROUPS), Need::Read, list_groups),
    ]
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Addition {
    thing_group_name: Option<ThingGroupName>,
    thing_group_arn: Option<String>,
    thing_name: Option<ThingName>,
    thing_arn: Option<String>,
    /// There are no dynamic groups here that could give way.
    #[serde(default, rename = "overrideDynamicGroups")]
    _override_dynamic_groups: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Removal {
    thing_group_name: Option<ThingGroupName>,
    thing_group_arn: Option<String>,
    thing_name: Option<ThingName>,
    thing_arn: Option<String>,
}

/// What a name, an ARN, or both of them name.
pub(super) fn named<T: PartialEq>(
    what: &str,
    name: Option<T>,
    by_arn: Option<Option<T>>,
) -> Result<T, ApiError> {
    match (name, by_arn) {
        (Some(name), None) | (None, Some(Some(name))) => Ok(name),
        (Some(name), Some(Some(by_arn))) if name == by_arn => Ok(name),
        (Some(_), Some(Some(_))) => {
            Err(ApiError::invalid(format!("{what}Name and {what}Arn name different ones")))
        }
        (_, Some(None)) => Err(ApiError::invalid(format!("{what}Arn is the ARN of another kind"))),
        (None, None) => Err(ApiError::invalid(format!("{what}Name or {what}Arn must be given"))),
    }
}

pub(super) fn thing(
    call: &Call,
    name: Option<ThingName>,
    arn: Option<&str>,
) -> Result<ThingName, ApiError> {
    let of = |arn| {
        let resource = Resource::parse(arn, call.scope())?;
        Ok(if let Resource::Thing(name) = resource { Some(name) } else { None })
    };
    named("thing", name, arn.map(of).transpose().map_err(ApiError::of_arn)?)
}

fn group(
    call: &Call,
    name: Option<ThingGroupName>,
    arn: Option<&str>,
) -> Result<ThingGroupName, ApiError> {
    let of = |arn| {
        let resource = Resource::parse(arn, call.scope())?;
        Ok(if let Resource::ThingGroup(name) = resource { Some(name) } else { None })
    };
    named("thingGroup", name, arn.map(of).transpose().map_err(ApiError::of_arn)?)
}

async fn change(
    call: &Call,
    thing: ThingName,
    add: Vec<ThingGroupName>,
    remove: Vec<ThingGroupName>,
) -> Result<Nothing, ApiError> {
    call.store().change_groups(thing.clone(), add, remove, call.now()).await?;
    call.thing_changed(thing).await?;
    Ok(Nothing {})
}

async fn add(call: Call, input: Input<Nothing, Nothing, Addition>) -> Result<Nothing, ApiError> {
    let asked = input.body;
    let thing = thing(&call, asked.thing_name, asked.thing_arn.as_deref())?;
    let group = group(&call, asked.thing_group_name, asked.thing_group_arn.as_deref())?;
    change(&call, thing, vec![group], Vec::new()).await
}

async fn remove(call: Call, input: Input<Nothing, Nothing, Removal>) -> Result<Nothing, ApiError> {
    let asked = input.body;
    let thing = thing(&call, asked.thing_name, asked.thing_arn.as_deref())?;
    let group = group(&call, asked.thing_group_name, asked.thing_group_arn.as_deref())?;
    change(&call, thing, Vec::new(), vec![group]).await
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Update {
    thing_name: ThingName,
    #[serde(default)]
    thing_groups_to_add: Vec<ThingGroupName>,
    #[serde(default)]
    thing_groups_to_remove: Vec<ThingGroupName>,
    #[serde(default, rename = "overrideDynamicGroups")]
    _override_dynamic_groups: bool,
}

/// All or nothing; the thing leaves groups before it joins others.
async fn update(call: Call, input: Input<Nothing, Nothing, Update>) -> Result<Nothing, ApiError> {
    let asked = input.body;
    let (add, remove) = (asked.thing_groups_to_add, asked.thing_groups_to_remove);
    if add.len().max(remove.len()) > MAX_AT_ONCE {
        return Err(ApiError::invalid(format!("{MAX_AT_ONCE} groups at once at most")));
    }
    if let Some(both) = add.iter().find(|group| remove.contains(group)) {
        let message = format!("group {both} is to be both added and removed");
        return Err(ApiError::invalid(message));
    }
    change(&call, asked.thing_name, add, remove).await
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Query {
    max_results: Option<u32>,
    next_token: Option<String>,
    #[serde(default)]
    recursive: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Things {
    things: Vec<ThingName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

async fn list_things(call: Call, input: Input<GroupPath, Query>) -> Result<Things, ApiError> {
    let Query { max_results, next_token, recursive } = input.query;
    let group = input.path.thing_group_name;
    let list = format!("ListThingsInThingGroup/{group}/{recursive}");
    let limit = page::limit(max_results, "maxResults")?;
    let after = page::place(&list, next_token.as_deref())?;
    let found = call.store().things_in_group(group, recursive, after, limit).await?;
    let next_token = found.next.map(|place| page::token(&list, &place));
    Ok(Things { things: found.items, next_token })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Groups {
    thing_groups: Vec<GroupNameAndArn>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

/// There are at most ten: a page is cut from all of them.
async fn list_groups(call: Call, input: Input<ThingPath, Paged>) -> Result<Groups, ApiError> {
    let thing = input.path.thing_name;
    let list = format!("ListThingGroupsForThing/{thing}");
    let limit = page::limit(input.query.max_results, "maxResults")?;
    let after: Option<ThingGroupName> = page::place(&list, input.query.next_token.as_deref())?;
    let mut groups = call.store().groups_of(thing).await?;
    groups.retain(|group| after.as_ref().is_none_or(|after| group > after));
    let next_token = page::cut(&mut groups, limit, &list, Clone::clone);
    Ok(Groups { thing_groups: GroupNameAndArn::of(groups, &call), next_token })
}
