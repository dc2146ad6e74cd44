//! What is told of the registry's changes on `$aws/events/…`: from a record of the event log to
//! AWS IoT's messages (developer guide, "Registry events").
//!
//! AWS IoT documents no messages for certificates, CAs and policies; theirs are made alike.

mod groups;
mod principals;
mod things;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{ids::ResourceId, policy::Scope, time::Timestamp};

/// A kind of event: AWS IoT's `EventType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "AWS's names say it")]
pub enum EventType {
    Thing,
    ThingGroup,
    ThingType,
    ThingGroupMembership,
    ThingGroupHierarchy,
    ThingTypeAssociation,
    Job,
    JobExecution,
    Policy,
    Certificate,
    CaCertificate,
}

impl EventType {
    /// Each of them.
    pub const ALL: [Self; 11] = [
        Self::Thing,
        Self::ThingGroup,
        Self::ThingType,
        Self::ThingGroupMembership,
        Self::ThingGroupHierarchy,
        Self::ThingTypeAssociation,
        Self::Job,
        Self::JobExecution,
        Self::Policy,
        Self::Certificate,
        Self::CaCertificate,
    ];

    /// Whether there is anything of it to tell: there are no jobs.
    pub const fn is_told(self) -> bool {
        !matches!(self, Self::Job | Self::JobExecution)
    }
}

/// A record of the event log.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// What happened, e.g. `thing.created`.
    pub kind: &'a str,
    /// The particulars.
    pub body: &'a Value,
    /// When.
    pub at: Timestamp,
    /// What no other record has: its hash.
    pub hash: &'a [u8; 32],
}

/// A message that tells of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Where it is published.
    pub topic: String,
    /// What.
    pub payload: Value,
}

/// The messages that tell of a record, as far as their kind `is_enabled`. The same record makes the
/// same messages, ids included.
pub fn tell(
    record: &Record<'_>,
    scope: &Scope,
    is_enabled: impl Fn(EventType) -> bool,
) -> Vec<Told> {
    let Some((subject, _)) = record.kind.split_once('.') else { return Vec::new() };
    let events = match subject {
        "thing" => things::of_thing(record),
        "thing-type" => things::of_type(record),
        "thing-group" => groups::of_group(record, scope),
        "certificate" => principals::of_certificate(record, scope),
        "ca-certificate" => principals::of_ca(record, scope),
        "policy" => principals::of_policy(record, scope),
        _ => Vec::new(),
    };
    let enabled = events.into_iter().filter(|event| is_enabled(event.kind));
    (0..).zip(enabled).map(|(n, event)| event.told(n, record, scope)).collect()
}

/// A message before what all have in common.
struct Event {
    kind: EventType,
    /// What its `eventType` says.
    name: &'static str,
    operation: &'static str,
    /// The topic behind `$aws/events/`.
    topic: String,
    members: Value,
}

impl Event {
    fn told(self, n: u8, record: &Record<'_>, scope: &Scope) -> Told {
        let mut payload = self.members;
        payload["eventType"] = json!(self.name);
        payload["eventId"] = json!(event_id(record.hash, n));
        payload["timestamp"] = json!(record.at.as_millis());
        payload["operation"] = json!(self.operation);
        payload["accountId"] = json!(scope.account);
        Told { topic: format!("$aws/events/{}", self.topic), payload }
    }
}

/// The id of the `n`th message about a record.
fn event_id(hash: &[u8; 32], n: u8) -> ResourceId {
    let mut octets = [0; 16];
    octets.copy_from_slice(&hash[..16]);
    octets[15] = octets[15].wrapping_add(n);
    ResourceId::from_random(octets)
}

/// A member of a record's body as text; empty when it is not there.
fn text<'a>(body: &'a Value, member: &str) -> &'a str {
    body[member].as_str().unwrap_or_default()
}

/// The text of the last level of a topic.
fn lower(operation: &str) -> String {
    operation.to_ascii_lowercase()
}
