//! Notice topics: what is published reaches everybody who wants it, and nothing is lost on the way.
#![allow(clippy::unwrap_used, reason = "tests and their set-up")]

use std::{path::Path, time::Duration};

use perennial_core::{
    ids::Digest,
    notice::Kind,
    notice_topic::{
        Message, MessageAttribute, Protocol, SubscriptionSettings, TopicName, TopicSettings, Uuid,
    },
    registry::{Tag, Tags},
    time::{Timestamp, days},
};
use perennial_store::{
    Confirming, DeliveryState, NoticeFilter, Order, Outcome, Settings, Settled, Store, StoreError,
    Subscribed, Subscribing,
};
use tempfile::TempDir;

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

struct Fixture {
    folder: TempDir,
    store: Store,
}

fn open(folder: &Path) -> Store {
    Store::open(folder, Settings::default()).unwrap()
}

fn alarms() -> TopicName {
    TopicName::new("alarms").unwrap()
}

async fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store
        .create_notice_topic(alarms(), TopicSettings::default(), Tags::default(), NOW)
        .await
        .unwrap();
    Fixture { folder, store }
}

fn id(n: u8) -> Uuid {
    Uuid::from_random([n; 16])
}

fn wish(n: u8, endpoint: &str) -> Subscribing {
    Subscribing {
        id: id(n),
        topic: alarms(),
        protocol: Protocol::Mqtt,
        endpoint: endpoint.to_owned(),
        settings: SubscriptionSettings::default(),
        confirming: None,
    }
}

/// A wish whose token is `n` and whose question is message `n`.
fn asking(n: u8, endpoint: &str) -> Subscribing {
    let confirming = Confirming {
        token: format!("token-{n}"),
        digest: Digest::from_bytes([n; 32]),
        message_id: id(n),
    };
    Subscribing { protocol: Protocol::Https, confirming: Some(confirming), ..wish(n, endpoint) }
}

fn message(text: &str) -> Message {
    let attributes = [("kind".to_owned(), MessageAttribute::text(text))].into();
    Message::new(None, text.to_owned(), attributes).unwrap()
}

impl Fixture {
    async fn publish(&self, n: u8, text: &str) {
        self.store.publish_notices(alarms(), vec![(id(n), message(text))], NOW).await.unwrap();
    }

    async fn spread(&self) {
        while self.store.spread_notices(2, NOW).await.unwrap() {}
    }

    /// All that is due, as endpoint and message.
    async fn due(&self, now: Timestamp) -> Vec<(String, Uuid)> {
        let mut all = Vec::new();
        for lane in self.store.due_lanes(100, now).await.unwrap() {
            let due = self.store.due_deliveries(lane.number, 100, now).await.unwrap();
            let wanted = due.iter().filter(|it| it.due.is_some());
            all.extend(wanted.map(|it| (lane.endpoint.clone(), it.message_id)));
        }
        all.sort_unstable();
        all
    }

    /// Everything that is due in every lane ends so.
    async fn settle(&self, outcome: Outcome, now: Timestamp) {
        for lane in self.store.due_lanes(100, now).await.unwrap() {
            let due = self.store.due_deliveries(lane.number, 100, now).await.unwrap();
            let settled = due.into_iter().map(|it| Settled {
                number: it.number,
                message_id: it.message_id,
                outcome: outcome.clone(),
            });
            self.store.settle_deliveries(lane.number, settled.collect(), now).await.unwrap();
        }
    }

    fn rows(&self, table: &str) -> i64 {
        let connection =
            rusqlite::Connection::open(self.folder.path().join("perennial.db")).unwrap();
        connection
            .query_row(&format!("SELECT COUNT(*) FROM {table}"), [], |row| row.get(0))
            .unwrap()
    }
}

#[tokio::test]
async fn a_message_reaches_every_subscription_page_by_page() {
    let it = fixture().await;
    for n in 1..=5 {
        it.store.subscribe(wish(n, &format!("t/{n}")), NOW).await.unwrap();
    }

    it.publish(9, "hello").await;
    it.spread().await;

    let expected: Vec<_> = (1..=5).map(|n| (format!("t/{n}"), id(9))).collect();
    assert_eq!(it.due(NOW).await, expected);
}

