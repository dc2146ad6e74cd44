//! What is told of the registry's changes: each record of the event log and its messages.

use perennial_core::{
    policy::Scope,
    registry::{EventType, Record, Told, tell},
    time::Timestamp,
};
use serde_json::{Value, json};

fn told(kind: &str, body: &Value) -> Vec<Told> {
    let (at, hash) = (Timestamp::from_millis(1_700_000_000_000), &[7; 32]);
    tell(&Record { kind, body, at, hash }, &Scope::default(), |_| true)
}

fn topics(kind: &str, body: &Value) -> Vec<String> {
    told(kind, body).into_iter().map(|it| it.topic).collect()
}

const ID: &str = "00000000-0000-4000-8000-000000000001";
const OTHER_ID: &str = "10000000-0000-4000-8000-000000000002";

#[test]
fn a_thing_is_told_as_aws_iot_tells_it() {
    let body = json!({ "thingName": "pump-1", "thingId": ID, "thingTypeName": "pump",
        "thingTypeBefore": "pump", "attributes": { "site": "7" }, "version": 3 });

    let messages = told("thing.updated", &body);

    let event_id = messages[0].payload["eventId"].clone();
    assert_eq!(messages[0].topic, "$aws/events/thing/pump-1/updated");
    assert_eq!(
        messages[0].payload,
        json!({ "eventType": "THING_EVENT", "eventId": event_id, "timestamp": 1_700_000_000_000_i64,
            "operation": "UPDATED", "accountId": "000000000000", "thingId": ID,
            "thingName": "pump-1", "versionNumber": 3, "thingTypeName": "pump",
            "attributes": { "site": "7" } })
    );
    assert_eq!(messages.len(), 1);
    assert_eq!(told("thing.updated", &body), messages);
}

#[test]
fn a_new_thing_has_version_1_and_tells_of_its_type() {
    let bare = json!({ "thingName": "pump-1", "thingId": ID });
    let typed = json!({ "thingName": "pump-1", "thingId": ID, "thingTypeName": "pump" });

    let payload = told("thing.created", &bare)[0].payload.clone();

    assert_eq!(payload["versionNumber"], 1);
    assert_eq!((&payload["thingTypeName"], &payload["attributes"]), (&Value::Null, &json!({})));
    assert_eq!(
        topics("thing.created", &typed),
        ["$aws/events/thing/pump-1/created", "$aws/events/thingTypeAssociation/thing/pump-1/pump"]
    );
}

#[test]
fn a_changed_type_is_told_twice_with_ids_of_their_own() {
    let body = json!({ "thingName": "pump-1", "thingId": ID, "thingTypeName": "valve",
        "thingTypeBefore": "pump", "attributes": {}, "version": 2 });

    let messages = told("thing.updated", &body);

    let said: Vec<_> = messages
        .iter()
        .map(|it| (it.payload["operation"].as_str(), it.payload["thingTypeName"].as_str()))
        .collect();
    assert_eq!(
        said,
        [
            (Some("UPDATED"), Some("valve")),
            (Some("DELETED"), Some("pump")),
            (Some("CREATED"), Some("valve"))
        ]
    );
    let mut ids: Vec<_> = messages.iter().map(|it| it.payload["eventId"].to_string()).collect();
    ids.dedup();
    assert_eq!(ids.len(), 3);
}

#[test]
fn a_type_is_told_with_its_deprecation() {
    let body = json!({ "thingTypeName": "pump", "thingTypeId": ID, "deprecatedAt": 5,
        "properties": { "description": "d", "searchableAttributes": ["site"] } });

    let message = &told("thing-type.deprecated", &body)[0];

    assert_eq!(message.topic, "$aws/events/thingType/pump/updated");
    let payload = &message.payload;
    assert_eq!((&payload["isDeprecated"], &payload["deprecationDate"]), (&json!(true), &json!(5)));
    assert_eq!(payload["searchableAttributes"], json!(["site"]));
    assert_eq!(payload["description"], "d");
}

