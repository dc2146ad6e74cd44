//! What must hold of every policy: patterns, denials, substitution, and the parser's robustness.
#![expect(clippy::unwrap_used, reason = "a test's own helpers fail the test")]

use std::{collections::BTreeMap, sync::Arc};

use perennial_core::policy::{
    CertificateFacts, Decision, Document, Permissions, Request, Scope, Subject,
};
use proptest::prelude::*;

fn subject(client_id: &str, common_name: &str) -> Subject {
    let subject = BTreeMap::from([("CommonName".to_owned(), vec![common_name.to_owned()])]);
    Subject {
        client_id: client_id.to_owned(),
        source_ip: None,
        thing: None,
        certificate: Arc::new(CertificateFacts { subject, ..CertificateFacts::default() }),
    }
}

fn document(effect: &str, resource: &str) -> Document {
    let statement = serde_json::json!({"Effect": effect, "Action": "iot:*", "Resource": resource});
    let json = serde_json::json!({"Version": "2012-10-17", "Statement": statement});
    Document::parse(&json.to_string()).unwrap()
}

fn compile(documents: Vec<Document>, subject: &Subject) -> Permissions {
    let documents: Vec<_> = documents.into_iter().map(Arc::new).collect();
    Permissions::compile(&documents, subject, &Scope::default())
}

/// The plainest matcher there is: by definition, and exponential.
fn naive(pattern: &[char], text: &[char]) -> bool {
    match (pattern, text) {
        ([], []) => true,
        (['*', rest @ ..], _) => (0..=text.len()).any(|taken| naive(rest, &text[taken..])),
        (['?', rest @ ..], [_, others @ ..]) => naive(rest, others),
        ([wanted, rest @ ..], [found, others @ ..]) => wanted == found && naive(rest, others),
        ([] | [_, ..], _) => false,
    }
}

fn pattern() -> impl Strategy<Value = String> {
    "(\\*|arn:)[ao:t*?é/]{0,10}|arn:aws:iot:[*l?]{0,3}(local-1)?:[*0]{0,2}:topic/[ab*?é]{0,8}"
}

proptest! {
    #[test]
    fn a_resource_matches_as_its_definition_says(
        pattern in pattern(),
        topic in "[abé/t:o]{0,8}",
    ) {
        let arn: Vec<_> = Scope::default().arn("topic", &topic).chars().collect();
        let expected = naive(&pattern.chars().collect::<Vec<_>>(), &arn);

        let permissions = compile(vec![document("Allow", &pattern)], &subject("c", "n"));

        prop_assert_eq!(permissions.allows(&Request::Publish { topic: &topic }), expected);
    }

    #[test]
    fn adding_a_deny_never_widens(allow in pattern(), deny in pattern(), topic in "[abé]{0,6}") {
        let who = subject("c", "n");
        let request = Request::Receive { topic: &topic };

        let before = compile(vec![document("Allow", &allow)], &who);
        let after = compile(vec![document("Allow", &allow), document("Deny", &deny)], &who);

        prop_assert!(before.allows(&request) || !after.allows(&request));
        let denied = compile(vec![document("Deny", &deny)], &who).decide(&request);
        prop_assert_ne!(denied, Decision::Allowed);
    }

    #[test]
    fn a_substituted_value_matches_itself_alone(
        value in "[ab*?$+#{}]{1,4}",
        topic in "[ab*?$]{1,4}",
    ) {
        let who = subject(&value, &value);
        for variable in ["iot:ClientId", "iot:Certificate.Subject.CommonName"] {
            let resource = format!("arn:aws:iot:*:*:topic*/${{{variable}}}");
            let permissions = compile(vec![document("Allow", &resource)], &who);

            if permissions.allows(&Request::Publish { topic: &topic }) {
                prop_assert_eq!(&topic, &value);
            }
            let wild = value.contains(['+', '#']);
            let request = Request::Subscribe { filter: &value };
            prop_assert!(!(wild && permissions.allows(&request)));
        }
    }

    #[test]
    fn any_text_is_parsed_or_refused(text in any::<String>()) {
        let _ = Document::parse(&text);
    }

    #[test]
    fn any_near_policy_is_parsed_or_refused_and_reads_back(
        name in "Effect|Action|Resource|Condition|Sid|Id|Version",
        value in prop_oneof![
            "\\PC{0,12}".prop_map(serde_json::Value::from),
            "[${}a-zA-Z:.*]{0,24}".prop_map(serde_json::Value::from),
            Just(serde_json::json!([])),
            Just(serde_json::json!({"Null": {"iot:ClientId": [true, 1, null]}})),
            Just(serde_json::json!({"ForAllValues:DateEquals": {"iot:ClientId": "2026-01-01"}})),
        ],
    ) {
        let mut statement =
            serde_json::json!({"Effect": "Allow", "Action": "iot:*", "Resource": "*"});
        let mut root = serde_json::json!({"Version": "2012-10-17"});
        if matches!(name.as_str(), "Version" | "Id") {
            root[&name] = value;
        } else {
            statement[&name] = value;
        }
        root["Statement"] = serde_json::json!([statement]);

        if let Ok(document) = Document::parse(&root.to_string()) {
            prop_assert_eq!(Document::parse(document.as_json()), Ok(document.clone()));
            compile(vec![document], &subject("c", "n"));
        }
    }
}

#[test]
fn a_hostile_pattern_is_answered_no() {
    let resource = format!("arn:aws:iot:*:*:topic/{}b", "a*".repeat(900));
    let permissions = compile(vec![document("Allow", &resource)], &subject("c", "n"));

    let allowed = permissions.allows(&Request::Publish { topic: &"a".repeat(256) });

    assert!(!allowed);
}
