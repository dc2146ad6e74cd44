//! Why a request is allowed or not, document by document.
#![expect(clippy::unwrap_used, reason = "a test's own helpers fail the test")]

use std::sync::Arc;

use perennial_core::policy::{
    CertificateFacts, Decision, Decision::*, Document, Explanation, Request, Scope, Subject,
};

fn subject(client_id: &str) -> Subject {
    let (source_ip, thing, certificate) = (None, None, Arc::new(CertificateFacts::default()));
    Subject { client_id: client_id.to_owned(), source_ip, thing, certificate }
}

fn says(effect: &str, action: &str, topic: &str) -> Arc<Document> {
    let resource = format!("arn:aws:iot:*:*:topic/{topic}");
    let text = format!(
        r#"{{"Version":"2012-10-17","Statement":
        {{"Effect":"{effect}","Action":"{action}","Resource":"{resource}"}}}}"#
    );
    Arc::new(Document::parse(&text).unwrap())
}

fn explained(documents: &[Arc<Document>], topics: &[&str]) -> (Decision, Vec<Decision>) {
    let requests: Vec<_> = topics.iter().map(|topic| Request::Publish { topic }).collect();
    let why = Explanation::of(documents, &requests, &subject("pump-1"), &Scope::default());
    (why.decision, why.by_document)
}

#[test]
fn each_document_is_named_with_what_it_says_by_itself() {
    let documents = [
        says("Allow", "iot:Publish", "a/*"),
        says("Deny", "iot:Publish", "a/secret"),
        says("Allow", "iot:Receive", "*"),
        says("Allow", "iot:Publish", "b"),
    ];

    let (allow, deny, silent) = (Allowed, ExplicitlyDenied, ImplicitlyDenied);
    for (topics, decision, by_document) in [
        (&["a/1"][..], allow, [allow, silent, silent, silent]),
        (&["a/1", "b"], allow, [allow, silent, silent, allow]),
        (&["a/1", "c"], silent, [allow, silent, silent, silent]),
        (&["a/1", "a/secret"], deny, [allow, deny, silent, silent]),
        (&["c"], silent, [silent, silent, silent, silent]),
        (&[], silent, [silent, silent, silent, silent]),
    ] {
        assert_eq!(explained(&documents, topics), (decision, by_document.to_vec()), "{topics:?}");
    }
}

#[test]
fn facts_that_were_missing_are_named_for_the_action_alone() {
    let thing = "${iot:Connection.Thing.ThingName}/${iot:ClientId}";
    let text = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":"iot:Publish","Resource":"*","Condition":{
            "IpAddress":{"aws:SourceIp":"192.0.2.0/24"},
            "StringEquals":{"iot:ClientId":"${iot:Certificate.Subject.CommonName}"},
            "Bool":{"iot:Connection.Thing.IsAttached":"true"}}},
        {"Effect":"Deny","Action":"iot:Receive","Resource":"*","Condition":{
            "StringEquals":{"iot:Certificate.Issuer.Country":"XX"}}}]}"#;
    let documents = [says("Allow", "iot:Publish", thing), Arc::new(Document::parse(text).unwrap())];
    let unset = |client_id| {
        let (requests, subject) = ([Request::Publish { topic: "a" }], subject(client_id));
        let why = Explanation::of(&documents, &requests, &subject, &Scope::default());
        why.unset.into_iter().collect::<Vec<_>>()
    };

    let (anonymous, named) = (unset(""), unset("pump-1"));

    let always = [
        "aws:SourceIp",
        "iot:Certificate.Subject.CommonName",
        "iot:ClientId",
        "iot:Connection.Thing.ThingName",
    ];
    assert_eq!(anonymous, always);
    assert_eq!(named, [always[0], always[1], always[3]]);
}
