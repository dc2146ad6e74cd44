//! Topic rules as documents: what is refused, what is to be delivered, what failures say.

use perennial_core::{
    policy::Scope,
    rule::{
        Incoming, Message, ReadyRule, RuleInvalid, TopicRule,
        action::{Batching, Delivery, HttpPost, Payload, Republication},
        built_in,
        failure::{BatchFailureMessage, Failure, FailureMessage},
    },
    topic::Prefix,
};
use serde_json::{Value, json};

use crate::surroundings::surroundings;

const SQL: &str = "SELECT temperature, clientid() AS clientid FROM 'sensors/+/data'";

fn rule(actions: Value) -> TopicRule {
    serde_json::from_value(json!({ "sql": SQL, "actions": actions })).unwrap()
}

fn ready(actions: Value) -> Result<ReadyRule, RuleInvalid> {
    rule(actions).ready()
}

fn problem(actions: Value) -> String {
    ready(actions).unwrap_err().to_string()
}

fn message(payload: &[u8]) -> Message<'_> {
    Message {
        topic: "sensors/pump-1/data",
        payload,
        client_id: Some("pump-1"),
        principal: None,
        trace_id: Some("trace"),
    }
}

/// What the rule's one action is to deliver.
fn delivered(rule: &ReadyRule, payload: &[u8]) -> Result<Delivery, Failure> {
    let incoming = Incoming::new(message(payload), surroundings());
    let mut outcomes = rule.run(&incoming).unwrap();
    assert_eq!(outcomes.len(), 1);
    outcomes.remove(0)
}

fn text(payload: &Payload) -> &str {
    std::str::from_utf8(&payload.0).unwrap()
}

