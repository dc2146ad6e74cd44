//! Things: attributes, types, versions, principals, and every way to list them.
#![allow(clippy::unwrap_used, reason = "a test's own set-up")]

mod common;

use std::{collections::BTreeSet, time::Duration};

use common::{NOW, certificate_id, register, store, thing};
use perennial_core::{
    ids::{ThingName, ThingTypeName},
    registry::{
        AttributeChange, Attributes, NewThing, PrincipalType, Resource, Tag, Tags, ThingUpdate,
        TypeChange, TypeProperties,
    },
    time::days,
};
use perennial_store::{AttributeFilter, Store, StoreError, ThingFilter, ValueFilter};

fn pump() -> ThingTypeName {
    ThingTypeName::new("pump").unwrap()
}

fn attributes(pairs: &[(&str, &str)]) -> Attributes {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Attributes::new(pairs.iter().map(owned).collect()).unwrap()
}

fn new_thing(number: u32, type_name: Option<ThingTypeName>, pairs: &[(&str, &str)]) -> NewThing {
    NewThing { name: thing(number), type_name, attributes: attributes(pairs) }
}

fn merge(pairs: &[(&str, &str)]) -> Option<AttributeChange> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Some(AttributeChange { attributes: pairs.iter().map(owned).collect(), merge: true })
}

async fn names(store: &Store, filter: ThingFilter, limit: usize) -> Vec<Vec<ThingName>> {
    let (mut pages, mut after) = (Vec::new(), None);
    loop {
        let page = store.list_things(filter.clone(), after, limit).await.unwrap();
        pages.push(page.items.into_iter().map(|thing| thing.name).collect());
        after = page.next;
        if after.is_none() {
            return pages;
        }
    }
}