#[tokio::test]
async fn what_was_published_survives_the_process() {
    let it = fixture().await;
    it.store.subscribe(wish(1, "t/1"), NOW).await.unwrap();
    it.publish(9, "hello").await;
    let Fixture { folder, store } = it;
    store.close();

    let again = Fixture { store: open(folder.path()), folder };
    again.spread().await;

    assert_eq!(again.due(NOW).await, [("t/1".to_owned(), id(9))]);
}

#[tokio::test]
async fn a_subscription_gets_what_its_filter_wants() {
    let it = fixture().await;
    let mut picky = wish(1, "t/picky");
    picky.settings.set("FilterPolicy", r#"{"kind": ["fire"]}"#, Protocol::Mqtt).unwrap();
    it.store.subscribe(picky, NOW).await.unwrap();

    it.publish(8, "water").await;
    it.publish(9, "fire").await;
    it.spread().await;

    assert_eq!(it.due(NOW).await, [("t/picky".to_owned(), id(9))]);
    assert_eq!(it.rows("notice_messages"), 1);
}

#[tokio::test]
async fn who_has_not_confirmed_gets_the_question_and_nothing_else() {
    let it = fixture().await;
    it.store.subscribe(asking(1, "https://a/"), NOW).await.unwrap();

    it.publish(9, "hello").await;
    it.spread().await;
    let before = it.due(NOW).await;
    it.store.confirm_subscription(alarms(), Digest::from_bytes([1; 32]), false, NOW).await.unwrap();
    it.publish(10, "again").await;
    it.spread().await;

    assert_eq!(before, [("https://a/".to_owned(), id(1))]);
    assert_eq!(it.due(NOW).await, [("https://a/".to_owned(), id(10))]);
    assert_eq!(it.store.notice_topic(alarms()).await.unwrap().subscriptions, [1, 0, 0]);
}

#[tokio::test]
async fn a_token_counts_for_two_days_and_a_subscription_waits_for_three() {
    let it = fixture().await;
    it.store.subscribe(asking(1, "https://a/"), NOW).await.unwrap();
    let token = Digest::from_bytes([1; 32]);

    let late =
        it.store.confirm_subscription(alarms(), token, false, NOW + days(2) + days(1) / 2).await;
    it.store.sweep_notices(10, NOW + days(2)).await.unwrap();
    let there = it.store.subscription(id(1)).await;
    it.store.sweep_notices(10, NOW + days(3)).await.unwrap();

    assert!(matches!(late, Err(StoreError::Invalid(_))), "{late:?}");
    assert!(there.is_ok());
    assert!(matches!(it.store.subscription(id(1)).await, Err(StoreError::NotFound { .. })));
    assert_eq!(it.store.notice_topic(alarms()).await.unwrap().subscriptions, [0, 0, 1]);
}

#[tokio::test]
async fn subscribing_again_asks_again_with_another_token() {
    let it = fixture().await;
    it.store.subscribe(asking(1, "https://a/"), NOW).await.unwrap();

    let again = it.store.subscribe(asking(2, "https://a/"), NOW).await.unwrap();

    assert_eq!(again, Subscribed { id: id(1), confirmed: false });
    assert_eq!(
        it.due(NOW).await,
        [("https://a/".to_owned(), id(1)), ("https://a/".to_owned(), id(2))]
    );
    let token =
        |n| it.store.confirm_subscription(alarms(), Digest::from_bytes([n; 32]), false, NOW);
    assert!(token(1).await.is_err());
    assert_eq!(token(2).await.unwrap(), id(1));
}

#[tokio::test]
async fn a_confirmed_subscription_stays_and_differs_from_another_with_other_settings() {
    let it = fixture().await;
    it.store.subscribe(wish(1, "t/1"), NOW).await.unwrap();
    let mut raw = wish(2, "t/1");
    raw.settings.raw_message_delivery = true;

    let same = it.store.subscribe(wish(3, "t/1"), NOW).await.unwrap();
    let other = it.store.subscribe(raw, NOW).await;

    assert_eq!(same, Subscribed { id: id(1), confirmed: true });
    assert!(matches!(other, Err(StoreError::Exists { .. })), "{other:?}");
}

#[tokio::test]
async fn a_failed_delivery_waits_and_delays_no_other_lane() {
    let it = fixture().await;
    it.store.subscribe(wish(1, "t/1"), NOW).await.unwrap();
    it.store.subscribe(wish(2, "t/2"), NOW).await.unwrap();
    it.publish(9, "hello").await;
    it.spread().await;
    let lanes = it.store.due_lanes(100, NOW).await.unwrap();
    let slow = lanes.iter().find(|lane| lane.endpoint == "t/1").unwrap();

    let due = it.store.due_deliveries(slow.number, 9, NOW).await.unwrap();
    let outcome = Outcome::Again { at: NOW + days(1), why: "no answer".to_owned() };
    let settled = Settled { number: due[0].number, message_id: id(9), outcome };
    it.store.settle_deliveries(slow.number, vec![settled], NOW).await.unwrap();

    assert_eq!(it.due(NOW).await, [("t/2".to_owned(), id(9))]);
    assert_eq!(it.due(NOW + days(1)).await.len(), 2);
    let waiting = it.store.deliveries_of(id(9), None, 9).await.unwrap().items;
    let said: Vec<_> = waiting.iter().map(|it| (it.state, it.tries, it.said.as_deref())).collect();
    assert_eq!(
        said,
        [(DeliveryState::Waiting, 1, Some("no answer")), (DeliveryState::Waiting, 0, None)]
    );
}

#[tokio::test]
async fn a_dead_delivery_is_listed_and_replayed() {
    let it = fixture().await;
    it.store.subscribe(wish(1, "t/1"), NOW).await.unwrap();
    it.publish(9, "hello").await;
    it.spread().await;
    it.settle(Outcome::Dead("refused".to_owned()), NOW).await;

    let dead = it.store.dead_deliveries(None, 9).await.unwrap().items;
    let nothing_due = it.due(NOW + days(9)).await;
    it.store.replay_delivery(dead[0].number, NOW).await.unwrap();

    assert_eq!((dead.len(), nothing_due.len()), (1, 0));
    assert_eq!((dead[0].said.as_deref(), dead[0].tries), (Some("refused"), 1));
    assert_eq!(it.due(NOW).await, [("t/1".to_owned(), id(9))]);
    assert_eq!(it.store.dead_deliveries(None, 9).await.unwrap().items, []);
    assert!(it.store.replay_delivery(dead[0].number, NOW).await.is_err());
}

#[tokio::test]
async fn what_ended_is_forgotten_after_a_fortnight_with_its_message() {
    let it = fixture().await;
    it.store.subscribe(wish(1, "t/1"), NOW).await.unwrap();
    it.publish(9, "hello").await;
    it.spread().await;
    it.settle(Outcome::Delivered("QoS 1".to_owned()), NOW).await;

    it.store.sweep_notices(10, NOW + days(13)).await.unwrap();
    let kept = it.store.deliveries_of(id(9), None, 9).await.unwrap().items;
    it.store.sweep_notices(10, NOW + days(14)).await.unwrap();

    assert_eq!(kept[0].state, DeliveryState::Delivered);
    let tables = ["notice_messages", "notice_deliveries", "notice_lanes"];
    assert_eq!(tables.map(|table| it.rows(table)), [0, 0, 0]);
}

#[tokio::test]
async fn a_deleted_topic_takes_all_with_it_and_its_name_begins_anew() {
    let it = fixture().await;
    for n in 1..=3 {
        it.store.subscribe(wish(n, &format!("t/{n}")), NOW).await.unwrap();
    }
    it.publish(9, "hello").await;
    it.spread().await;

    it.store.delete_notice_topic(alarms(), NOW).await.unwrap();
    it.store
        .create_notice_topic(alarms(), TopicSettings::default(), Tags::default(), NOW)
        .await
        .unwrap();
    let due = it.due(NOW).await;
    it.settle(Outcome::Gone, NOW).await;
    while it.store.sweep_notices(2, NOW).await.unwrap() {}

    assert_eq!(due, []);
    let listed = it.store.list_subscriptions(None, None, 9).await.unwrap().items;
    assert_eq!(listed, []);
    let tables =
        ["notice_subscriptions", "notice_messages", "notice_deliveries", "notice_topics_gone"];
    assert_eq!(tables.map(|table| it.rows(table)), [0, 0, 0, 0]);
}

#[tokio::test]
async fn a_topic_is_made_once_and_not_otherwise() {
    let it = fixture().await;
    let tags = Tags::new(vec![Tag { key: "a".to_owned(), value: String::new() }]).unwrap();

    let create = |tags| it.store.create_notice_topic(alarms(), TopicSettings::default(), tags, NOW);

    assert!(create(Tags::default()).await.is_ok());
    assert!(matches!(create(tags).await, Err(StoreError::Exists { .. })));
}

#[tokio::test]
async fn a_topic_with_settings_and_tags_is_found_by_its_name_alone() {
    let it = fixture().await;
    let pumps = TopicName::new("pumps").unwrap();
    let tags = Tags::new(vec![Tag { key: "a".to_owned(), value: String::new() }]).unwrap();
    let called = |name: &str| TopicSettings { display_name: name.to_owned() };
    let create = |settings, tags| it.store.create_notice_topic(pumps.clone(), settings, tags, NOW);
    create(called("Pumps"), tags.clone()).await.unwrap();

    let by_name = create(TopicSettings::default(), Tags::default()).await;
    let same = create(called("Pumps"), tags).await;
    let other = create(called("Other"), Tags::default()).await;

    assert!(by_name.is_ok() && same.is_ok(), "{by_name:?} {same:?}");
    assert!(matches!(other, Err(StoreError::Exists { .. })), "{other:?}");
}

/// The notices about subscribers of `alarms` who get nothing: how many it folds, whether it is open.
async fn told(it: &Fixture) -> Vec<(u64, bool)> {
    let filter = NoticeFilter { open: false, kind: Some(Kind::SubscriptionFailing) };
    let listed = it.store.list_notices(filter, Order::Ascending, None, 9).await.unwrap();
    listed.items.iter().map(|it| (it.count, it.is_open())).collect()
}

fn dead() -> Outcome {
    Outcome::Dead("500 oh no".to_owned())
}

#[tokio::test]
async fn subscribers_who_get_nothing_are_told_of_once_and_again_when_all_of_them_get_something() {
    let it = fixture().await;
    for n in 1..=2 {
        it.store.subscribe(wish(n, &format!("t/{n}")), NOW).await.unwrap();
    }
    for n in 10..13 {
        it.publish(n, "hello").await;
        it.spread().await;
        it.settle(dead(), NOW).await;
    }
    assert_eq!(told(&it).await, [(2, true)]);

    // One of them unsubscribes; the other gets something too early to count, and then later.
    it.store.unsubscribe(id(1), NOW).await.unwrap();
    for (n, secs, expected) in [(20, 59, (2, true)), (21, 60, (2, false)), (22, 61, (2, false))] {
        it.publish(n, "hello").await;
        it.spread().await;
        let now = NOW + Duration::from_secs(secs);
        it.settle(Outcome::Delivered("200 OK".to_owned()), now).await;
        assert_eq!(told(&it).await, [expected], "after {secs} s");
    }
}

#[tokio::test]
async fn a_letter_about_it_that_is_given_up_is_no_news_and_another_letter_is() {
    let it = fixture().await;
    it.store.subscribe(wish(1, "t/1"), NOW).await.unwrap();
    let letter = async |n: u8, kind: Kind| {
        let letter = (id(n), kind, message("letter"));
        it.store.publish_letter(alarms(), letter, NOW).await.unwrap();
        it.spread().await;
        it.settle(dead(), NOW).await;
    };

    letter(10, Kind::SubscriptionFailing).await;
    letter(11, Kind::RuleFailing).await;
    assert_eq!(told(&it).await, []);
    letter(12, Kind::DiskLow).await;

    assert_eq!(told(&it).await, [(1, true)]);
}

#[tokio::test]
async fn nobody_is_told_of_who_never_confirmed_and_a_deleted_topic_ends_its_notice() {
    let it = fixture().await;
    it.store.subscribe(asking(1, "https://a/"), NOW).await.unwrap();
    it.settle(dead(), NOW).await;
    assert_eq!(told(&it).await, []);
    it.store.subscribe(wish(2, "t/2"), NOW).await.unwrap();
    it.publish(10, "hello").await;
    it.spread().await;
    it.settle(dead(), NOW).await;
    assert_eq!(told(&it).await, [(1, true)]);

    it.store.delete_notice_topic(alarms(), NOW).await.unwrap();

    assert_eq!(told(&it).await, [(1, false)]);
}
