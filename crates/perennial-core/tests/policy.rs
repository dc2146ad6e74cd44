//! Policies as AWS documents them, and what they let one connection do.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test's own helpers fail the test")]

use std::{collections::BTreeMap, sync::Arc};

use perennial_core::{
    ids::ThingName,
    policy::{
        CertificateFacts, Decision::*, Document, Permissions, Request, Scope, Subject, ThingFacts,
    },
};

fn subject() -> Subject {
    let values = |values: &[&str]| values.iter().map(|v| (*v).to_owned()).collect::<Vec<_>>();
    let attribute = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let subject = BTreeMap::from([
        ("CommonName".to_owned(), values(&["pump", "second", "Administrator"])),
        ("Organization".to_owned(), values(&["Example Corp", "AnyCompany"])),
        ("State".to_owned(), values(&["W*"])),
        ("Title".to_owned(), values(&[&"x".repeat(1025)])),
    ]);
    Subject {
        client_id: "pump-1".to_owned(),
        source_ip: Some("192.0.2.7".parse().unwrap()),
        thing: Some(ThingFacts {
            name: ThingName::new("pump-1").unwrap(),
            is_attached: true,
            type_name: Some("Pump".to_owned()),
            attributes: BTreeMap::from([
                attribute("site", "north"),
                attribute("level", "7"),
                attribute("since", "2026-01-31T12:00:00Z"),
                attribute("wild", "#"),
            ]),
            billing_group: None,
        }),
        certificate: Arc::new(CertificateFacts { subject, ..CertificateFacts::default() }),
    }
}

fn statement(effect: &str, action: &str, resource: &str, condition: &str) -> String {
    format!(
        r#"{{"Effect":"{effect}","Action":"{action}","Resource":"{resource}","Condition":{condition}}}"#
    )
}

fn document(statements: &[String]) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","))
}

fn compile(json: &str, subject: &Subject) -> Permissions {
    let document = Document::parse(json).unwrap_or_else(|error| panic!("{error}: {json}"));
    Permissions::compile(&[Arc::new(document)], subject, &Scope::default())
}

fn publish(topic: &str) -> Request<'_> {
    Request::Publish { topic }
}

fn subscribe(filter: &str) -> Request<'_> {
    Request::Subscribe { filter }
}

fn allowed_if(condition: &str, subject: &Subject) -> bool {
    let json = document(&[statement("Allow", "iot:Publish", "*", condition)]);
    compile(&json, subject).allows(&publish("a"))
}

#[test]
fn a_resource_allows_what_it_names_and_nothing_else() {
    let filter = "arn:aws:iot:*:*:topicfilter/a/#";
    for (action, resource, request, allowed) in [
        ("iot:Publish", "arn:aws:iot:local-1:000000000000:topic/a/*", publish("a/b/c"), true),
        ("iot:Publish", "arn:aws:iot:*:*:topic/a", publish("b"), false),
        ("iot:Publish", "arn:aws:iot:us-east-1:*:topic/a", publish("a"), false),
        ("iot:Publish", "arn:aws:iot:*:123456789012:topic/a", publish("a"), false),
        ("iot:Publish", "arn:aws-cn:iot:*:*:topic/a", publish("a"), false),
        ("iot:Publish", "arn:aws:iot:*:*:client/a", publish("a"), false),
        ("iot:Publish", "arn:*topic/a", publish("x:topic/a"), true),
        ("iot:Publish", "arn:*topic/a", publish("a"), true),
        ("iot:Publish", "arn:aws:iot:*:*:topic/?", publish("é"), true),
        ("iot:*", "*", Request::Receive { topic: "a" }, true),
        ("*", "*", Request::RetainPublish { topic: "a" }, true),
        ("iot:publish", "*", publish("a"), true),
        ("iot:Publish", "*", Request::RetainPublish { topic: "a" }, false),
        ("iot:GetThingShadow", "*", publish("a"), false),
        ("s3:*", "*", publish("a"), false),
        ("iot:Subscribe", filter, subscribe("a/#"), true),
        ("iot:Subscribe", filter, subscribe("a/b"), false),
        ("iot:Subscribe", "arn:aws:iot:*:*:topicfilter/a/+", subscribe("a/b"), false),
    ] {
        let json = document(&[statement("Allow", action, resource, "{}")]);

        let permissions = compile(&json, &subject());

        assert_eq!(permissions.allows(&request), allowed, "{action} {resource} {request:?}");
    }
}