#[tokio::test]
async fn making_the_same_thing_again_changes_nothing_and_another_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let new = new_thing(1, None, &[("site", "north")]);

    let (made, first) = store.create_thing(new.clone(), NOW).await.unwrap();
    let (again, second) = store.create_thing(new, NOW + days(1)).await.unwrap();
    let other = store.create_thing(new_thing(1, None, &[]), NOW).await.unwrap_err();

    assert!(first && !second);
    assert_eq!((made.version, &made), (1, &again));
    assert!(matches!(other, StoreError::Exists { id, .. } if id == Some(made.thing_id)));
    assert_eq!(store.events(0, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_update_merges_counts_and_keeps_to_the_expected_version() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    store.create_thing(new_thing(1, None, &[("a", "1"), ("b", "2")]), NOW).await.unwrap();
    let update = |pairs, expected_version| ThingUpdate {
        attributes: merge(pairs),
        expected_version,
        ..ThingUpdate::default()
    };

    let changed = store.update_thing(thing(1), update(&[("b", ""), ("c", "3")], Some(1)), NOW);
    let changed = changed.await.unwrap();
    let late = store.update_thing(thing(1), update(&[("d", "4")], Some(1)), NOW).await;
    let same = store.update_thing(thing(1), update(&[("c", "3")], Some(2)), NOW).await.unwrap();
    let missing = store.update_thing(thing(2), update(&[], None), NOW).await.unwrap_err();

    assert_eq!((changed.version, &changed.attributes), (2, &attributes(&[("a", "1"), ("c", "3")])));
    assert!(matches!(late, Err(StoreError::VersionConflict { expected: 1, found: 2, .. })));
    assert_eq!(same, changed);
    assert_eq!(store.describe_thing(thing(1)).await.unwrap(), changed);
    assert!(matches!(missing, StoreError::NotFound { .. }));
}

#[tokio::test]
async fn a_type_is_given_taken_and_deleted_in_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let properties = TypeProperties {
        description: Some("pumps".to_owned()),
        searchable_attributes: BTreeSet::from(["site".to_owned()]),
    };
    let set = ThingUpdate { type_name: TypeChange::Set(pump()), ..ThingUpdate::default() };
    let remove = ThingUpdate { type_name: TypeChange::Remove, ..ThingUpdate::default() };
    store.create_thing(new_thing(1, None, &[]), NOW).await.unwrap();

    let unknown = store.update_thing(thing(1), set.clone(), NOW).await.unwrap_err();
    let tags = Tags::default();
    let (made, _) =
        store.create_thing_type(pump(), properties.clone(), tags.clone(), NOW).await.unwrap();
    let typed = store.update_thing(thing(1), set.clone(), NOW).await.unwrap();
    let changed = TypeProperties::default();
    let other = store.create_thing_type(pump(), changed, tags, NOW).await.unwrap_err();
    let in_force = store.delete_thing_type(pump(), NOW).await.unwrap_err();
    store.deprecate_thing_type(pump(), true, NOW).await.unwrap();
    let deprecated = store.create_thing(new_thing(2, Some(pump()), &[]), NOW).await.unwrap_err();
    let later = NOW + Duration::from_secs(300);
    let early = store.delete_thing_type(pump(), NOW + Duration::from_secs(299)).await;
    let in_use = store.delete_thing_type(pump(), later).await;
    store.update_thing(thing(1), remove, NOW).await.unwrap();
    store.delete_thing_type(pump(), later).await.unwrap();

    assert!(matches!(unknown, StoreError::NotFound { what: "thing type", .. }));
    assert_eq!(made.properties, properties);
    assert_eq!(typed.type_name, Some(pump()));
    assert!(matches!(other, StoreError::Exists { id, .. } if id == Some(made.type_id)));
    for refused in [in_force, deprecated, early.unwrap_err(), in_use.unwrap_err()] {
        assert!(matches!(refused, StoreError::Invalid(_)), "{refused}");
    }
    assert!(store.thing_type(pump()).await.is_err());
    assert!(store.thing_types(None, 10).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn undoing_a_deprecation_lets_things_take_the_type_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let none = TypeProperties::default();
    store.create_thing_type(pump(), none, Tags::default(), NOW).await.unwrap();
    store.deprecate_thing_type(pump(), true, NOW).await.unwrap();

    store.deprecate_thing_type(pump(), false, NOW).await.unwrap();
    store.describe_thing_type_as(pump(), Some("for water".to_owned()), NOW).await.unwrap();

    assert!(store.create_thing(new_thing(1, Some(pump()), &[]), NOW).await.is_ok());
    let shown = store.thing_type(pump()).await.unwrap();
    assert_eq!(shown.properties.description.as_deref(), Some("for water"));
    assert_eq!(shown.deprecated_at, None);
}

#[tokio::test]
async fn things_are_listed_by_type_by_value_and_by_how_a_value_begins() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let none = TypeProperties::default();
    store.create_thing_type(pump(), none, Tags::default(), NOW).await.unwrap();
    for (number, typed, site) in
        [(1, true, "north"), (2, false, "north"), (3, true, "northwest"), (4, true, "south")]
    {
        let new = new_thing(number, typed.then(pump), &[("site", site), ("floor", "1")]);
        store.create_thing(new, NOW).await.unwrap();
    }
    let by = |type_name: Option<ThingTypeName>, value: Option<ValueFilter>| ThingFilter {
        type_name,
        attribute: value.map(|value| AttributeFilter { name: "site".to_owned(), value }),
    };
    let is = |text: &str| Some(ValueFilter::Is(text.to_owned()));
    let begins = |text: &str| Some(ValueFilter::BeginsWith(text.to_owned()));
    let things = |numbers: &[u32]| numbers.iter().copied().map(thing).collect::<Vec<_>>();

    assert_eq!(names(&store, by(None, None), 3).await, [things(&[1, 2, 3]), things(&[4])]);
    assert_eq!(names(&store, by(Some(pump()), None), 2).await, [things(&[1, 3]), things(&[4])]);
    assert_eq!(names(&store, by(None, is("north")), 1).await, [things(&[1]), things(&[2])]);
    assert_eq!(names(&store, by(None, begins("nor")), 2).await, [things(&[1, 2]), things(&[3])]);
    assert_eq!(names(&store, by(None, begins("")), 10).await, [things(&[1, 2, 3, 4])]);
    assert_eq!(names(&store, by(Some(pump()), begins("nor")), 10).await, [things(&[1, 3])]);
    assert_eq!(names(&store, by(Some(pump()), is("east")), 10).await, [things(&[])]);
}

