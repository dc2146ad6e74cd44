//! Audits of policies: which version is examined, and whose rights come from a group.
#![allow(clippy::unwrap_used, reason = "a test's own set-up")]

mod common;

use common::{NOW, audit, audited, certificate_id, certificate_of, found, policy, register, thing};
use perennial_core::{
    audit::{CheckName, ReasonCode},
    ids::ThingGroupName,
    policy::Document,
    registry::{GroupProperties, PolicyTarget, Tags},
    time::days,
};
use perennial_store::Store;

const BROAD: CheckName = CheckName::IotPolicyOverlyPermissive;

async fn broad(store: &Store, task: u8) -> Vec<String> {
    audit(store, task).await;
    let found = found(store, task, BROAD).await;
    found.iter().map(|it| it.resource.resource_identifier.key()).collect()
}

#[tokio::test]
async fn the_version_in_force_is_examined_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let store = audited(folder.path()).await;
    register(&store, 1, days(90)).await;
    let wide = Document::parse(&store.policy(policy()).await.unwrap().document).unwrap();

    let first = broad(&store, 1).await;
    store.create_policy_version(policy(), &Document::blank(), true, NOW).await.unwrap();
    let blank = broad(&store, 2).await;
    store.create_policy_version(policy(), &wide, true, NOW).await.unwrap();
    let third = broad(&store, 3).await;

    assert_eq!((first, blank), (vec!["policy/device/1".to_owned()], vec![]));
    assert_eq!(third, ["policy/device/3"]);
}

#[tokio::test]
async fn a_policy_by_a_group_or_one_above_it_is_a_policy() {
    let folder = tempfile::tempdir().unwrap();
    let store = audited(folder.path()).await;
    register(&store, 3, days(90)).await;
    let group = |name: &str| ThingGroupName::new(name).unwrap();
    for (name, parent) in [("plant", None), ("hall", Some("plant")), ("yard", None)] {
        let (parent, plain) = (parent.map(group), GroupProperties::default());
        store.create_thing_group(group(name), parent, plain, Tags::default(), NOW).await.unwrap();
    }
    for (number, name) in [(0, "hall"), (1, "yard")] {
        store.change_groups(thing(number), vec![group(name)], Vec::new(), NOW).await.unwrap();
    }
    for number in 0..3 {
        let own = PolicyTarget::Certificate(certificate_id(1, number));
        store.detach_policy(policy(), own, NOW).await.unwrap();
    }
    let plant = PolicyTarget::ThingGroup(group("plant"));
    store.attach_policy(policy(), plant.clone(), NOW).await.unwrap();

    audit(&store, 1).await;
    store.detach_policy(policy(), plant, NOW).await.unwrap();
    audit(&store, 2).await;

    let unattached = found(&store, 1, CheckName::CertificateUnattached).await;
    let outside = [1, 2].map(|number| certificate_id(1, number));
    assert_eq!(unattached.iter().map(certificate_of).collect::<Vec<_>>(), outside);
    assert_eq!(unattached[0].reason_code, ReasonCode::CertificateWithoutPolicy);
    assert_eq!(found(&store, 2, CheckName::CertificateUnattached).await.len(), 3);
}