#[test]
fn a_variable_stands_for_its_value_and_an_unset_one_for_nothing() {
    for (variable, value) in [
        ("iot:ClientId", Some("pump-1")),
        ("aws:SourceIp", Some("192.0.2.7")),
        ("iot:Connection.Thing.ThingName", Some("pump-1")),
        ("iot:Connection.Thing.ThingTypeName", Some("Pump")),
        ("iot:Connection.Thing.Attributes[site]", Some("north")),
        ("iot:Connection.Thing.Attributes[none]", None),
        ("iot:Connection.Thing.Attributes[wild]", None),
        ("iot:Connection.Thing.BillingGroupName", None),
        ("iot:Certificate.Subject.CommonName", Some("pump")),
        ("iot:Certificate.Subject.CommonName.1", Some("second")),
        ("iot:Certificate.Subject.CommonName.3", None),
        ("iot:Certificate.Subject.State", None),
        ("iot:Certificate.Subject.Title", None),
        ("iot:Certificate.Issuer.CommonName", None),
        ("iot:Certificate.SubjectAlternativeName.DNSName", None),
        ("iot:Certificate.SerialNumber", None),
        ("*", Some("*")),
        ("?", Some("?")),
        ("$", Some("$")),
    ] {
        let resource = format!("arn:aws:iot:*:*:topic/x/${{{variable}}}/y");
        let json = document(&[statement("Allow", "iot:Publish", &resource, "{}")]);
        let permissions = compile(&json, &subject());
        let itself = format!("${{{variable}}}");
        let texts = ["pump-1", "192.0.2.7", "Pump", "north", "pump", "second", "*", "?", "$", ""];

        for text in texts.into_iter().chain(["#", "W*", "Wx", "a", &itself]) {
            let allowed = permissions.allows(&publish(&format!("x/{text}/y")));
            assert_eq!(allowed, Some(text) == value, "{variable} {text}");
        }
    }
}