#[tokio::test]
async fn an_exclusive_certificate_has_one_thing_and_is_listed_so() {
    use PrincipalType::{ExclusiveThing, NonExclusiveThing};
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    register(&store, 1, days(7)).await;
    let id = certificate_id(1, 0);
    store.create_thing(new_thing(5, None, &[]), NOW).await.unwrap();

    let shared = store.attach_principal(thing(5), id, ExclusiveThing, NOW).await.unwrap_err();
    let joined = store.attach_principal(thing(5), id, NonExclusiveThing, NOW).await.unwrap();
    let both = store.things_of_principal(id, None, None, 10).await.unwrap().items;
    store.detach_principal(thing(5), id, NOW).await.unwrap();
    store.detach_principal(thing(0), id, NOW).await.unwrap();
    let alone = store.attach_principal(thing(5), id, ExclusiveThing, NOW).await.unwrap();
    let again = store.attach_principal(thing(5), id, ExclusiveThing, NOW).await.unwrap();
    let taken = store.attach_principal(thing(0), id, NonExclusiveThing, NOW).await.unwrap_err();

    assert!(matches!(shared, StoreError::Invalid(_)), "{shared}");
    assert!(joined && alone && !again);
    assert_eq!(both, [(thing(0), NonExclusiveThing), (thing(5), NonExclusiveThing)]);
    assert!(matches!(taken, StoreError::Invalid(_)), "{taken}");
    let of_thing = |only| store.principals_of(thing(5), only, None, 10);
    assert_eq!(of_thing(None).await.unwrap().items, [(id, ExclusiveThing)]);
    assert_eq!(of_thing(Some(NonExclusiveThing)).await.unwrap().items, []);
    let others = store.things_of_principal(id, Some(NonExclusiveThing), None, 10).await.unwrap();
    assert!(others.items.is_empty());
}

#[tokio::test]
async fn a_thing_goes_only_without_principals_and_one_that_is_not_there_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    register(&store, 1, days(7)).await;

    let attached = store.delete_thing(thing(0), None, NOW).await.unwrap_err();
    store.detach_principal(thing(0), certificate_id(1, 0), NOW).await.unwrap();
    let outdated = store.delete_thing(thing(0), Some(7), NOW).await.unwrap_err();
    let deleted = store.delete_thing(thing(0), Some(1), NOW).await.unwrap();
    let again = store.delete_thing(thing(0), Some(1), NOW).await.unwrap();

    assert!(matches!(attached, StoreError::Invalid(_)), "{attached}");
    assert!(matches!(outdated, StoreError::VersionConflict { .. }));
    assert!(deleted && !again);
    assert!(store.verify_events().await.unwrap().is_ok());
}

#[tokio::test]
async fn tags_are_put_replaced_and_taken() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let tag = |key: &str, value: &str| Tag { key: key.to_owned(), value: value.to_owned() };
    let resource = Resource::ThingType(pump());
    let first = Tags::new(vec![tag("cost", "7"), tag("team", "water")]).unwrap();
    store.create_thing_type(pump(), TypeProperties::default(), first, NOW).await.unwrap();

    let more = Tags::new(vec![tag("cost", "8"), tag("zone", "1")]).unwrap();
    store.tag(resource.clone(), more, NOW).await.unwrap();
    store.untag(resource.clone(), vec!["team".to_owned(), "none".to_owned()], NOW).await.unwrap();
    let many = (0..49).map(|n| tag(&format!("k{n}"), "")).collect();
    let too_many = store.tag(resource.clone(), Tags::new(many).unwrap(), NOW).await.unwrap_err();

    assert_eq!(store.tags_of(resource).await.unwrap(), [tag("cost", "8"), tag("zone", "1")]);
    assert!(matches!(too_many, StoreError::LimitExceeded(_)), "{too_many}");
    let of_thing = store.tags_of(Resource::Thing(thing(0))).await.unwrap_err();
    assert!(matches!(of_thing, StoreError::Invalid(_)));
    let missing = Resource::Policy(perennial_core::ids::PolicyName::new("none").unwrap());
    assert!(matches!(store.tags_of(missing).await, Err(StoreError::NotFound { .. })));
}
