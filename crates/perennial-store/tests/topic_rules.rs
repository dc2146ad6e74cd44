//! Topic rules, their destinations and their dead letters, as they are kept.
#![allow(clippy::unwrap_used, reason = "a test's own set-up")]

mod common;

use std::sync::Arc;

use common::{NOW, store};
use perennial_core::{
    ids::{Digest, RuleName},
    notice_topic::{Protocol, SubscriptionSettings, TopicName, TopicSettings, Uuid},
    registry::{Resource, Tag, Tags},
    rule::{
        RuleInvalid, TopicRule,
        action::{Delivery, Payload},
    },
    time::days,
};
use perennial_store::{
    DeadLetter, DestinationStatus, MAX_DEAD_LETTERS, Settings, Store, StoreError, Subscribing,
};

fn name(text: &str) -> RuleName {
    RuleName::new(text).unwrap()
}

fn rule(filter: &str, republish_to: &str) -> TopicRule {
    let document = serde_json::json!({
        "sql": format!("SELECT * FROM '{filter}'"),
        "actions": [{ "republish": { "topic": republish_to } }]
    });
    serde_json::from_value(document).unwrap()
}

async fn create(store: &Store, called: &str, rule: TopicRule) -> Result<(), StoreError> {
    store.create_topic_rule(name(called), rule, Tags::default(), NOW).await
}

fn rule_notifying(filter: &str, notice_topic: &str) -> TopicRule {
    let arn = format!("arn:aws:sns:local-1:000000000000:{notice_topic}");
    let document = serde_json::json!({
        "sql": format!("SELECT * FROM '{filter}'"), "actions": [{ "sns": { "targetArn": arn } }]
    });
    serde_json::from_value(document).unwrap()
}

/// Has the broker's topic `endpoint` get what is published to the notice topic `to`.
async fn subscribe(
    store: &Store,
    id: u8,
    (to, endpoint): (&str, &str),
) -> Result<Uuid, StoreError> {
    let topic = TopicName::new(to).unwrap();
    let (settings, tags) = (TopicSettings::default(), Tags::default());
    store.create_notice_topic(topic.clone(), settings, tags, NOW).await?;
    let wish = Subscribing {
        id: Uuid::from_random([id; 16]),
        topic,
        protocol: Protocol::Mqtt,
        endpoint: endpoint.to_owned(),
        settings: SubscriptionSettings::default(),
        confirming: None,
    };
    Ok(store.subscribe(wish, NOW).await?.id)
}

fn is_loop<T: std::fmt::Debug>(result: &Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Rule(RuleInvalid::Loop(_))))
}

#[tokio::test]
async fn no_rules_messages_come_back_by_a_notice_topics_subscriber() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let subscription = subscribe(&store, 1, ("alarms", "in/1")).await.unwrap();

    let made = create(&store, "a", rule_notifying("in/#", "alarms")).await;
    create(&store, "b", rule_notifying("out", "other")).await.unwrap();
    let subscribed = subscribe(&store, 2, ("other", "out")).await;
    let kept = store.list_subscriptions(None, None, 9).await.unwrap().items;
    store.unsubscribe(subscription, NOW).await.unwrap();
    let made_later = create(&store, "a", rule_notifying("in/#", "alarms")).await;

    assert!(is_loop(&made) && is_loop(&subscribed), "{made:?} {subscribed:?}");
    assert_eq!(kept.iter().map(|it| it.endpoint.as_str()).collect::<Vec<_>>(), ["in/1"]);
    assert!(made_later.is_ok(), "{made_later:?}");
}

#[tokio::test]
async fn a_rule_is_kept_until_it_is_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let tags = Tags::new(vec![Tag { key: "a".into(), value: "1".into() }]).unwrap();

    store.create_topic_rule(name("b"), rule("x", "y"), tags, NOW).await.unwrap();
    create(&store, "a", rule("v", "w")).await.unwrap();
    create(&store, "a", rule("v", "w")).await.unwrap();
    store.replace_topic_rule(name("a"), rule("v", "z"), NOW + days(1)).await.unwrap();
    store.close();
    let store = Store::open(folder.path(), Settings::default()).unwrap();

    let all = store.topic_rules().await.unwrap();
    let shown: Vec<_> = all.iter().map(|it| (it.name.as_str(), it.created_at)).collect();
    assert_eq!(shown, [("a", NOW), ("b", NOW)]);
    assert_eq!(all[0].rule, rule("v", "z"));
    let resource = Resource::Other { kind: "rule".into(), name: "b".into() };
    assert_eq!(store.tags_of(resource.clone()).await.unwrap().len(), 1);
    assert!(store.delete_topic_rule(name("b"), NOW).await.unwrap());
    assert!(!store.delete_topic_rule(name("b"), NOW).await.unwrap());
    assert!(store.tags_of(resource).await.is_err());
}

#[tokio::test]
async fn another_content_under_a_rules_name_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    create(&store, "a", rule("x", "y")).await.unwrap();

    let other = create(&store, "a", rule("x", "z")).await;
    let missing = store.replace_topic_rule(name("b"), rule("x", "z"), NOW).await;

    assert!(matches!(other, Err(StoreError::Exists { .. })), "{other:?}");
    assert!(matches!(missing, Err(StoreError::NotFound { .. })), "{missing:?}");
}