#[test]
fn facts_of_a_thing_count_only_while_the_certificate_is_attached() {
    let mut detached = subject();
    detached.thing.as_mut().unwrap().is_attached = false;
    let resource = "arn:aws:iot:*:*:topic/${iot:Connection.Thing.ThingName}";
    let json = document(&[statement("Allow", "iot:Publish", resource, "{}")]);

    assert!(compile(&json, &subject()).allows(&publish("pump-1")));
    assert!(!compile(&json, &detached).allows(&publish("pump-1")));
    assert!(!allowed_if(r#"{"Bool":{"iot:Connection.Thing.IsAttached":"true"}}"#, &detached));
}

#[test]
fn without_the_newer_version_a_variable_is_plain_text() {
    let json = document(&[statement("Allow", "iot:Publish", "*topic/${iot:ClientId}", "{}")])
        .replace("2012-10-17", "2008-10-17");

    let permissions = compile(&json, &subject());

    assert!(permissions.allows(&publish("${iot:ClientId}")));
    assert!(!permissions.allows(&publish("pump-1")));
}

#[test]
fn a_deny_wins_whatever_the_order() {
    let allow = statement("Allow", "iot:*", "*", "{}");
    let deny = statement("Deny", "iot:Publish", "arn:aws:iot:*:*:topic/secret/*", "{}");

    for statements in [[allow.clone(), deny.clone()], [deny, allow]] {
        let permissions = compile(&document(&statements), &subject());

        assert_eq!(permissions.decide(&publish("secret/a")), ExplicitlyDenied);
        assert_eq!(permissions.decide(&publish("a")), Allowed);
    }
}

#[test]
fn operators_compare_as_iam_documents() {
    let site = "iot:Connection.Thing.Attributes[site]";
    let level = "iot:Connection.Thing.Attributes[level]";
    let since = "iot:Connection.Thing.Attributes[since]";
    let none = "iot:Connection.Thing.Attributes[none]";
    let attached = "iot:Connection.Thing.IsAttached";
    let org = "iot:Certificate.Subject.Organization.List";
    let keys = "iot:Certificate.AvailableKeys";
    for (operator, key, value, holds) in [
        ("StringEquals", site, r#"["south","north"]"#, true),
        ("StringEquals", site, r#""n*""#, false),
        ("StringEquals", site, r#""NORTH""#, false),
        ("StringEquals", site, "[]", false),
        ("StringNotEquals", site, r#"["south","north"]"#, false),
        ("StringEqualsIgnoreCase", site, r#""NORTH""#, true),
        ("StringNotEqualsIgnoreCase", site, r#""NORTH""#, false),
        ("StringLike", site, r#""n?r*""#, true),
        ("StringNotLike", site, r#""n*""#, false),
        ("StringEquals", none, r#""x""#, false),
        ("StringNotEquals", none, r#""x""#, true),
        ("StringEqualsIfExists", none, r#""x""#, true),
        ("StringEqualsIfExists", site, r#""x""#, false),
        ("StringEquals", "iot:ClientId", r#""${iot:Connection.Thing.ThingName}""#, true),
        ("StringNotEquals", site, r#""${iot:Connection.Thing.BillingGroupName}""#, false),
        ("NumericEquals", level, r#""7.0""#, true),
        ("NumericNotEquals", level, "7", false),
        ("NumericLessThan", level, "7", false),
        ("NumericLessThanEquals", level, "7", true),
        ("NumericGreaterThan", level, "6.5", true),
        ("NumericGreaterThanEquals", level, "8", false),
        ("NumericEquals", site, "7", false),
        ("DateEquals", since, r#""2026-01-31T13:00:00+01:00""#, true),
        ("DateLessThan", since, r#""2026-02-01""#, true),
        ("DateGreaterThan", since, r#""2026-02-01""#, false),
        ("Bool", attached, r#"["true"]"#, true),
        ("Bool", attached, "false", false),
        ("IpAddress", "aws:SourceIp", r#""192.0.2.0/24""#, true),
        ("NotIpAddress", "aws:SourceIp", r#""192.0.2.0/24""#, false),
        ("IpAddress", "aws:SourceIp", r#""198.51.100.1""#, false),
        ("Null", none, r#""true""#, true),
        ("Null", none, "false", false),
        ("Null", site, "false", true),
        ("ForAllValues:StringEquals", org, r#"["Example Corp","AnyCompany"]"#, true),
        ("ForAllValues:StringEquals", org, r#""AnyCompany""#, false),
        ("ForAnyValue:StringEquals", org, r#""AnyCompany""#, true),
        ("ForAnyValue:StringNotEquals", org, r#""AnyCompany""#, true),
        ("ForAllValues:StringNotEquals", org, r#""AnyCompany""#, false),
        ("ForAllValues:StringEquals", none, r#""x""#, true),
        ("ForAnyValue:StringNotEquals", none, r#""x""#, false),
        ("ForAnyValue:StringLike", keys, r#""*.Subject.CommonName""#, true),
        ("StringEquals", "iot:Certificate.Subject.CommonName.2", r#""Administrator""#, true),
    ] {
        let condition = format!(r#"{{"{operator}":{{"{key}":{value}}}}}"#);

        assert_eq!(allowed_if(&condition, &subject()), holds, "{condition}");
    }
}

#[test]
fn a_deny_that_compares_with_an_unset_value_still_denies() {
    let mut unregistered = subject();
    unregistered.thing = None;
    let guard = r#"{"StringNotEquals":{"iot:ClientId":"${iot:Connection.Thing.ThingName}"}}"#;
    let json =
        document(&[statement("Allow", "iot:*", "*", "{}"), statement("Deny", "iot:*", "*", guard)]);

    assert_eq!(compile(&json, &subject()).decide(&publish("a")), Allowed);
    assert_eq!(compile(&json, &unregistered).decide(&publish("a")), ExplicitlyDenied);
}

/// Whether CONNECTs are allowed: plain, persistent, with a Last Will, with both.
fn connects(json: &str) -> [bool; 4] {
    let permissions = compile(json, &subject());
    let will = Some("my/will");
    [(false, None), (true, None), (false, will), (true, will)].map(
        |(persistent, last_will_topic)| {
            let client_id = "pump-1";
            permissions.allows(&Request::Connect { client_id, persistent, last_will_topic })
        },
    )
}

#[test]
fn connect_attributes_work_as_in_awss_examples() {
    let allow = |condition: &str| statement("Allow", "iot:Connect", "*", condition);
    let deny = |condition: &str| statement("Deny", "iot:Connect", "*", condition);
    let key = |operator: &str, values: &str| {
        format!(r#"{{"{operator}":{{"iot:ConnectAttributes":{values}}}}}"#)
    };
    let all = |values: &str| key("ForAllValues:StringEquals", values);
    let any = |values: &str| key("ForAnyValue:StringEquals", values);
    let (persistent, will) = (r#"["PersistentConnect"]"#, r#"["LastWill"]"#);
    let both = r#"["PersistentConnect","LastWill"]"#;
    let topic = |topic: &str| {
        format!(r#"{{"ArnEquals":{{"iot:LastWillTopic":"arn:aws:iot:*:*:topic/{topic}"}}}}"#)
    };
    let not_persistent = key("ForAllValues:StringNotEquals", persistent);
    for (statements, expected) in [
        (vec![allow("{}")], [true, true, true, true]),
        (vec![allow(&all(persistent))], [true, true, false, false]),
        (vec![allow(&not_persistent)], [true, false, true, false]),
        (vec![allow("{}"), deny(&any(persistent))], [true, false, true, false]),
        (vec![allow(&all(both))], [true, true, true, true]),
        (vec![allow(&all(will))], [true, false, true, false]),
        (vec![allow(&all("[]"))], [true, false, false, false]),
        (vec![allow(&any(persistent))], [false, true, false, true]),
        (
            vec![allow(&all(both)), deny(&all(persistent)), deny(&all(will)), deny(&all("[]"))],
            [false, false, false, true],
        ),
        (vec![allow(&topic("my/w*"))], [false, false, true, true]),
        (vec![allow(&topic("other"))], [false, false, false, false]),
        (vec![allow(&topic("my/will")), deny(&any(persistent))], [false, false, true, false]),
    ] {
        let json = document(&statements);

        assert_eq!(connects(&json), expected, "{json}");
    }
}

#[test]
fn what_is_malformed_is_refused_with_its_place() {
    let good = r#""Effect":"Allow","Action":"iot:Publish","Resource":"*""#;
    let with = |more: &str| format!("{good},{more}");
    let resource = |text: &str| format!(r#""Effect":"Deny","Action":"*","Resource":["{text}"]"#);
    let condition = |text: &str| with(&format!(r#""Condition":{text}"#));
    for (statement, message) in [
        (r#""Effect":"Allow","Action":"*""#.into(), r#"[0]: the member "Resource" is missing"#),
        (r#""Action":"*","Resource":"*""#.into(), r#"[0]: the member "Effect" is missing"#),
        (with(r#""NotAction":"x""#), "$.Statement[0].NotAction: the member"),
        (with(r#""NotResource":"x""#), "$.Statement[0].NotResource: the member"),
        (with(r#""Principal":"*""#), "$.Statement[0].Principal: the member"),
        (with(r#""Effect":"Deny""#), r#"the member "Effect" is named twice"#),
        (good.replace("Allow", "allow"), "$.Statement[0].Effect: "),
        (good.replace("iot:Publish", "Publish"), "$.Statement[0].Action: "),
        (good.replace(r#""iot:Publish""#, "[]"), "$.Statement[0].Action: the list"),
        (resource("topic/a"), "$.Statement[0].Resource[0]: "),
        (resource("*${iot:ClientId"), "is not closed"),
        (resource("*${iot:Nope}"), r#""iot:Nope" is no"#),
        (resource("*${iot:Certificate.Subject.Title.List}"), "has many values"),
        (condition(r#"{"Equals":{"a":"b"}}"#), "no condition operator"),
        (condition(r#"{"NullIfExists":{"a":"b"}}"#), "no condition operator"),
        (condition(r#"{"StringEquals":{"iot:X":"b"}}"#), r#""iot:X" is no"#),
        (
            condition(r#"{"StringEquals":{"iot:ConnectAttributes":"b"}}"#),
            r#"[0].Condition.StringEquals["iot:ConnectAttributes"]: "#,
        ),
        (condition(r#"{"IpAddress":{"aws:SourceIp":["::","x"]}}"#), r#"["aws:SourceIp"][1]: "x""#),
        (condition(r#"{"Bool":{"iot:ClientId":"yes"}}"#), "true or false"),
    ] {
        let json = format!(r#"{{"Version":"2012-10-17","Statement":[{{{statement}}}]}}"#);

        let error = Document::parse(&json).unwrap_err().to_string();

        assert!(error.contains(message), "{json}\n{error}");
    }
    for json in ["", "[]", "{}", r#"{"Version":"2012-10-17","Statement":[[]]}"#] {
        assert!(Document::parse(json).is_err(), "{json}");
    }
}

#[test]
fn a_document_without_statements_says_nothing_to_anything() {
    let permissions = compile(&document(&[]), &subject());
    let blank = Document::blank();

    assert_eq!(Document::parse(blank.as_json()), Ok(blank));
    for request in [publish("a"), subscribe("a"), Request::Receive { topic: "a" }] {
        assert_eq!(permissions.decide(&request), ImplicitlyDenied);
    }
}

#[test]
fn a_document_has_at_most_2048_characters_besides_white_space() {
    let of_len = |len: usize| {
        let json = document(&[statement("Allow", "iot:Publish", "*", "{}")]);
        let padding = "x".repeat(len - json.len());
        json.replace(r#""*""#, &format!(r#""*{padding}""#)) + &" \n".repeat(100)
    };

    assert!(Document::parse(&of_len(2048)).is_ok());
    assert!(Document::parse(&of_len(2049)).is_err());
}

#[test]
fn a_typical_policy_takes_less_than_a_kilobyte() {
    let allow = |action: &str, resource: &str| {
        let name = "${iot:Connection.Thing.ThingName}";
        let arn = format!("arn:aws:iot:local-1:000000000000:{}", resource.replace('@', name));
        statement("Allow", action, &arn, "{}")
    };
    let json = document(&[
        allow("iot:Connect", "client/@"),
        allow("iot:Publish", "topic/management/topic/@/*"),
        allow("iot:Subscribe", "topicfilter/management/topic/@/*"),
        allow("iot:Receive", "topic/management/topic/@/*"),
    ]);

    let permissions = compile(&json, &subject());

    assert!(permissions.allows(&publish("management/topic/pump-1/csr_res")));
    assert!(!permissions.allows(&publish("management/topic/pump-2/csr_res")));
    assert!(permissions.heap_len() <= 1024, "{}", permissions.heap_len());
}
