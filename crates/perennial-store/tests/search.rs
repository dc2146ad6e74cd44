//! Searching things: every way through the indexes finds the same, in pages that go on.
#![expect(clippy::unwrap_used, reason = "a test's own machinery")]

mod common;

use std::collections::BTreeSet;

use common::{NOW, certificate_id, store};
use perennial_core::{
    certificate::{CertificateStatus, Validity},
    ids::{ClientId, Digest, ThingGroupName, ThingName, ThingTypeName},
    registry::{
        Attributes, CertificateMode, GroupProperties, NewThing, PrincipalType, Tags, TypeProperties,
    },
    search::Query,
    time::days,
};
use perennial_store::{ConnectionChange, NewCertificate, Store};

fn thing(name: &str) -> ThingName {
    ThingName::new(name).unwrap()
}

/// Things `Pump-0` to `Pump-{count}`, of which every third is called `pump-…`; with the type `kind`
/// if even, an attribute `site` of `North-{n % 4}` or, in lower case, so, and in the group `wet` if
/// divisible by five.
async fn fleet(store: &Store, count: usize) {
    let (kind, wet) = (ThingTypeName::new("kind").unwrap(), ThingGroupName::new("wet").unwrap());
    let (no_type, none) = (TypeProperties::default(), GroupProperties::default());
    store.create_thing_type(kind.clone(), no_type, Tags::default(), NOW).await.unwrap();
    store.create_thing_group(wet.clone(), None, none, Tags::default(), NOW).await.unwrap();
    for number in 0..count {
        let name = thing(&format!("{}ump-{number}", if number % 3 == 0 { "p" } else { "P" }));
        let north = if number % 2 == 0 { "North" } else { "north" };
        let site = ("site".to_owned(), format!("{north}-{}", number % 4));
        let attributes = Attributes::new([site].into()).unwrap();
        let type_name = (number % 2 == 0).then(|| kind.clone());
        store
            .create_thing(NewThing { name: name.clone(), type_name, attributes }, NOW)
            .await
            .unwrap();
        if number % 5 == 0 {
            store.change_groups(name, vec![wet.clone()], Vec::new(), NOW).await.unwrap();
        }
    }
}

/// An ACTIVE certificate of some things, that ends in so many days.
async fn certificate(store: &Store, number: u32, ends_in: u64, things: &[&str]) {
    let id = certificate_id(1, number);
    let row = NewCertificate {
        certificate_id: id,
        der: id.as_bytes().to_vec(),
        spki_digest: Digest::from_bytes(*id.as_bytes()),
        validity: Validity { not_before: NOW, not_after: NOW + days(ends_in) },
        status: CertificateStatus::Active,
        issuer: None,
        mode: CertificateMode::Default,
        thing: None,
        policies: Vec::new(),
    };
    store.register(vec![row], NOW).await.unwrap();
    for name in things {
        let as_ = PrincipalType::NonExclusiveThing;
        store.attach_principal(thing(name), id, as_, NOW).await.unwrap();
    }
}

/// The names that a query finds, in pages of so many, in the order they come in.
async fn found(store: &Store, text: &str, limit: usize) -> Vec<String> {
    let (query, mut after, mut names): (Query, _, _) = (text.parse().unwrap(), None, Vec::new());
    loop {
        let page = store.search_things(query.clone(), after, limit).await.unwrap();
        assert!(page.items.len() <= limit);
        names.extend(page.items.into_iter().map(|it| it.thing.name.to_string()));
        after = page.next;
        if after.is_none() {
            return names;
        }
    }
}

#[tokio::test]
async fn an_index_finds_what_a_walk_finds_once_each_whatever_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    fleet(&store, 60).await;
    store.create_thing(NewThing::named(thing("PUMP-7")), NOW).await.unwrap();
    certificate(&store, 1, 5, &["Pump-1", "Pump-2", "pump-3"]).await;
    certificate(&store, 2, 6, &["Pump-2"]).await;
    certificate(&store, 3, 20, &["Pump-4"]).await;
    let soon = (NOW + days(10)).as_millis();

    for (text, count) in [
        ("thingName:pump-7".to_owned(), 2),
        ("thingName:PUMP-1*".to_owned(), 11),
        ("thingName:p?mp-?".to_owned(), 11),
        ("thingTypeName:KIND".to_owned(), 30),
        ("thingGroupNames:WET".to_owned(), 12),
        ("attributes.site:NORTH-1".to_owned(), 15),
        ("attributes.site:nor*".to_owned(), 60),
        ("thingTypeName:kind AND attributes.site:north-2 AND -wet".to_owned(), 12),
        (format!("certificate.notAfter<{soon}"), 3),
        (format!("certificate.notAfter:[0 TO {soon}] thingName:pump-2"), 1),
        ("thingGroupNames:dry".to_owned(), 0),
    ] {
        // The same behind an OR, for which there is no index.
        let walked = found(&store, &format!("({text}) OR thingName:nobody"), 250).await;
        let walked: BTreeSet<_> = walked.into_iter().collect();
        for limit in [1, 7, 250] {
            let names = found(&store, &text, limit).await;
            assert_eq!(names.len(), count, "{text} by {limit}: {names:?}");
            assert_eq!(names.into_iter().collect::<BTreeSet<_>>(), walked, "{text} by {limit}");
        }
    }
}

#[tokio::test]
async fn a_request_looks_at_so_many_things_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    fleet(&store, 520).await;
    let query: Query = "-thingName:pump*".parse().unwrap();

    let first = store.search_things(query.clone(), None, 25).await.unwrap();
    let second = store.search_things(query, first.next.clone(), 25).await.unwrap();

    assert!(first.items.is_empty() && first.next.is_some());
    assert!(second.items.is_empty() && second.next.is_none());
}

#[tokio::test]
async fn certificates_without_a_thing_are_passed_over_in_pieces() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    fleet(&store, 3).await;
    for number in 1..=250 {
        certificate(&store, number, 5, &[]).await;
    }
    certificate(&store, 251, 6, &["Pump-1"]).await;

    let names = found(&store, "certificate.notAfter>0", 2).await;

    assert_eq!(names, ["Pump-1"]);
}

#[tokio::test]
async fn what_is_found_has_its_groups_and_whether_it_is_connected() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    fleet(&store, 3).await;
    let (client_id, principal) = (ClientId::new("pump-0").unwrap(), certificate_id(1, 1));
    let connected = ConnectionChange::Connected { client_id, principal, at: NOW };
    store.record_connections(vec![connected]).await.unwrap();

    let by_name = found(&store, "thingName:pump-0", 9).await;
    let connected = found(&store, "connectivity.connected:true", 9).await;
    let query: Query = "thingName:pump-0".parse().unwrap();
    let mut page = store.search_things(query, None, 9).await.unwrap();

    assert_eq!((&by_name, &connected), (&vec!["pump-0".to_owned()], &vec!["pump-0".to_owned()]));
    let it = page.items.remove(0);
    assert_eq!(it.groups, [ThingGroupName::new("wet").unwrap()]);
    assert_eq!((it.connectivity.connected, it.connectivity.since), (true, Some(NOW)));
}
