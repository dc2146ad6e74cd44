//! What is told of things and thing types, and of which type a thing has.

use serde_json::{Value, json};

use super::{Event, EventType, Record, lower, text};

pub(super) fn of_thing(record: &Record<'_>) -> Vec<Event> {
    let body = record.body;
    let (operation, before, after) = match record.kind {
        "thing.created" => ("CREATED", &Value::Null, &body["thingTypeName"]),
        "thing.updated" => ("UPDATED", &body["thingTypeBefore"], &body["thingTypeName"]),
        "thing.deleted" => ("DELETED", &body["thingTypeName"], &Value::Null),
        _ => return Vec::new(),
    };
    let mut events = vec![thing(body, operation)];
    if before != after {
        events.extend(association(body, before, "DELETED"));
        events.extend(association(body, after, "CREATED"));
    }
    events
}

fn thing(body: &Value, operation: &'static str) -> Event {
    let name = text(body, "thingName");
    let or = |member: &str, otherwise: Value| match &body[member] {
        absent if absent.is_null() => otherwise,
        value => value.clone(),
    };
    Event {
        kind: EventType::Thing,
        name: "THING_EVENT",
        operation,
        topic: format!("thing/{name}/{}", lower(operation)),
        members: json!({
            "thingId": body["thingId"],
            "thingName": name,
            "versionNumber": or("version", json!(1)),
            "thingTypeName": body["thingTypeName"],
            "attributes": or("attributes", json!({})),
        }),
    }
}

fn association(body: &Value, type_name: &Value, operation: &'static str) -> Option<Event> {
    let (thing, type_name) = (text(body, "thingName"), type_name.as_str()?);
    Some(Event {
        kind: EventType::ThingTypeAssociation,
        name: "THING_TYPE_ASSOCIATION_EVENT",
        operation,
        topic: format!("thingTypeAssociation/thing/{thing}/{type_name}"),
        members: json!({
            "thingId": body["thingId"],
            "thingName": thing,
            "thingTypeName": type_name,
        }),
    })
}

pub(super) fn of_type(record: &Record<'_>) -> Vec<Event> {
    let body = record.body;
    let operation = match record.kind {
        "thing-type.created" => "CREATED",
        "thing-type.updated" | "thing-type.deprecated" => "UPDATED",
        "thing-type.deleted" => "DELETED",
        _ => return Vec::new(),
    };
    let (name, properties) = (text(body, "thingTypeName"), &body["properties"]);
    vec![Event {
        kind: EventType::ThingType,
        name: "THING_TYPE_EVENT",
        operation,
        topic: format!("thingType/{name}/{}", lower(operation)),
        members: json!({
            "thingTypeId": body["thingTypeId"],
            "thingTypeName": name,
            "isDeprecated": !body["deprecatedAt"].is_null(),
            "deprecationDate": body["deprecatedAt"],
            "searchableAttributes": properties["searchableAttributes"],
            "description": properties["description"],
        }),
    }]
}
