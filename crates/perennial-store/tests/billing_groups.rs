//! Billing groups: made once, a thing in one of them, deleted when nothing is in them.
#![allow(clippy::unwrap_used, reason = "a test's own set-up")]

mod common;

use common::{NOW, store};
use perennial_core::{
    ids::{BillingGroupName, ThingName},
    registry::{NewThing, Tags},
};
use perennial_store::{Store, StoreError};

fn group(name: &str) -> BillingGroupName {
    BillingGroupName::new(name).unwrap()
}

fn pump() -> ThingName {
    ThingName::new("pump-1").unwrap()
}

async fn make(store: &Store, name: &str) {
    store.create_billing_group(group(name), None, Tags::default(), NOW).await.unwrap();
}

#[tokio::test]
async fn a_group_is_made_once_and_changed_by_its_version() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let create = async |description: &str| {
        let said = Some(description.to_owned());
        store.create_billing_group(group("north"), said, Tags::default(), NOW).await
    };
    let made = create("pays for oil").await.unwrap();

    let again = create("pays for oil").await.unwrap();
    let other = create("pays for gas").await.unwrap_err();
    let late = store.update_billing_group(group("north"), Some("gas".into()), Some(7), NOW).await;
    let changed =
        store.update_billing_group(group("north"), Some("gas".into()), Some(1), NOW).await;
    let same = store.update_billing_group(group("north"), Some("gas".into()), None, NOW).await;

    assert_eq!(again, made);
    assert!(matches!(other, StoreError::Exists { .. }), "{other}");
    assert!(matches!(late, Err(StoreError::VersionConflict { .. })));
    assert_eq!((changed.unwrap(), same.unwrap()), (2, 2));
}

#[tokio::test]
async fn a_thing_is_in_one_group_and_holds_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    make(&store, "north").await;
    make(&store, "south").await;
    let new = NewThing::named(pump());
    store.create_thing_billed_to(new.clone(), Some(group("north")), NOW).await.unwrap();

    let same = store.create_thing_billed_to(new.clone(), Some(group("north")), NOW).await;
    let other = store.create_thing_billed_to(new, None, NOW).await.unwrap_err();
    let held = store.delete_billing_group(group("north"), None, NOW).await.unwrap_err();
    store.bill_thing_to(group("south"), pump(), NOW).await.unwrap();
    store.delete_billing_group(group("north"), None, NOW).await.unwrap();
    store.delete_billing_group(group("north"), None, NOW).await.unwrap();

    assert!(!same.unwrap().1);
    assert!(matches!(other, StoreError::Exists { .. }), "{other}");
    assert!(matches!(held, StoreError::Invalid(_)), "{held}");
    assert_eq!(store.billing_group_of(pump()).await.unwrap(), Some(group("south")));
    assert_eq!(store.things_billed_to(group("south"), None, 9).await.unwrap().items, [pump()]);
}

#[tokio::test]
async fn a_thing_that_cannot_be_billed_is_not_made_and_one_that_is_deleted_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    make(&store, "north").await;
    let new = NewThing::named(pump());

    let nowhere = store.create_thing_billed_to(new.clone(), Some(group("nowhere")), NOW).await;
    let unmade = store.describe_thing(pump()).await;
    store.create_thing_billed_to(new, Some(group("north")), NOW).await.unwrap();
    store.delete_thing(pump(), None, NOW).await.unwrap();

    assert!(matches!(nowhere, Err(StoreError::NotFound { what: "billing group", .. })));
    assert!(matches!(unmade, Err(StoreError::NotFound { what: "thing", .. })));
    store.delete_billing_group(group("north"), None, NOW).await.unwrap();
}

#[tokio::test]
async fn groups_are_listed_by_name_and_how_it_begins() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    for name in ["b-2", "a", "b-1", "c"] {
        make(&store, name).await;
    }

    let all = store.billing_groups(String::new(), None, 3).await.unwrap();
    let rest = store.billing_groups(String::new(), all.next.clone(), 3).await.unwrap();
    let of_b = store.billing_groups("b".to_owned(), None, 3).await.unwrap();

    let names = |page: &perennial_store::Page<perennial_core::registry::BillingGroup, _>| {
        page.items.iter().map(|it| it.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(&all), ["a", "b-1", "b-2"]);
    assert_eq!((names(&rest), rest.next), (vec!["c".to_owned()], None));
    assert_eq!(names(&of_b), ["b-1", "b-2"]);
}