#[test]
fn a_republished_message_goes_where_its_template_says() {
    let action = json!([{ "republish": {
        "roleArn": "arn:aws:iam::1:role/x", "topic": "$$aws/things/${clientid()}/in", "qos": 1,
        "headers": { "contentType": "t/${topic(1)}", "messageExpiry": "60",
            "correlationData": "AQI=", "payloadFormatIndicator": "UTF8_DATA",
            "userProperties": [{ "key": "k", "value": "${temperature}" }] } } }]);

    let delivery = delivered(&ready(action).unwrap(), br#"{"temperature": 21, "x": 1}"#).unwrap();

    let Delivery::Republish(Republication { topic, at_least_once, headers, payload }) = delivery
    else {
        panic!("{delivery:?}")
    };
    assert_eq!((topic.as_str(), at_least_once), ("$aws/things/pump-1/in", true));
    assert_eq!(text(&payload), r#"{"clientid":"pump-1","temperature":21}"#);
    assert_eq!(headers.content_type.as_deref(), Some("t/sensors"));
    assert_eq!((headers.message_expiry, headers.is_utf8), (Some(60), true));
    assert_eq!(headers.correlation_data.as_deref(), Some(&[1, 2][..]));
    assert_eq!(headers.user_properties, [("k".to_owned(), "21".to_owned())]);
}

#[test]
fn a_request_has_the_url_and_the_fields_of_its_templates() {
    let action = json!([{ "http": {
        "url": "https://example.com/in/${clientid()}", "confirmationUrl": "https://example.com/in",
        "headers": [{ "key": "X-Topic", "value": "${topic()}" }],
        "auth": { "sigv4": { "signingRegion": "r", "serviceName": "s", "roleArn": "a" } } } }]);

    let delivery = delivered(&ready(action).unwrap(), br#"{"temperature": 21}"#).unwrap();

    let Delivery::Http(HttpPost { url, headers, signing, .. }) = delivery else {
        panic!("{delivery:?}")
    };
    assert_eq!(url, "https://example.com/in/pump-1");
    assert_eq!(headers, [("x-topic".to_owned(), "sensors/pump-1/data".to_owned())]);
    assert_eq!(signing.map(|it| (it.region, it.service)), Some(("r".into(), "s".into())));
}

#[test]
fn a_delivery_is_the_same_after_json() {
    let actions = [
        json!({ "republish": { "topic": "a/${topic(2)}" } }),
        json!({ "http": { "url": "https://example.com/" } }),
        json!({ "http": { "url": "https://example.com/", "enableBatching": true } }),
        json!({ "sns": { "targetArn": "arn:aws:sns:r:1:t", "messageFormat": "JSON" } }),
        json!({ "lambda": { "functionArn": "arn:aws:lambda:r:1:function:f" } }),
        json!({ "file": { "name": "${topic(2)}.jsonl" } }),
        json!({ "stdout": {} }),
    ];

    for action in actions {
        let delivery = delivered(&ready(json!([action])).unwrap(), b"{}").unwrap();
        let again: Delivery =
            serde_json::from_str(&serde_json::to_string(&delivery).unwrap()).unwrap();
        assert_eq!(again, delivery, "{action}");
    }
}

#[test]
fn a_document_says_which_member_is_wrong() {
    let many = vec![json!({ "stdout": {} }); 11];
    let wrong = [
        (json!([{ "republish": { "topic": "a/+" } }]), "actions[0].republish.topic: \"a/+\": "),
        (json!([{ "republish": { "topic": "a", "qos": 2 } }]), "actions[0].republish.qos: 2 is"),
        (json!([{ "republish": { "topic": "${" } }]), "actions[0].republish.topic: line 1, column"),
        (
            json!([{ "http": { "url": "https://a", "batchConfig": { "maxBatchSize": 1 } } }]),
            "actions[0].http.batchConfig.maxBatchSize: 1, not from 2 to 10",
        ),
        (
            json!([{ "stdout": {} }, { "http": { "url": "http://a" } }]),
            "actions[1].http.url: it must begin with https://",
        ),
        (
            json!([{ "http": { "url": "https://a/${topic()}" } }]),
            "actions[0].http.confirmationUrl: it must be given",
        ),
        (
            json!([{ "http": { "url": "https://a", "headers": [{ "key": "Host", "value": "b" }] } }]),
            "actions[0].http.headers: \"Host\" is set by the server itself",
        ),
        (json!([{ "file": { "name": "../../etc/passwd" } }]), "actions[0].file.name: "),
        (json!([{ "lambda": { "functionArn": "f/../g" } }]), "actions[0].lambda.functionArn: "),
        (json!(many), "actions: a rule has at most 10"),
    ];

    for (actions, beginning) in wrong {
        let problem = problem(actions);
        assert!(problem.starts_with(beginning), "{problem}");
    }
    let other = TopicRule { aws_iot_sql_version: Some("2015-10-08".to_owned()), ..rule(json!([])) };
    assert!(other.ready().unwrap_err().to_string().starts_with("awsIotSqlVersion: only 2016"));
    let bad = TopicRule { sql: "SELECT FROM".to_owned(), ..rule(json!([])) };
    assert!(matches!(bad.ready(), Err(RuleInvalid::Sql(_))));
}

#[test]
fn an_action_that_is_not_done_here_is_refused_by_name() {
    let read = |action: Value| {
        let document = json!({ "sql": SQL, "actions": [action] });
        serde_json::from_value::<TopicRule>(document).unwrap_err().to_string()
    };

    assert!(read(json!({ "dynamoDB": {} })).contains("unknown variant `dynamoDB`"));
    let unknown = json!({ "http": { "url": "https://a", "batchConfig": { "maxBatches": 2 } } });
    assert!(read(unknown).contains("unknown field `maxBatches`"));
}

#[test]
fn a_parameter_that_comes_out_wrong_fails_its_action_alone() {
    let actions = json!([{ "file": { "name": "${name}" } }, { "stdout": {} }]);
    let rule = TopicRule { sql: "SELECT * FROM 'sensors/#'".to_owned(), ..rule(actions) };
    let rule = rule.ready().unwrap();

    let incoming = Incoming::new(message(br#"{"name": "../x"}"#), surroundings());
    let outcomes = rule.run(&incoming).unwrap();

    let failure = outcomes[0].as_ref().unwrap_err();
    assert_eq!((failure.failed_action, &*failure.failed_resource), ("FileAction", "${name}"));
    assert!(failure.error_message.contains("\"../x\""), "{failure:?}");
    assert!(matches!(&outcomes[1], Ok(Delivery::Stdout { .. })));
}

#[test]
fn a_rule_that_republishes_to_itself_is_refused_with_the_way() {
    let error_action =
        serde_json::from_value(json!({ "republish": { "topic": "sensors/a/data" } }));
    let looping = TopicRule { error_action: Some(error_action.unwrap()), ..rule(json!([])) };
    let looping = looping.ready().unwrap();
    let harmless = ready(json!([{ "republish": { "topic": "errors/${topic(2)}" } }])).unwrap();

    let found = looping.check_loops("mine", std::iter::empty(), &[]).unwrap_err();
    let none = harmless.check_loops("mine", [("other", &harmless)].into_iter(), &[]);

    assert!(found.to_string().contains("rule mine republishes to 'sensors/a/data'"), "{found}");
    assert_eq!(none, Ok(()));
}

#[test]
fn an_error_action_hears_what_failed_in_awss_words() {
    let delivery = delivered(&ready(json!([{ "stdout": {} }])).unwrap(), b"{}").unwrap();
    let failures = [Failure::of(&delivery, "the pipe is broken")];

    let told = FailureMessage::new("mine", &message(b"{}"), &failures).to_json();

    let told: Value = serde_json::from_slice(&told).unwrap();
    assert_eq!(
        told,
        json!({ "ruleName": "mine", "topic": "sensors/pump-1/data", "cloudwatchTraceId": "trace",
            "clientId": "pump-1", "base64OriginalPayload": "e30=",
            "failures": [{ "failedAction": "StdoutAction", "failedResource": "stdout",
                "errorMessage": "the pipe is broken" }] })
    );
}

#[test]
fn the_built_in_rules_are_the_reference_architectures() {
    let scope = Scope { partition: "aws".into(), region: "r".into(), account: "1".into() };

    let rules = built_in(&Prefix::default(), &scope);

    let names: Vec<_> = rules.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["perennial_crt_ack", "perennial_crt_err", "perennial_csr_res"]);
    for it in rules {
        let ready = it.rule.ready().unwrap();
        assert_eq!(ready.rule.filter(), Prefix::default().filter(it.kind));
    }
}

#[test]
fn a_failed_batch_tells_of_each_message_and_of_its_topic_where_they_differ() {
    let failure = |delivery: &Delivery| Failure::of(delivery, "it answered 500");
    let other = Message { topic: "sensors/pump-2/data", client_id: None, ..message(b"[2]") };
    let told = |config: Value, batching: Batching| {
        let http = json!([{ "http": { "url": "https://a", "enableBatching": true, "batchConfig": config } }]);
        let delivery = delivered(&ready(http).unwrap(), b"{}").unwrap();
        let Delivery::Http(post) = &delivery else { panic!("{delivery:?}") };
        assert_eq!(post.batching, batching);
        let messages = [message(b"{}"), other];
        let told = BatchFailureMessage::new("r", &messages, post.batching, failure(&delivery));
        serde_json::from_slice::<Value>(&told.to_json()).unwrap()
    };

    let of_a_topic = told(json!({}), Batching::OfATopic);
    let across = told(json!({ "batchAcrossTopics": true }), Batching::AcrossTopics);

    assert_eq!(
        of_a_topic,
        json!({ "ruleName": "r", "topic": "sensors/pump-1/data",
            "payloadsWithMetadata": [
                { "id": 1, "cloudwatchTraceId": "trace", "clientId": "pump-1",
                  "base64OriginalPayload": "e30=" },
                { "id": 2, "cloudwatchTraceId": "trace", "clientId": null,
                  "base64OriginalPayload": "WzJd" }],
            "failures": [{ "affectedIds": [1, 2], "failedAction": "HttpAction",
                "failedResource": "https://a", "errorMessage": "it answered 500" }] })
    );
    assert_eq!(across["topic"], Value::Null);
    assert_eq!(across["payloadsWithMetadata"][1]["topic"], "sensors/pump-2/data");
}
