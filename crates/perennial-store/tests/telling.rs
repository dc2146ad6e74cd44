//! Telling: what was enabled when it happened is told, again after a crash, and nothing else.
#![allow(clippy::unwrap_used, reason = "a test's own set-up")]

mod common;

use common::{NOW, days_left, register, store, thing};
use perennial_core::{
    ids::ThingGroupName,
    policy::Scope,
    registry::{EventType, GroupProperties, NewThing, Tags, Told},
};
use perennial_store::{Store, StoreError};

async fn set(store: &Store, changes: &[(EventType, bool)]) {
    store.update_event_configurations(changes.iter().copied().collect(), NOW).await.unwrap();
}

async fn make(store: &Store, number: u32) {
    store.create_thing(NewThing::named(thing(number)), NOW).await.unwrap();
}

async fn next(store: &Store) -> Vec<Told> {
    store.to_tell(Scope::default(), 2).await.unwrap().map(|it| it.messages).unwrap_or_default()
}

/// The topics of all that there is to tell, two records at a time.
async fn tell(store: &Store) -> Vec<String> {
    let mut topics = Vec::new();
    while let Some(mut next) = store.to_tell(Scope::default(), 2).await.unwrap() {
        topics.extend(std::mem::take(&mut next.messages).into_iter().map(|it| it.topic));
        store.told(next).await.unwrap();
    }
    topics
}

fn created(number: u32) -> String {
    format!("$aws/events/thing/pump-{number}/created")
}

#[tokio::test]
async fn only_what_happens_while_it_is_enabled_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());

    make(&store, 1).await;
    set(&store, &[(EventType::Thing, true)]).await;
    make(&store, 2).await;
    set(&store, &[(EventType::Thing, false)]).await;
    make(&store, 3).await;
    set(&store, &[(EventType::Thing, true)]).await;
    make(&store, 4).await;
    let told = tell(&store).await;

    // It is behind, and yet goes by what was enabled when it happened.
    assert_eq!(told, [created(2), created(4)]);
    assert_eq!(tell(&store).await, Vec::<String>::new());
}

#[tokio::test]
async fn what_was_not_kept_as_told_is_told_again_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let opened = store(folder.path());
    set(&opened, &[(EventType::Thing, true)]).await;
    make(&opened, 1).await;
    let first = next(&opened).await;
    opened.close();

    let again = store(folder.path());

    assert_eq!(first.len(), 1);
    assert_eq!(next(&again).await, first);
    assert_eq!(tell(&again).await, [created(1)]);
    assert_eq!(next(&again).await, []);
}

#[tokio::test]
async fn a_log_that_nobody_wanted_told_is_not_looked_at_later() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    register(&store, 50, days_left()).await;

    assert_eq!(store.to_tell(Scope::default(), 100).await.unwrap(), None);
    set(&store, &[(EventType::Certificate, true)]).await;
    let first = store.to_tell(Scope::default(), 100).await.unwrap().unwrap();
    store.told(first.clone()).await.unwrap();
    set(&store, &[(EventType::Certificate, false)]).await;
    let after = tell(&store).await;

    assert_eq!(first.messages, []);
    assert_eq!(after, Vec::<String>::new());
    assert_eq!(store.to_tell(Scope::default(), 100).await.unwrap(), None);
}

#[tokio::test]
async fn records_carry_what_their_messages_need() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    set(&store, &EventType::ALL.map(|kind| (kind, kind.is_told()))).await;
    let group = |name: &str| ThingGroupName::new(name).unwrap();
    for (name, parent) in [("plant", None), ("hall", Some(group("plant")))] {
        let properties = GroupProperties::default();
        let made = store.create_thing_group(group(name), parent, properties, Tags::default(), NOW);
        made.await.unwrap();
    }
    make(&store, 1).await;
    store.change_groups(thing(1), vec![group("hall")], Vec::new(), NOW).await.unwrap();
    store.delete_thing(thing(1), None, NOW).await.unwrap();
    store.delete_thing_group(group("hall"), None, NOW).await.unwrap();

    let mut messages = Vec::new();
    while let Some(mut next) = store.to_tell(Scope::default(), 3).await.unwrap() {
        messages.append(&mut next.messages);
        store.told(next).await.unwrap();
    }

    let topics: Vec<_> = messages.iter().map(|it| it.topic.as_str()).collect();
    assert_eq!(
        topics,
        [
            "$aws/events/thingGroup/plant/created",
            "$aws/events/thingGroup/hall/created",
            "$aws/events/thingGroupHierarchy/thingGroup/plant/childThingGroup/hall/added",
            "$aws/events/thing/pump-1/created",
            "$aws/events/thingGroupMembership/thingGroup/hall/thing/pump-1/added",
            "$aws/events/thing/pump-1/deleted",
            "$aws/events/thingGroupHierarchy/thingGroup/plant/childThingGroup/hall/removed",
            "$aws/events/thingGroup/hall/deleted",
        ]
    );
    let null: Vec<_> = messages
        .iter()
        .flat_map(|it| it.payload.as_object().unwrap().iter().map(|pair| (it.topic.as_str(), pair)))
        .filter(|(_, (name, value))| value.is_null() && name.ends_with("Id"))
        .map(|(topic, (name, _))| (topic, name.as_str()))
        .collect();
    assert_eq!(null, [("$aws/events/thingGroup/plant/created", "parentGroupId")]);
}

#[tokio::test]
async fn what_there_is_nothing_of_cannot_be_enabled() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());

    set(&store, &[(EventType::Job, false), (EventType::Thing, false)]).await;
    let refused = store.update_event_configurations([(EventType::Job, true)].into(), NOW).await;
    let kept = store.event_configurations().await.unwrap();

    assert!(matches!(refused, Err(StoreError::Invalid(_))), "{refused:?}");
    assert_eq!((kept.enabled.len(), kept.dates), (0, Some((NOW, NOW))));
}
