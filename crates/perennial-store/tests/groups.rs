//! Thing groups: a tree, one place in it for a thing, and policies that reach down.
#![allow(clippy::unwrap_used, reason = "a test's own set-up")]

mod common;

use common::{NOW, certificate_id, policy, register, store, thing};
use perennial_core::{
    ids::{PolicyName, ThingGroupName},
    policy::Document,
    registry::{
        AttributeChange, GroupProperties, MAX_GROUPS_OF_A_THING, NewThing, PolicyTarget, Tags,
    },
    time::days,
};
use perennial_store::{GroupFilter, GroupUpdate, Store, StoreError};

const DENY: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}"#;

fn group(name: &str) -> ThingGroupName {
    ThingGroupName::new(name).unwrap()
}

/// Makes groups, each with its parent.
async fn tree(store: &Store, groups: &[(&str, Option<&str>)]) {
    for (name, parent) in groups {
        let made = store.create_thing_group(
            group(name),
            parent.map(group),
            GroupProperties::default(),
            Tags::default(),
            NOW,
        );
        assert!(made.await.unwrap().1);
    }
}

async fn join(store: &Store, number: u32, name: &str) -> Result<bool, StoreError> {
    store.change_groups(thing(number), vec![group(name)], Vec::new(), NOW).await
}

async fn listed(store: &Store, parent: Option<&str>, recursive: bool, prefix: &str) -> Vec<String> {
    let filter = GroupFilter { parent: parent.map(group), recursive, prefix: prefix.to_owned() };
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = store.thing_groups(filter.clone(), after, 2).await.unwrap();
        all.extend(page.items.iter().map(ToString::to_string));
        after = page.next;
        if after.is_none() {
            return all;
        }
    }
}

#[tokio::test]
async fn groups_are_listed_by_level_by_tree_and_by_how_they_begin() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    tree(&store, &[("x", None), ("north", None), ("n1", Some("north")), ("n2", Some("north"))])
        .await;
    tree(&store, &[("n1-a", Some("n1")), ("other", Some("n1"))]).await;

    assert_eq!(listed(&store, None, false, "").await, ["north", "x"]);
    assert_eq!(listed(&store, None, true, "").await, ["n1", "n1-a", "n2", "north", "other", "x"]);
    assert_eq!(listed(&store, None, true, "n1").await, ["n1", "n1-a"]);
    assert_eq!(listed(&store, Some("north"), false, "").await, ["n1", "n2"]);
    assert_eq!(listed(&store, Some("north"), true, "").await, ["n1", "n1-a", "n2", "other"]);
    assert_eq!(listed(&store, Some("north"), true, "o").await, ["other"]);
    let shown = store.thing_group(group("n1-a")).await.unwrap();
    assert_eq!(shown.ancestors, [group("north"), group("n1")]);
}

#[tokio::test]
async fn a_tree_has_seven_levels_and_an_inner_group_stays() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    tree(&store, &[("g1", None)]).await;
    for level in 2..=7 {
        tree(&store, &[(&format!("g{level}"), Some(&format!("g{}", level - 1)))]).await;
    }

    let properties = GroupProperties::default();
    let below = Some(group("g7"));
    let deeper =
        store.create_thing_group(group("g8"), below, properties, Tags::default(), NOW).await;
    let inner = store.delete_thing_group(group("g6"), None, NOW).await;
    let leaf = store.delete_thing_group(group("g7"), None, NOW).await;
    let again = store.delete_thing_group(group("g7"), None, NOW).await;

    assert!(matches!(deeper, Err(StoreError::Invalid(_))));
    assert!(matches!(inner, Err(StoreError::Invalid(_))));
    assert!(leaf.unwrap().is_some() && again.unwrap().is_none());
    assert_eq!(listed(&store, Some("g1"), true, "").await, ["g2", "g3", "g4", "g5", "g6"]);
}

#[tokio::test]
async fn a_thing_is_once_in_a_hierarchy_and_in_ten_groups_at_most() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    store.create_thing(NewThing::named(thing(1)), NOW).await.unwrap();
    tree(&store, &[("north", None), ("n1", Some("north")), ("n2", Some("north"))]).await;
    for number in 1..=MAX_GROUPS_OF_A_THING {
        tree(&store, &[(&format!("r{number}"), None)]).await;
    }

    let first = join(&store, 1, "n1").await.unwrap();
    let again = join(&store, 1, "n1").await.unwrap();
    let sibling = join(&store, 1, "n2").await.unwrap_err();
    let above = join(&store, 1, "north").await.unwrap_err();
    let moved =
        store.change_groups(thing(1), vec![group("n2")], vec![group("n1")], NOW).await.unwrap();
    for number in 1..MAX_GROUPS_OF_A_THING {
        join(&store, 1, &format!("r{number}")).await.unwrap();
    }
    let eleventh = join(&store, 1, "r10").await.unwrap_err();

    assert!(first && !again && moved);
    assert!(sibling.to_string().contains("group n1"), "{sibling}");
    assert!(above.to_string().contains("group n1"), "{above}");
    assert!(matches!(eleventh, StoreError::Invalid(_)), "{eleventh}");
    assert_eq!(store.groups_of(thing(1)).await.unwrap().len(), MAX_GROUPS_OF_A_THING);
}

