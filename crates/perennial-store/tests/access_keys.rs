//! Access keys: in force until revoked, each id once, and never without an administrator.

mod common;

use common::{NOW, store, thing};
use perennial_core::{access::Role, ids::AccessKeyId, registry::NewThing};
use perennial_store::{AccessKey, Actor, MAX_ACCESS_KEYS, Secret, Store, StoreError};

#[expect(clippy::unwrap_used, reason = "a test's own set-up")]
fn id(number: usize) -> AccessKeyId {
    AccessKeyId::new(&format!("PRNL{number:016}")).unwrap()
}

async fn create(store: &Store, number: usize, role: Role) -> Result<(), StoreError> {
    let access_key_id = id(number);
    let description = String::new();
    let key = AccessKey { access_key_id, role, description, created_at: NOW, revoked_at: None };
    store.create_access_key(key, Secret(format!("secret {number}")), NOW).await
}

#[expect(clippy::unwrap_used, reason = "a test's own set-up")]
async fn in_force(store: &Store) -> Vec<(String, String)> {
    let keys = store.access_keys_in_force().await.unwrap();
    keys.into_iter().map(|(key, secret)| (key.access_key_id.to_string(), secret.0)).collect()
}

#[tokio::test]
async fn a_key_is_in_force_until_it_is_revoked_and_its_id_is_never_used_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());

    create(&store, 1, Role::Operator).await.unwrap();
    let before = in_force(&store).await;
    let revoked = store.revoke_access_key(id(1), NOW).await;
    let revoked_again = store.revoke_access_key(id(1), NOW).await;

    assert_eq!(before, [(id(1).to_string(), "secret 1".to_owned())]);
    assert_eq!((revoked.unwrap(), revoked_again.unwrap()), (true, false));
    assert_eq!(in_force(&store).await, []);
    let listed = store.access_keys(None, 10).await.unwrap().items;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].revoked_at, Some(NOW));
    let again = create(&store, 1, Role::Operator).await;
    assert!(matches!(again, Err(StoreError::Exists { .. })), "{again:?}");
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    create(&store, 1, Role::Administrator).await.unwrap();
    create(&store, 2, Role::Operator).await.unwrap();

    let alone = store.revoke_access_key(id(1), NOW).await;
    create(&store, 3, Role::Administrator).await.unwrap();
    let of_two = store.revoke_access_key(id(1), NOW).await;

    assert!(matches!(alone, Err(StoreError::Invalid(_))), "{alone:?}");
    assert!(of_two.unwrap());
}

#[tokio::test]
async fn there_are_at_most_a_thousand_in_force() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    for number in 0..MAX_ACCESS_KEYS {
        create(&store, number, Role::ReadOnly).await.unwrap();
    }

    let more = create(&store, MAX_ACCESS_KEYS, Role::ReadOnly).await;
    store.revoke_access_key(id(0), NOW).await.unwrap();
    let instead = create(&store, MAX_ACCESS_KEYS, Role::ReadOnly).await;

    assert!(matches!(more, Err(StoreError::LimitExceeded(_))), "{more:?}");
    assert!(instead.is_ok());
}

#[tokio::test]
async fn every_event_of_a_request_names_it_and_no_other_event_does() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let actor = Actor {
        access_key_id: Some(id(1)),
        operation: "CreateThing",
        request_id: "7".to_owned(),
        source: None,
    };

    store.acting_as(actor).create_thing(NewThing::named(thing(1)), NOW).await.unwrap();
    store.create_thing(NewThing::named(thing(2)), NOW).await.unwrap();

    let events = store.events(0, 10).await.unwrap();
    assert_eq!(events[0].body["actor"]["accessKeyId"], id(1).as_str());
    assert_eq!(events[0].body["actor"]["operation"], "CreateThing");
    assert_eq!(events[1].body["actor"], serde_json::Value::Null);
    assert_eq!(store.verify_events().await.unwrap(), Ok(2));
}
