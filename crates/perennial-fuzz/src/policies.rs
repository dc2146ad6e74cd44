//! Policy documents and what they make of a request.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use perennial_core::{
    ids::ThingName,
    policy::{
        CertificateFacts, Decision, Document, Permissions, Request, Scope, Subject, ThingFacts,
    },
};

/// What is asked for, a line feed, a document.
pub(crate) fn policy(input: &[u8]) {
    let (name, json) = super::cut(input, b'\n');
    let (Ok(name), Ok(json)) = (str::from_utf8(name), str::from_utf8(json)) else { return };
    let Ok(document) = Document::parse(json) else { return };
    assert_eq!(Document::parse(document.as_json()).as_ref(), Ok(&document));

    let document = Arc::new(document);
    let once = Permissions::compile(&[Arc::clone(&document)], &subject(name), &Scope::default());
    let twice =
        Permissions::compile(&[Arc::clone(&document), document], &subject(name), &Scope::default());

    for request in requests(name) {
        let decided = once.decide(&request);
        assert_eq!(twice.decide(&request), decided, "{request:?}");
        assert_eq!(once.allows(&request), decided == Decision::Allowed);
    }
}

fn requests(name: &str) -> [Request<'_>; 6] {
    let last_will_topic = Some(name);
    [
        Request::Connect { client_id: name, persistent: false, last_will_topic: None },
        Request::Connect { client_id: name, persistent: true, last_will_topic },
        Request::Publish { topic: name },
        Request::RetainPublish { topic: name },
        Request::Subscribe { filter: name },
        Request::Receive { topic: name },
    ]
}

/// A device of which everything is known, under the client id `name`.
fn subject(name: &str) -> Subject {
    let one = |key: &str, value: &str| BTreeMap::from([(key.to_owned(), vec![value.to_owned()])]);
    let thing = ThingName::new(name).ok().map(|name| ThingFacts {
        name,
        is_attached: true,
        type_name: Some("pump".to_owned()),
        attributes: BTreeMap::from([("site".to_owned(), "north".to_owned())]),
        billing_group: None,
    });
    Subject {
        client_id: name.to_owned(),
        source_ip: Some(IpAddr::from([192, 0, 2, 1])),
        thing,
        certificate: Arc::new(CertificateFacts {
            subject: one("CommonName", name),
            issuer: one("Organization", "Perennial"),
            subject_alternative_name: one("DNSName", "pump.example"),
            serial_number: "01ab".to_owned(),
        }),
    }
}