#[tokio::test]
async fn things_of_a_group_are_listed_with_and_without_those_below() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    tree(&store, &[("north", None), ("n1", Some("north")), ("n2", Some("north"))]).await;
    for (number, name) in [(1, "north"), (2, "n1"), (3, "n2"), (4, "n1")] {
        store.create_thing(NewThing::named(thing(number)), NOW).await.unwrap();
        join(&store, number, name).await.unwrap();
    }
    let list = |name, recursive, after| store.things_in_group(group(name), recursive, after, 3);

    let direct = list("north", false, None).await.unwrap();
    let all = list("north", true, None).await.unwrap();
    let rest = list("north", true, all.next.clone()).await.unwrap();
    store.delete_thing(thing(2), None, NOW).await.unwrap();

    assert_eq!(direct.items, [thing(1)]);
    assert_eq!(all.items, [thing(1), thing(2), thing(3)]);
    assert_eq!((rest.items, rest.next), (vec![thing(4)], None));
    assert_eq!(list("n1", false, None).await.unwrap().items, [thing(4)]);
    assert_eq!(list("north", true, None).await.unwrap().items, [thing(1), thing(3), thing(4)]);
}

#[tokio::test]
async fn what_a_deleted_group_leaves_is_not_seen_and_is_swept() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    tree(&store, &[("north", None), ("n1", Some("north"))]).await;
    for number in 1..=3 {
        store.create_thing(NewThing::named(thing(number)), NOW).await.unwrap();
        join(&store, number, "n1").await.unwrap();
    }

    store.delete_thing_group(group("n1"), None, NOW).await.unwrap();
    let seen = store.things_in_group(group("north"), true, None, 10).await.unwrap();
    let placed_anew = join(&store, 1, "north").await.unwrap();
    while store.sweep_groups(2).await.unwrap() {}

    assert!(seen.items.is_empty());
    assert!(placed_anew);
    let left = store.things_in_group(group("north"), true, None, 10).await.unwrap();
    assert_eq!(left.items, [thing(1)]);
    tree(&store, &[("n1", Some("north"))]).await;
    assert!(store.things_in_group(group("n1"), true, None, 10).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn an_update_of_a_group_merges_and_keeps_to_the_expected_version() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    tree(&store, &[("north", None)]).await;
    let attributes = [("city".to_owned(), "Kiel".to_owned())].into();
    let update = GroupUpdate {
        description: Some("by the sea".to_owned()),
        attributes: Some(AttributeChange { attributes, merge: true }),
        expected_version: Some(1),
    };

    let changed = store.update_thing_group(group("north"), update.clone(), NOW).await.unwrap();
    let late = store.update_thing_group(group("north"), update, NOW).await.unwrap_err();

    assert_eq!(changed.version, 2);
    assert_eq!(store.thing_group(group("north")).await.unwrap(), changed);
    assert!(matches!(late, StoreError::VersionConflict { .. }));
}

#[tokio::test]
async fn a_groups_policies_reach_the_things_below_and_their_certificates() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    register(&store, 2, days(7)).await;
    tree(&store, &[("north", None), ("n1", Some("north"))]).await;
    let deny = PolicyName::new("deny").unwrap();
    let document = Document::parse(DENY).unwrap();
    store.create_policy(deny.clone(), &document, Tags::default(), NOW).await.unwrap();
    join(&store, 0, "n1").await.unwrap();
    let (north, id) = (PolicyTarget::ThingGroup(group("north")), certificate_id(1, 0));

    let new = store.attach_policy(deny.clone(), north.clone(), NOW).await.unwrap().changed;
    let again = store.attach_policy(deny.clone(), north.clone(), NOW).await.unwrap().changed;
    let effective = store
        .effective_policies(Some(PolicyTarget::Certificate(id)), Some(thing(0)))
        .await
        .unwrap();
    let below = PolicyTarget::ThingGroup(group("n1"));
    let own = store.attached_policies(below.clone(), false).await.unwrap();
    let inherited = store.attached_policies(below, true).await.unwrap();
    let foreign = store
        .effective_policies(Some(PolicyTarget::Certificate(id)), Some(thing(1)))
        .await
        .unwrap_err();
    let in_use = store.delete_policy(deny.clone(), NOW).await.unwrap_err();

    assert!(new && !again);
    let names: Vec<_> = effective.into_iter().map(|policy| policy.name).collect();
    assert_eq!(names, [deny.clone(), policy()]);
    assert_eq!((own, inherited), (vec![], vec![deny.clone()]));
    assert!(matches!(foreign, StoreError::Invalid(_)));
    assert!(matches!(in_use, StoreError::DeleteConflict(_)));
    let targets = store.targets_of(deny.clone(), None, 10).await.unwrap();
    assert_eq!(targets.items, [north]);
    store.delete_thing_group(group("n1"), None, NOW).await.unwrap();
    let after = store
        .effective_policies(Some(PolicyTarget::Certificate(id)), Some(thing(0)))
        .await
        .unwrap();
    assert_eq!(after.len(), 1);
}
