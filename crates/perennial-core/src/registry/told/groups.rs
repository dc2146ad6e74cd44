//! What is told of thing groups: of themselves, of which lies in which, of which things are in them.

use serde_json::{Value, json};

use super::{Event, EventType, Record, lower, text};
use crate::{ids::ResourceId, policy::Scope};

pub(super) fn of_group(record: &Record<'_>, scope: &Scope) -> Vec<Event> {
    let body = record.body;
    match record.kind {
        "thing-group.created" => [Some(group(body, "CREATED", scope)), hierarchy(body, "ADDED")]
            .into_iter()
            .flatten()
            .collect(),
        "thing-group.updated" => vec![group(body, "UPDATED", scope)],
        "thing-group.deleted" => [hierarchy(body, "REMOVED"), Some(group(body, "DELETED", scope))]
            .into_iter()
            .flatten()
            .collect(),
        "thing-group.joined" => vec![membership(body, "ADDED", scope)],
        "thing-group.left" => vec![membership(body, "REMOVED", scope)],
        _ => Vec::new(),
    }
}

/// The groups that it lies in, the root first.
fn above(body: &Value) -> &[Value] {
    body["rootToParent"].as_array().map_or(&[], Vec::as_slice)
}

fn group(body: &Value, operation: &'static str, scope: &Scope) -> Event {
    let (name, properties) = (text(body, "thingGroupName"), &body["properties"]);
    let parent = above(body).last().unwrap_or(&Value::Null);
    let entry = |it: &Value| {
        json!({ "groupArn": scope.arn("thinggroup", text(it, "thingGroupName")),
            "groupId": it["thingGroupId"] })
    };
    let path: Vec<Value> = above(body).iter().map(entry).collect();
    Event {
        kind: EventType::ThingGroup,
        name: "THING_GROUP_EVENT",
        operation,
        topic: format!("thingGroup/{name}/{}", lower(operation)),
        members: json!({
            "thingGroupId": body["thingGroupId"],
            "thingGroupName": name,
            "versionNumber": body["version"],
            "parentGroupName": parent["thingGroupName"],
            "parentGroupId": parent["thingGroupId"],
            "description": properties["description"],
            "rootToParentThingGroups": if path.is_empty() { Value::Null } else { json!(path) },
            "attributes": properties["attributes"],
        }),
    }
}

fn hierarchy(body: &Value, operation: &'static str) -> Option<Event> {
    let parent = above(body).last()?;
    let (name, child) = (text(parent, "thingGroupName"), text(body, "thingGroupName"));
    let last = lower(operation);
    Some(Event {
        kind: EventType::ThingGroupHierarchy,
        name: "THING_GROUP_HIERARCHY_EVENT",
        operation,
        topic: format!("thingGroupHierarchy/thingGroup/{name}/childThingGroup/{child}/{last}"),
        members: json!({
            "thingGroupId": parent["thingGroupId"],
            "thingGroupName": name,
            "childGroupId": body["thingGroupId"],
            "childGroupName": child,
        }),
    })
}

fn membership(body: &Value, operation: &'static str, scope: &Scope) -> Event {
    let (group, thing) = (text(body, "thingGroupName"), text(body, "thingName"));
    let last = lower(operation);
    Event {
        kind: EventType::ThingGroupMembership,
        name: "THING_GROUP_MEMBERSHIP_EVENT",
        operation,
        topic: format!("thingGroupMembership/thingGroup/{group}/thing/{thing}/{last}"),
        members: json!({
            "groupArn": scope.arn("thinggroup", group),
            "groupId": body["thingGroupId"],
            "thingArn": scope.arn("thing", thing),
            "thingId": body["thingId"],
            "membershipId": membership_id(body),
        }),
    }
}

/// Names a thing's place in a group: made of both ids, so that leaving names what joining did.
fn membership_id(body: &Value) -> Option<ResourceId> {
    let octets = |member| {
        let digits: String = text(body, member).chars().filter(|c| *c != '-').collect();
        <[u8; 16]>::try_from(hex::decode(digits).ok()?).ok()
    };
    let (thing, mut both) = (octets("thingId")?, octets("thingGroupId")?);
    both.iter_mut().zip(thing).for_each(|(octet, other)| *octet ^= other);
    Some(ResourceId::from_random(both))
}
