//! Policy checks on the examples of AWS's guide, compliant and noncompliant.
#![expect(clippy::unwrap_used, reason = "a test's own helpers fail the test")]

use perennial_core::policy::{
    Document,
    Misconfiguration::{self, DenyGoneAround, MqttWildcardsInDeny},
};
use serde_json::json;

fn document(statements: &serde_json::Value) -> Document {
    Document::parse(&json!({ "Version": "2012-10-17", "Statement": statements }).to_string())
        .unwrap()
}

fn arn(resource: &str) -> String {
    format!("arn:aws:iot:us-east-1:123456789012:{resource}")
}

fn allow(action: &str, resource: &str, attached: bool) -> Document {
    let mut statement = json!({ "Effect": "Allow", "Action": action, "Resource": arn(resource) });
    if attached {
        statement["Condition"] = json!({ "Bool": { "iot:Connection.Thing.IsAttached": "true" } });
    }
    document(&json!([statement]))
}

#[test]
fn broad_access_is_found_as_in_awss_examples() {
    let own = "$aws/things/${iot:Connection.Thing.ThingName}";
    for (action, resource, attached, broad) in [
        ("iot:Connect", "client/*", false, true),
        ("iot:Connect", "client/*", true, true),
        ("iot:Connect", "client/${iot:ClientId}", false, true),
        ("iot:Connect", "client/${iot:ClientId}", true, false),
        ("iot:Connect", "client/${iot:Connection.Thing.ThingName}", true, false),
        ("iot:Connect", "client/pump-1", false, false),
        ("iot:Publish", "topic/$aws/things/*", false, true),
        ("iot:Publish", "topic/$aws/things/*/shadow/update", false, true),
        ("iot:Publish", &format!("topic/{own}/shadow/*"), false, false),
        ("iot:Publish", "topic/sensors/*", false, false),
        ("iot:Publish", "topic/*", false, true),
        ("iot:Subscribe", "topicfilter/$aws/things/*", false, true),
        ("iot:Subscribe", "topicfilter/$aws/things/#", false, true),
        ("iot:Subscribe", "topicfilter/$aws/things/+/shadow/update", false, true),
        ("iot:Subscribe", &format!("topicfilter/{own}/shadow/*"), false, false),
        ("iot:Subscribe", &format!("topicfilter/{own}/jobs/*"), false, false),
        ("iot:Receive", "topic/$aws/things/*", false, false),
        ("iot:GetThingShadow", "thing/*", false, true),
        ("iot:UpdateThingShadow", "thing/*", false, true),
        ("iot:DeleteThingShadow", "thing/MyThing1", false, false),
        ("iot:DescribeJobExecution", "thing/MyThing*", false, false),
        ("iot:UpdateJobExecution", "thing/*", false, true),
        ("iot:StartNextPendingJobExecution", "thing/*", false, true),
    ] {
        let found = allow(action, resource, attached).broad_access();

        let expected: &[&str] = if broad { &[action] } else { &[] };
        assert_eq!(found, expected, "{action} {resource} {attached}");
    }
}

#[test]
fn everything_on_everything_names_every_action_and_a_deny_none() {
    let all = document(&json!({ "Effect": "Allow", "Action": "iot:*", "Resource": "*" }));
    let denied = document(&json!({ "Effect": "Deny", "Action": "*", "Resource": "*" }));

    assert_eq!(all.broad_access().len(), 13);
    assert_eq!(denied.broad_access(), Vec::<&str>::new());
}

#[test]
fn a_deny_that_does_not_deny_is_found_as_in_awss_examples() {
    let deny = |action: &str, resource: &str| json!({ "Effect": "Deny", "Action": action, "Resource": arn(resource) });
    let broad = json!({ "Effect": "Allow", "Action": ["iot:Subscribe", "iot:Receive"],
        "Resource": [arn("topicfilter/building/*"), arn("topic/building/*")] });
    let exact = json!({ "Effect": "Allow", "Action": "iot:Subscribe",
        "Resource": arn("topicfilter/building/hall") });
    let control = "building/control_room/*";
    let cases: [(serde_json::Value, &[Misconfiguration]); 8] = [
        (json!([broad, deny("iot:Publish", "topic/building/+/camera")]), &[MqttWildcardsInDeny]),
        (json!([exact, deny("iot:Subscribe", "topicfilter/building/#")]), &[MqttWildcardsInDeny]),
        (json!([exact, deny("iot:Publish", "topic/a+b/c")]), &[]),
        (
            json!([broad, deny("iot:Subscribe", &format!("topicfilter/{control}"))]),
            &[DenyGoneAround],
        ),
        (
            json!([
                broad,
                deny("iot:Subscribe", &format!("topicfilter/{control}")),
                deny("iot:Receive", &format!("topic/{control}"))
            ]),
            &[],
        ),
        (json!([exact, deny("iot:Subscribe", &format!("topicfilter/{control}"))]), &[]),
        (json!([broad, deny("iot:Subscribe", "topicfilter/*")]), &[]),
        (json!([broad]), &[]),
    ];
    for (statements, expected) in cases {
        let found = document(&statements).misconfigurations();

        assert_eq!(found, expected, "{statements}");
    }
}