#[tokio::test]
async fn rules_that_would_feed_each_other_are_refused_also_when_switched_on() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    create(&store, "a", rule("x", "y")).await.unwrap();

    let made = create(&store, "b", rule("y", "x")).await;
    let off = TopicRule { rule_disabled: true, ..rule("y", "x") };
    create(&store, "b", off).await.unwrap();
    let switched_on = store.enable_topic_rule(name("b"), true, NOW).await;
    let replaced = store.replace_topic_rule(name("a"), rule("x", "x"), NOW).await;

    for refused in [made, switched_on, replaced] {
        let refused = refused.unwrap_err();
        assert!(matches!(refused, StoreError::Rule(RuleInvalid::Loop(_))), "{refused:?}");
    }
    assert!(store.topic_rule(name("b")).await.unwrap().rule.rule_disabled);
    assert_eq!(store.topic_rule(name("a")).await.unwrap().rule, rule("x", "y"));
}

#[tokio::test]
async fn a_destination_is_used_once_its_owner_confirmed() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let (first, second) = (Digest::from_bytes([1; 32]), Digest::from_bytes([2; 32]));
    let url = "https://example.com/in".to_owned();

    let made = store.create_rule_destination(url.clone(), first, NOW).await.unwrap();
    let early = store.set_rule_destination(made.id, DestinationStatus::Enabled, None, NOW).await;
    let twice = store.create_rule_destination(url, second, NOW).await;
    store.await_confirmation(made.id, second, NOW).await.unwrap();
    let outdated = store.confirm_rule_destination(first, NOW).await;
    let confirmed = store.confirm_rule_destination(second, NOW).await;
    let status = store.rule_destination(made.id).await.unwrap().status;
    store.set_rule_destination(made.id, DestinationStatus::Disabled, None, NOW).await.unwrap();
    store.confirm_rule_destination(second, NOW).await.unwrap();

    assert!(matches!(early, Err(StoreError::Invalid(_))), "{early:?}");
    assert!(matches!(twice, Err(StoreError::Exists { .. })), "{twice:?}");
    assert!(matches!(outdated, Err(StoreError::Invalid(_))), "{outdated:?}");
    confirmed.unwrap();
    assert_eq!(status, DestinationStatus::Enabled);
    let listed = store.rule_destinations(None, 10).await.unwrap().items;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].status, DestinationStatus::Disabled);
    assert!(store.delete_rule_destination(made.id, NOW).await.unwrap());
    assert!(store.rule_destination(made.id).await.is_err());
}

fn letter(rule: &str, number: usize) -> DeadLetter {
    let payload = Payload(Arc::from(number.to_string().into_bytes()));
    DeadLetter {
        rule: name(rule),
        topic: "x".into(),
        client_id: Some("pump-1".into()),
        reason: "broken".into(),
        delivery: Delivery::Stdout { payload },
        died_at: NOW,
        unfinished: false,
    }
}

#[tokio::test]
async fn of_a_rules_dead_letters_the_latest_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());

    store.bury(vec![letter("other", 7)]).await.unwrap();
    store.bury((0..=MAX_DEAD_LETTERS).map(|it| letter("a", it)).collect()).await.unwrap();

    let of_a = store.dead_letters(Some(name("a")), None, 5000).await.unwrap().items;
    let all = store.dead_letters(None, None, 5000).await.unwrap().items;
    assert_eq!((of_a.len(), all.len()), (MAX_DEAD_LETTERS, MAX_DEAD_LETTERS + 1));
    assert_eq!(of_a[0].1, letter("a", 1));
    let page = store.dead_letters(Some(name("a")), Some(of_a[0].0), 2).await.unwrap();
    assert_eq!(page.items, of_a[1..3]);
    assert_eq!(page.next, Some(of_a[2].0));
    assert_eq!(store.forget_dead_letters(vec![of_a[0].0, of_a[0].0]).await.unwrap(), 1);
    assert!(store.dead_letter(of_a[0].0).await.is_err());
    assert_eq!(store.dead_letter(of_a[1].0).await.unwrap(), letter("a", 2));
}

#[tokio::test]
async fn dead_letters_are_forgotten_after_two_weeks() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let later = DeadLetter { died_at: NOW + days(10), ..letter("a", 2) };
    store.bury(vec![letter("a", 1), later.clone()]).await.unwrap();

    store.sweep_dead_letters(100, NOW + days(14)).await.unwrap();
    let kept = store.dead_letters(None, None, 10).await.unwrap().items.len();
    store.sweep_dead_letters(100, NOW + days(15)).await.unwrap();

    let left = store.dead_letters(None, None, 10).await.unwrap().items;
    assert_eq!(kept, 2);
    assert_eq!(left.into_iter().map(|(_, it)| it).collect::<Vec<_>>(), [later]);
}

#[tokio::test]
async fn what_a_stop_left_makes_no_room_and_takes_none_until_it_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let left = |number| DeadLetter { unfinished: true, ..letter("a", number) };
    let most = MAX_DEAD_LETTERS;

    store.bury((0..most + 500).map(left).collect()).await.unwrap();
    store.bury((0..most).map(|number| letter("a", number)).collect()).await.unwrap();
    let first = store.unfinished_letters(None, 1).await.unwrap().items[0].0;
    let all = store.unfinished_letters(None, 3 * most).await.unwrap().items.len();
    store.finish_dead_letter(first, "it answered 500".to_owned(), NOW).await.unwrap();

    let rest = store.unfinished_letters(None, 3 * most).await.unwrap().items.len();
    let kept = store.dead_letters(None, None, 3 * most).await.unwrap().items.len();
    assert_eq!((all, rest), (most + 500, most + 499));
    assert_eq!(kept, most + (most + 499));
}
