//! Logging: options and levels, and what a group's end means for them.
#![allow(clippy::unwrap_used, reason = "a story's own machinery")]

mod common;

use common::{NOW, store};
use perennial_core::{
    ids::ThingGroupName,
    logging::{Levels, LogLevel, LogTarget, LoggedEvent, TargetType},
    registry::{GroupProperties, Tags},
};
use perennial_store::{LoggingUpdate, MAX_LOG_TARGETS, StoreError};

fn client(name: &str) -> LogTarget {
    LogTarget::new(TargetType::ClientId, Some(name)).unwrap()
}

#[tokio::test]
async fn options_that_are_not_named_stay() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let first = store.log_levels().await.unwrap();
    let events = [(LoggedEvent::Connect, LogLevel::Info)].into();
    let update = LoggingUpdate { events: Some(events), ..LoggingUpdate::default() };
    store.update_logging(update, NOW).await.unwrap();
    let update = LoggingUpdate { default: Some(LogLevel::Warn), ..LoggingUpdate::default() };

    store.update_logging(update, NOW).await.unwrap();

    let options = store.logging_options().await.unwrap();
    assert_eq!(first, Levels::default());
    assert_eq!(options.default, LogLevel::Warn);
    assert_eq!(options.events.len(), 1);
    assert!(!options.all_disabled);
}

#[tokio::test]
async fn targets_are_listed_by_kind_and_name_in_pages() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let address = LogTarget::new(TargetType::SourceIp, Some("192.0.2.7")).unwrap();
    for target in [address.clone(), client("b"), client("a")] {
        store.set_log_level(target, LogLevel::Info, NOW).await.unwrap();
    }

    let first = store.log_targets(None, None, 3).await.unwrap();
    let second = store.log_targets(None, first.next, 3).await.unwrap();
    let clients = store.log_targets(Some(TargetType::ClientId), None, 1).await.unwrap();
    let more = store.log_targets(Some(TargetType::ClientId), clients.next, 1).await.unwrap();

    let names = |items: &[(LogTarget, LogLevel)]| -> Vec<_> {
        items.iter().map(|(target, _)| target.name().unwrap_or_default()).collect()
    };
    assert_eq!(names(&first.items), ["a", "b", ""]);
    assert_eq!(second.items, [(address, LogLevel::Info)]);
    assert_eq!((names(&clients.items), names(&more.items)), (vec!["a".into()], vec!["b".into()]));
    assert_eq!(more.next, None);
}

#[tokio::test]
async fn a_groups_level_goes_with_the_group() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let name = ThingGroupName::new("pumps").unwrap();
    let target = || LogTarget::ThingGroup(ThingGroupName::new("pumps").unwrap());
    let missing = store.set_log_level(target(), LogLevel::Info, NOW).await.unwrap_err();
    let (none, tags) = (GroupProperties::default(), Tags::default());
    store.create_thing_group(name.clone(), None, none.clone(), tags.clone(), NOW).await.unwrap();
    store.set_log_level(target(), LogLevel::Info, NOW).await.unwrap();
    let with = store.log_levels().await.unwrap();

    store.delete_thing_group(name.clone(), None, NOW).await.unwrap();
    store.create_thing_group(name, None, none, tags, NOW).await.unwrap();

    assert!(matches!(missing, StoreError::Invalid(_)), "{missing}");
    assert_eq!(with.groups.len(), 1);
    assert!(store.log_levels().await.unwrap().groups.is_empty());
}

#[tokio::test]
async fn the_default_stays_and_targets_are_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    for number in 0..MAX_LOG_TARGETS {
        store.set_log_level(client(&number.to_string()), LogLevel::Info, NOW).await.unwrap();
    }

    let kept = store.delete_log_level(LogTarget::Default, NOW).await.unwrap_err();
    let many = store.set_log_level(client("more"), LogLevel::Info, NOW).await.unwrap_err();
    let again = store.set_log_level(client("7"), LogLevel::Error, NOW).await;

    assert!(matches!(kept, StoreError::Invalid(_)), "{kept}");
    assert!(matches!(many, StoreError::LimitExceeded(_)), "{many}");
    assert!(again.is_ok());
    assert_eq!(store.log_levels().await.unwrap().clients.len(), MAX_LOG_TARGETS);
}
