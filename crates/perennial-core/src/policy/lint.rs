//! What is unwise in a policy: access to other devices' resources, and Denies that do not deny.
//!
//! Source: AWS IoT Device Defender developer guide, "AWS IoT policies overly permissive" and
//! "AWS IoT policy potentially misconfigured". Whether a resource pattern is broad is found out by
//! trying it on the resources of a thing that nobody would name: a pattern with a prefix, such as
//! `thing/Pump*`, does not let it in, and neither does a variable.

use super::{document::Document, json::Json, pattern::Glob};

/// A thing that no policy means but one that means all.
const ANYBODY: &str = "perennial-nobody-0f7a1c";

/// How many parts an ARN has: `arn:partition:service:region:account:resource`.
const ARN_PARTS: usize = 6;

/// The data plane's actions and, for each, resources of [`ANYBODY`] that it is done to.
///
/// `iot:Receive` is not among them: what can be received is limited by what was subscribed to.
const DATA_PLANE: [(&str, Reach); 13] = [
    ("iot:Connect", Reach::Client),
    ("iot:Publish", Reach::Topic),
    ("iot:RetainPublish", Reach::Topic),
    ("iot:Subscribe", Reach::TopicFilter),
    ("iot:GetThingShadow", Reach::Thing),
    ("iot:UpdateThingShadow", Reach::Thing),
    ("iot:DeleteThingShadow", Reach::Thing),
    ("iot:ListNamedShadowsForThing", Reach::Thing),
    ("iot:DescribeJobExecution", Reach::Thing),
    ("iot:GetPendingJobExecutions", Reach::Thing),
    ("iot:StartNextPendingJobExecution", Reach::Thing),
    ("iot:UpdateJobExecution", Reach::Thing),
    ("iot:GetRetainedMessage", Reach::Topic),
];

/// The topics of a thing, behind `$aws/things/NAME/`.
const OF_A_THING: [&str; 12] = [
    "shadow/update",
    "shadow/get",
    "shadow/delete",
    "shadow/update/accepted",
    "shadow/update/delta",
    "shadow/name/any/update",
    "shadow/name/any/get",
    "jobs/get",
    "jobs/start-next",
    "jobs/any/get",
    "jobs/any/update",
    "any",
];

/// Filters that select other things' topics, `+` and `#` being themselves.
const BROAD_FILTERS: [&str; 12] = [
    "#",
    "$aws/#",
    "$aws/things/#",
    "$aws/things/+/#",
    "$aws/things/+/shadow/#",
    "$aws/things/+/shadow/+",
    "$aws/things/+/shadow/update",
    "$aws/things/+/shadow/update/#",
    "$aws/things/+/shadow/get/#",
    "$aws/things/+/jobs/#",
    "$aws/things/+/jobs/notify",
    "$aws/things/+/jobs/notify-next",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    Client,
    Topic,
    TopicFilter,
    Thing,
}

/// Something that a policy's Deny statements do not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Misconfiguration {
    /// `+` or `#` in a Deny, where they are plain characters.
    MqttWildcardsInDeny,
    /// A subscription with wildcards reaches what a Deny names.
    DenyGoneAround,
}

/// One statement as text.
struct Statement<'a> {
    allows: bool,
    actions: Vec<Glob>,
    resources: Vec<&'a str>,
    attached_only: bool,
}

impl Document {
    /// The data-plane actions that the document allows on other devices' resources, by AWS's names.
    pub fn broad_access(&self) -> Vec<&'static str> {
        let Some(json) = self.json() else { return Vec::new() };
        let statements = statements(&json);
        let broad = |(action, reach): &(&'static str, Reach)| {
            let allows =
                |it: &Statement<'_>| it.allows && it.names(action) && it.reaches_others(*reach);
            statements.iter().any(allows).then_some(*action)
        };
        DATA_PLANE.iter().filter_map(broad).collect()
    }

    /// What its Deny statements do not do.
    pub fn misconfigurations(&self) -> Vec<Misconfiguration> {
        let Some(json) = self.json() else { return Vec::new() };
        let statements = statements(&json);
        let wildcards =
            wildcards_in_deny(&statements).then_some(Misconfiguration::MqttWildcardsInDeny);
        let around = deny_gone_around(&statements).then_some(Misconfiguration::DenyGoneAround);
        wildcards.into_iter().chain(around).collect()
    }

    /// The text once more as JSON: it was read before, so it can be read.
    fn json(&self) -> Option<Json> {
        serde_json::from_str(self.as_json()).ok()
    }
}

fn statements(document: &Json) -> Vec<Statement<'_>> {
    let member = member(document, "Statement");
    let entries = member.map(|it| it.maybe_entries("")).unwrap_or_default();
    entries.into_iter().map(|(json, _)| statement(json)).collect()
}

fn statement(json: &Json) -> Statement<'_> {
    let texts = |name| -> Vec<&str> {
        let entries = member(json, name).map(|it| it.maybe_entries("")).unwrap_or_default();
        entries.into_iter().filter_map(|(entry, _)| entry.text("").ok()).collect()
    };
    let lower = |action: &str| Glob::with_wildcards(&action.to_ascii_lowercase());
    Statement {
        allows: texts("Effect") == ["Allow"],
        actions: texts("Action").into_iter().map(lower).collect(),
        resources: texts("Resource"),
        attached_only: member(json, "Condition").is_some_and(asks_for_attachment),
    }
}