#[test]
fn a_group_is_told_with_its_place() {
    let body = json!({ "thingGroupName": "hall", "thingGroupId": ID, "parentGroupName": "plant",
        "rootToParent": [{ "thingGroupName": "plant", "thingGroupId": OTHER_ID }], "version": 1,
        "properties": { "description": null, "attributes": { "a": "b" } } });

    let created = told("thing-group.created", &body);

    assert_eq!(created[0].topic, "$aws/events/thingGroup/hall/created");
    assert_eq!(created[0].payload["parentGroupName"], "plant");
    assert_eq!(created[0].payload["parentGroupId"], OTHER_ID);
    assert_eq!(
        created[0].payload["rootToParentThingGroups"],
        json!([{ "groupArn": "arn:aws:iot:local-1:000000000000:thinggroup/plant",
            "groupId": OTHER_ID }])
    );
    let within = "$aws/events/thingGroupHierarchy/thingGroup/plant/childThingGroup/hall";
    assert_eq!(created[1].topic, format!("{within}/added"));
    assert_eq!(created[1].payload["childGroupId"], ID);
    assert_eq!(
        topics("thing-group.deleted", &body),
        [format!("{within}/removed"), "$aws/events/thingGroup/hall/deleted".to_owned()]
    );
}

#[test]
fn leaving_a_group_names_the_membership_that_joining_named() {
    let body = json!({ "thingName": "pump-1", "thingId": ID, "thingGroupName": "hall",
        "thingGroupId": OTHER_ID });

    let (joined, left) = (told("thing-group.joined", &body), told("thing-group.left", &body));

    let place = "$aws/events/thingGroupMembership/thingGroup/hall/thing/pump-1";
    assert_eq!(joined[0].topic, format!("{place}/added"));
    assert_eq!(left[0].topic, format!("{place}/removed"));
    assert!(joined[0].payload["membershipId"].is_string());
    assert_eq!(joined[0].payload["membershipId"], left[0].payload["membershipId"]);
    assert_eq!(joined[0].payload["thingArn"], "arn:aws:iot:local-1:000000000000:thing/pump-1");
}

#[test]
fn certificates_cas_and_policies_are_told_alike() {
    let rows = [
        ("certificate.registered", "certificate/c/created"),
        ("certificate.issued", "certificate/c/created"),
        ("certificate.enrolled", "certificate/c/updated"),
        ("certificate.status", "certificate/c/updated"),
        ("certificate.retired", "certificate/c/updated"),
        ("certificate.deleted", "certificate/c/deleted"),
        ("ca-certificate.registered", "caCertificate/ca/created"),
        ("ca-certificate.updated", "caCertificate/ca/updated"),
        ("ca-certificate.deleted", "caCertificate/ca/deleted"),
        ("policy.created", "policy/p/created"),
        ("policy.version.created", "policy/p/updated"),
        ("policy.version.in-force", "policy/p/updated"),
        ("policy.version.deleted", "policy/p/updated"),
        ("policy.deleted", "policy/p/deleted"),
    ];
    let body = json!({ "certificateId": "c", "caCertificateId": "ca", "policyName": "p",
        "version": 2, "to": "INACTIVE" });

    for (kind, topic) in rows {
        assert_eq!(topics(kind, &body), [format!("$aws/events/{topic}")], "{kind}");
    }
    assert_eq!(told("certificate.status", &body)[0].payload["status"], "INACTIVE");
    assert_eq!(told("policy.version.created", &body)[0].payload["policyVersionId"], "2");
}

#[test]
fn what_is_not_enabled_or_of_the_registry_is_not_told() {
    let body = json!({ "thingName": "pump-1", "thingId": ID, "thingTypeName": "pump" });
    let at = Timestamp::EPOCH;
    let record = Record { kind: "thing.created", body: &body, at, hash: &[0; 32] };

    let associations =
        tell(&record, &Scope::default(), |kind| kind == EventType::ThingTypeAssociation);

    assert_eq!(associations.len(), 1);
    assert_eq!(associations[0].payload["eventType"], "THING_TYPE_ASSOCIATION_EVENT");
    for kind in ["rotation.opened", "notice", "thing.principal.attached", "policy.attached"] {
        assert_eq!(told(kind, &body), [], "{kind}");
    }
}
