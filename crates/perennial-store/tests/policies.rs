//! Policies: versions, what is in force, what they are attached to, and what keeps them.
#![allow(clippy::unwrap_used, reason = "a test's own set-up")]

mod common;

use common::{NOW, certificate_id, policy, register, store};
use perennial_core::{
    ids::{CertificateId, PolicyName},
    policy::Document,
    registry::{PolicyTarget, Tags},
    time::days,
};
use perennial_store::{Order, Store, StoreError};

fn named(name: &str) -> PolicyName {
    PolicyName::new(name).unwrap()
}

/// A document that is different for every `topic`.
fn document(topic: &str) -> Document {
    let text = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"iot:Publish","Resource":"arn:aws:iot:local-1:000000000000:topic/{topic}"}}]}}"#
    );
    Document::parse(&text).unwrap()
}

async fn create(store: &Store, name: &str) {
    let document = document("1");
    let made = store.create_policy(named(name), &document, Tags::default(), NOW).await;
    assert!(made.unwrap());
}

#[tokio::test]
async fn a_policy_has_five_versions_whose_numbers_are_never_used_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    create(&store, "p").await;

    for topic in 2..=5 {
        let document = document(&topic.to_string());
        let version = store.create_policy_version(named("p"), &document, false, NOW).await;
        assert_eq!(version.unwrap(), topic);
    }
    let sixth = store.create_policy_version(named("p"), &document("6"), false, NOW).await;
    store.delete_policy_version(named("p"), 5, NOW).await.unwrap();
    let next = store.create_policy_version(named("p"), &document("6"), true, NOW).await.unwrap();

    assert!(matches!(sixth, Err(StoreError::VersionsLimitExceeded(_))));
    assert_eq!(next, 6);
    let shown = store.policy(named("p")).await.unwrap();
    assert_eq!((shown.default_version, shown.document), (6, document("6").as_json().to_owned()));
    let versions = store.policy_versions(named("p")).await.unwrap();
    let numbers: Vec<_> = versions.iter().map(|it| (it.version, it.is_default)).collect();
    assert_eq!(numbers, [(6, true), (4, false), (3, false), (2, false), (1, false)]);
}

#[tokio::test]
async fn a_policy_is_blanked_once_and_only_as_it_was_found() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    create(&store, "p").await;
    create(&store, "full").await;
    for topic in ["2", "3", "4", "5"] {
        store.create_policy_version(named("full"), &document(topic), false, NOW).await.unwrap();
    }

    let other = store.blank_policy(named("p"), 7, NOW).await;
    let first = store.blank_policy(named("p"), 1, NOW).await.unwrap();
    let again = store.blank_policy(named("p"), 1, NOW).await.unwrap();
    let full = store.blank_policy(named("full"), 1, NOW).await;

    assert!(matches!(other, Err(StoreError::VersionConflict { expected: 7, found: 1, .. })));
    assert_eq!((first, again), (true, false));
    let shown = store.policy(named("p")).await.unwrap();
    assert_eq!((shown.default_version, shown.document.as_str()), (2, Document::blank().as_json()));
    assert!(matches!(full, Err(StoreError::VersionsLimitExceeded(_))));
    assert_eq!(store.policy(named("full")).await.unwrap().default_version, 1);
}

#[tokio::test]
async fn the_version_in_force_and_a_policy_with_others_are_not_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    create(&store, "p").await;
    store.create_policy_version(named("p"), &document("2"), false, NOW).await.unwrap();

    let in_force = store.delete_policy_version(named("p"), 1, NOW).await.unwrap_err();
    let with_others = store.delete_policy(named("p"), NOW).await.unwrap_err();
    let missing = store.put_policy_version_in_force(named("p"), 7, NOW).await.unwrap_err();
    let changed = store.put_policy_version_in_force(named("p"), 2, NOW).await.unwrap();
    let again = store.put_policy_version_in_force(named("p"), 2, NOW).await.unwrap();
    store.delete_policy_version(named("p"), 1, NOW).await.unwrap();
    store.delete_policy(named("p"), NOW).await.unwrap();

    assert!(matches!(in_force, StoreError::DeleteConflict(_)));
    assert!(matches!(with_others, StoreError::DeleteConflict(_)));
    assert!(matches!(missing, StoreError::NotFound { what: "policy version", .. }));
    assert!(changed && !again);
    assert!(matches!(store.policy(named("p")).await, Err(StoreError::NotFound { .. })));
    assert!(store.verify_events().await.unwrap().is_ok());
}

#[tokio::test]
async fn a_principal_has_ten_policies_and_each_knows_its_targets() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    register(&store, 3, days(7)).await;
    let target = |number| PolicyTarget::Certificate(certificate_id(1, number));
    for number in 1..=10 {
        create(&store, &format!("p{number}")).await;
    }

    for number in 1..=9 {
        let name = named(&format!("p{number}"));
        assert!(store.attach_policy(name, target(0), NOW).await.unwrap().changed);
    }
    let eleventh = store.attach_policy(named("p10"), target(0), NOW).await.unwrap_err();
    let stranger = PolicyTarget::Certificate(CertificateId::from_bytes([9; 32]));
    let nobody = store.attach_policy(named("p1"), stranger, NOW).await.unwrap_err();
    let detached = store.detach_policy(named("p1"), target(0), NOW).await.unwrap().changed;
    let again = store.detach_policy(named("p1"), target(0), NOW).await.unwrap().changed;

    assert!(matches!(eleventh, StoreError::LimitExceeded(_)));
    assert!(matches!(nobody, StoreError::NotFound { what: "certificate", .. }));
    assert!(detached && !again);
    let first = store.targets_of(policy(), None, 2).await.unwrap();
    let rest = store.targets_of(policy(), first.next, 2).await.unwrap();
    assert_eq!(first.items, [target(0), target(1)]);
    assert_eq!((rest.items, rest.next), (vec![target(2)], None));
    assert_eq!(store.attached_policies(target(0), false).await.unwrap().len(), 9);
}

#[tokio::test]
async fn policies_are_listed_in_both_orders() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    for name in ["b", "a", "c"] {
        create(&store, name).await;
    }
    let names = |order| {
        let store = store.clone();
        async move {
            let (mut names, mut after) = (Vec::new(), None);
            loop {
                let page = store.list_policies(order, after, 2).await.unwrap();
                names.extend(page.items.into_iter().map(|policy| policy.name.to_string()));
                after = page.next;
                if after.is_none() {
                    return names;
                }
            }
        }
    };

    assert_eq!(names(Order::Ascending).await, ["a", "b", "c"]);
    assert_eq!(names(Order::Descending).await, ["c", "b", "a"]);
}
