//! AWS's documented examples of filter policies, as tables.
#![allow(clippy::unwrap_used, reason = "tests and their set-up")]

use perennial_core::notice_topic::{
    FilterPolicy, FilterScope, Message, MessageAttribute, MessageAttributes,
};

/// A message with one attribute `key`, spelled `TYPE:VALUE`, or with none.
fn with_attribute(spelled: &str) -> Message {
    let attributes: MessageAttributes = match spelled.split_once(':') {
        Some((data_type, value)) => {
            let (data_type, value) = (data_type.to_owned(), value.to_owned());
            [("key".to_owned(), MessageAttribute { data_type, value })].into()
        }
        None => [("other".to_owned(), MessageAttribute::text("x"))].into(),
    };
    Message::new(None, "text".to_owned(), attributes).unwrap()
}

fn admits(policy: &str, scope: FilterScope, message: &Message) -> bool {
    FilterPolicy::parse(policy, scope).unwrap().admits(message)
}

#[test]
fn one_attribute_is_compared_as_documented() {
    for (condition, spelled, admitted) in [
        (r#"["rugby", "tennis"]"#, "String:rugby", true),
        (r#"["rugby", "tennis"]"#, r#"String.Array:["rugby", "tennis"]"#, true),
        (r#"["rugby", "tennis"]"#, "String:baseball", false),
        (r#"["rugby", "tennis"]"#, r#"String.Array:["baseball"]"#, false),
        (r#"["rugby"]"#, "String:Rugby", false),
        (r#"["rugby"]"#, "none", false),
        (r#"["rugby"]"#, "Binary:AAEC", false),
        (r#"[{"anything-but": ["rugby", "tennis"]}]"#, "String:baseball", true),
        (
            r#"[{"anything-but": ["rugby", "tennis"]}]"#,
            r#"String.Array:["rugby", "baseball"]"#,
            true,
        ),
        (r#"[{"anything-but": ["rugby", "tennis"]}]"#, "String:rugby", false),
        (r#"[{"anything-but": ["rugby", "tennis"]}]"#, r#"String.Array:["rugby"]"#, false),
        (r#"[{"anything-but": ["rugby", "tennis"]}]"#, "none", false),
        (r#"[{"anything-but": {"prefix": "order-"}}]"#, "String:data-entry", true),
        (r#"[{"anything-but": {"prefix": "order-"}}]"#, "String:order-cancelled", false),
        (r#"[{"anything-but": [100, 500]}]"#, "Number:101", true),
        (r#"[{"anything-but": [100, 500]}]"#, "Number:100.1", true),
        (r#"[{"anything-but": [100, 500]}]"#, "Number:100.0", false),
        (r#"[{"equals-ignore-case": "tennis"}]"#, "String:TENNIS", true),
        (r#"[{"equals-ignore-case": "tennis"}]"#, "String:football", false),
        (r#"[{"cidr": "10.0.0.0/24"}]"#, "String:10.0.0.255", true),
        (r#"[{"cidr": "10.0.0.0/24"}]"#, "String:10.1.1.0", false),
        (r#"[{"cidr": "10.0.0.0/24"}]"#, "String:ten", false),
        (r#"[{"prefix": "bas"}]"#, "String:basketball", true),
        (r#"[{"prefix": "bas"}]"#, "String:rugby", false),
        (r#"[{"suffix": "ball"}]"#, "String:baseball", true),
        (r#"[{"suffix": "ball"}]"#, "String:rugby", false),
        (r#"[{"numeric": ["=", 301.5]}]"#, "Number:301.500", true),
        (r#"[{"numeric": ["=", 301.5]}]"#, "Number:3.015e2", true),
        (r#"[{"numeric": ["=", 301.5]}]"#, "String:301.5", false),
        (r#"[{"numeric": [">", 0, "<=", 150]}]"#, "Number:150", true),
        (r#"[{"numeric": [">", 0, "<=", 150]}]"#, "Number:0", false),
        (r#"[{"numeric": ["<", 0]}]"#, "Number:-1e3", true),
        (r#"[{"numeric": ["<", 0]}]"#, r#"String.Array:[5, -5]"#, true),
        ("[100]", "Number:100", true),
        ("[100]", "Number:100.000001", true),
        ("[100]", "Number:100.00001", false),
        (r#"["100"]"#, "Number:100", false),
        ("[true, null]", r#"String.Array:[null]"#, true),
        ("[true]", "String:true", false),
        (r#"[{"exists": true}]"#, "String:x", true),
        (r#"[{"exists": true}]"#, "none", false),
        (r#"[{"exists": false}]"#, "none", true),
        (r#"[{"exists": false}]"#, "String:x", false),
        (r#"[{"anything-but": ["rugby"]}, {"exists": false}]"#, "none", true),
    ] {
        let policy = format!(r#"{{"key": {condition}}}"#);

        let found = admits(&policy, FilterScope::MessageAttributes, &with_attribute(spelled));

        assert_eq!(found, admitted, "{policy} {spelled}");
    }
}

#[test]
fn a_body_is_compared_as_documented() {
    let body = r#"{"store": "example_corp", "person": {"name": "Ada", "age": 36}, "empty": [],
        "items": [{"sku": "a", "tags": ["x", ["y"]]}, {"sku": "b"}], "price": 210.75}"#;
    for (policy, admitted) in [
        (r#"{"store": ["example_corp"], "price": [{"numeric": [">=", 100]}]}"#, true),
        (r#"{"store": ["example_corp"], "price": [{"numeric": [">=", 300]}]}"#, false),
        (r#"{"person": {"name": ["Ada"], "age": [{"numeric": [">", 30]}]}}"#, true),
        (r#"{"person": {"name": ["Bob"]}}"#, false),
        (r#"{"person": ["Ada"]}"#, false),
        (r#"{"items": {"sku": ["b"]}}"#, true),
        (r#"{"items": {"sku": ["b"], "tags": ["x"]}}"#, false),
        (r#"{"items": {"tags": ["y"]}}"#, true),
        (r#"{"empty": [{"exists": false}]}"#, true),
        (r#"{"absent": {"deep": [{"exists": false}]}}"#, true),
        (r#"{"absent": {"deep": ["x"]}}"#, false),
        (
            r#"{"store": ["example_corp"], "$or": [{"price": [1]}, {"person": {"age": [36]}}]}"#,
            true,
        ),
        (r#"{"$or": [{"price": [1]}, {"store": ["other"]}]}"#, false),
        ("{}", true),
    ] {
        let message = Message::new(None, body.to_owned(), MessageAttributes::new()).unwrap();

        assert_eq!(admits(policy, FilterScope::MessageBody, &message), admitted, "{policy}");
    }
}

#[test]
fn a_body_that_is_no_object_is_not_wanted() {
    for body in ["text", "[1]", "7"] {
        let message = Message::new(None, body.to_owned(), MessageAttributes::new()).unwrap();

        assert!(
            !admits(r#"{"a": [{"exists": false}]}"#, FilterScope::MessageBody, &message),
            "{body}"
        );
    }
}

#[test]
fn a_policy_that_may_not_be_says_where() {
    let six: Vec<String> = ('a'..='f').map(|name| format!(r#""{name}": ["x"]"#)).collect();
    let thirteen = (0..13).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    for (policy, said) in [
        ("", "not a JSON object"),
        ("[]", "not a JSON object"),
        (r#"{"a": "x"}"#, "$.a: a list"),
        (r#"{"a": []}"#, "$.a: the list is empty"),
        (r#"{"a": [["x"]]}"#, "$.a: "),
        (r#"{"a": [{"prefix": "x", "suffix": "y"}]}"#, "one operator"),
        (r#"{"a": [{"wildcard": "x*"}]}"#, "$.a.wildcard: use prefix"),
        (r#"{"a": [{"prefix": ""}]}"#, "$.a.prefix"),
        (r#"{"a": [{"numeric": ["<", 5, ">", 1]}]}"#, "$.a.numeric"),
        (r#"{"a": [{"numeric": ["=", 1e10]}]}"#, "$.a.numeric"),
        (r#"{"a": [{"numeric": []}]}"#, "$.a.numeric"),
        (r#"{"a": [{"exists": "yes"}]}"#, "$.a.exists"),
        (r#"{"a": [{"cidr": "10.0.0.0/33"}]}"#, "$.a.cidr"),
        (r#"{"a": [{"anything-but": []}]}"#, "$.a.anything-but"),
        (r#"{"a": {"b": ["x"]}}"#, "MessageBody"),
        (&format!("{{{}}}", six.join(",")), "at most 5 names"),
        (&format!(r#"{{"a": [{thirteen}], "b": [{thirteen}]}}"#), "at most 150 combinations"),
    ] {
        let error = FilterPolicy::parse(policy, FilterScope::MessageAttributes).unwrap_err();

        assert!(error.to_string().contains(said), "{policy}: {error}");
    }
}
