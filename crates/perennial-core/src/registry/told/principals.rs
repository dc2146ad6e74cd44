//! What is told of certificates, CAs and policies.

use serde_json::{Value, json};

use super::{Event, EventType, Record, lower, text};
use crate::policy::Scope;

pub(super) fn of_certificate(record: &Record<'_>, scope: &Scope) -> Vec<Event> {
    let body = record.body;
    let (operation, status) = match record.kind {
        "certificate.registered" => ("CREATED", body["status"].clone()),
        "certificate.issued" => ("CREATED", json!("INACTIVE")),
        "certificate.enrolled" => ("UPDATED", json!("ACTIVE")),
        "certificate.status" => ("UPDATED", body["to"].clone()),
        "certificate.retired" => ("UPDATED", json!("INACTIVE")),
        "certificate.deleted" => ("DELETED", Value::Null),
        _ => return Vec::new(),
    };
    let id = text(body, "certificateId");
    vec![Event {
        kind: EventType::Certificate,
        name: "CERTIFICATE_EVENT",
        operation,
        topic: format!("certificate/{id}/{}", lower(operation)),
        members: json!({
            "certificateId": id,
            "certificateArn": scope.arn("cert", id),
            "status": status,
            "caCertificateId": body["caCertificateId"],
        }),
    }]
}

pub(super) fn of_ca(record: &Record<'_>, scope: &Scope) -> Vec<Event> {
    let body = record.body;
    let operation = match record.kind {
        "ca-certificate.registered" => "CREATED",
        "ca-certificate.updated" => "UPDATED",
        "ca-certificate.deleted" => "DELETED",
        _ => return Vec::new(),
    };
    let id = text(body, "caCertificateId");
    vec![Event {
        kind: EventType::CaCertificate,
        name: "CA_CERTIFICATE_EVENT",
        operation,
        topic: format!("caCertificate/{id}/{}", lower(operation)),
        members: json!({
            "certificateId": id,
            "certificateArn": scope.arn("cacert", id),
            "status": body["status"],
            "autoRegistrationStatus": body["autoRegistrationStatus"],
        }),
    }]
}

pub(super) fn of_policy(record: &Record<'_>, scope: &Scope) -> Vec<Event> {
    let body = record.body;
    let nothing = &Value::Null;
    let (operation, version, change) = match record.kind {
        "policy.created" => ("CREATED", &body["version"], None),
        "policy.version.created" => ("UPDATED", &body["version"], Some("CREATED")),
        "policy.version.in-force" => ("UPDATED", &body["to"], Some("SET_AS_DEFAULT")),
        "policy.version.deleted" => ("UPDATED", &body["version"], Some("DELETED")),
        "policy.deleted" => ("DELETED", nothing, None),
        _ => return Vec::new(),
    };
    let name = text(body, "policyName");
    vec![Event {
        kind: EventType::Policy,
        name: "POLICY_EVENT",
        operation,
        topic: format!("policy/{name}/{}", lower(operation)),
        members: json!({
            "policyName": name,
            "policyArn": scope.arn("policy", name),
            "policyVersionId": version.as_u64().map(|number| number.to_string()),
            "versionChange": change,
        }),
    }]
}