fn member<'j>(json: &'j Json, name: &str) -> Option<&'j Json> {
    let members = json.object("").ok()?;
    members.iter().find(|(known, _)| known == name).map(|(_, value)| value)
}

/// `"Bool": { "iot:Connection.Thing.IsAttached": "true" }`, in any of JSON's ways.
fn asks_for_attachment(condition: &Json) -> bool {
    let wanted = member(condition, "Bool")
        .and_then(|keys| member(keys, "iot:Connection.Thing.IsAttached"))
        .map(|values| values.maybe_entries(""))
        .unwrap_or_default();
    let is_true = |json: &Json| match json {
        Json::Bool(value) => *value,
        Json::String(text) => text == "true",
        Json::Null | Json::Number(_) | Json::Array(_) | Json::Object(_) => false,
    };
    !wanted.is_empty() && wanted.iter().all(|(value, _)| is_true(value))
}

/// The resource that an ARN names; all of them for a pattern that is not written out so far.
fn resource(arn: &str) -> &str {
    arn.splitn(ARN_PARTS, ':').nth(ARN_PARTS - 1).unwrap_or("*")
}

impl Statement<'_> {
    fn names(&self, action: &str) -> bool {
        self.actions.iter().any(|it| it.matches(&action.to_ascii_lowercase()))
    }

    fn reaches_others(&self, reach: Reach) -> bool {
        let probes = probes(reach);
        self.resources.iter().any(|arn| {
            let mut text = resource(arn).to_owned();
            if reach == Reach::Client && !self.attached_only {
                // A client may call itself anything.
                text = text.replace("${iot:ClientId}", "*");
            }
            let glob = Glob::with_wildcards(&text);
            probes.iter().any(|probe| glob.matches(probe))
        })
    }

    fn covers(&self, kind: &str, name: &str) -> bool {
        let wanted = format!("{kind}/{name}");
        self.resources.iter().any(|arn| Glob::with_wildcards(resource(arn)).matches(&wanted))
    }
}

fn probes(reach: Reach) -> Vec<String> {
    match reach {
        Reach::Client => vec![format!("client/{ANYBODY}")],
        Reach::Thing => vec![format!("thing/{ANYBODY}"), format!("thing/{ANYBODY}/any")],
        Reach::Topic => {
            OF_A_THING.iter().map(|it| format!("topic/$aws/things/{ANYBODY}/{it}")).collect()
        }
        Reach::TopicFilter => {
            let own = OF_A_THING.iter().map(|it| format!("$aws/things/{ANYBODY}/{it}"));
            let broad = BROAD_FILTERS.iter().map(|it| (*it).to_owned());
            own.chain(broad).map(|filter| format!("topicfilter/{filter}")).collect()
        }
    }
}

/// The topic or topic filter of a resource pattern.
fn topic_of(arn: &str) -> Option<&str> {
    let resource = resource(arn);
    resource.strip_prefix("topicfilter/").or_else(|| resource.strip_prefix("topic/"))
}

fn wildcards_in_deny(statements: &[Statement<'_>]) -> bool {
    let wild = |topic: &str| topic.split('/').any(|level| matches!(level, "+" | "#"));
    let denied = statements.iter().filter(|it| !it.allows).flat_map(|it| &it.resources);
    denied.filter_map(|arn| topic_of(arn)).any(wild)
}

/// Whether a filter that some Allow grants and no Deny names selects what a Deny is to keep from
/// the subscriber, and no Deny of `iot:Receive` keeps the messages back either.
fn deny_gone_around(statements: &[Statement<'_>]) -> bool {
    let of = |allows: bool, action: &'static str| {
        let wanted = move |it: &&Statement<'_>| it.allows == allows && it.names(action);
        statements.iter().filter(wanted)
    };
    of(false, "iot:Subscribe").flat_map(|it| &it.resources).any(|arn| {
        let Some(filter) = resource(arn).strip_prefix("topicfilter/") else { return false };
        let received = filter.replace('*', "any");
        let kept_back = of(false, "iot:Receive").any(|it| it.covers("topic", &received));
        !kept_back
            && ways_around(filter).iter().any(|way| {
                of(true, "iot:Subscribe").any(|it| it.covers("topicfilter", way))
                    && !of(false, "iot:Subscribe").any(|it| it.covers("topicfilter", way))
            })
    })
}

/// Filters with MQTT wildcards that select what `filter` does.
fn ways_around(filter: &str) -> Vec<String> {
    let levels: Vec<&str> = filter.split('/').collect();
    let plain = levels.iter().take_while(|it| !it.contains(['*', '?', '+', '#'])).count();
    let mut ways = Vec::new();
    for at in 0..plain {
        let before = levels[..at].join("/");
        let before = if at == 0 { before } else { before + "/" };
        ways.push(format!("{before}#"));
        let behind = levels[at + 1..].join("/").replace('*', "any");
        let behind = if behind.is_empty() { behind } else { format!("/{behind}") };
        ways.push(format!("{before}+{behind}"));
    }
    ways
}
