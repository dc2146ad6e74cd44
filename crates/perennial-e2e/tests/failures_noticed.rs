//! Deliveries that fail are noticed once, whatever comes after them, and their end is too.
#![allow(clippy::unwrap_used, reason = "a story's own machinery")]

mod world;

use bytes::Bytes;
use perennial_broker::{Properties, Publication, Qos};
use perennial_core::{
    ids::{Digest, RuleName},
    notice::{Kind, Notice, Occasion},
    notice_topic::{
        MessageAttributes, Protocol, SubscriptionSettings, TopicName, TopicSettings, Uuid,
    },
    registry::Tags,
    rule::TopicRule,
    time::Timestamp,
};
use perennial_orchestrator::{SystemClock, port::Clock as _};
use perennial_server::Config;
use perennial_store::{NoticeFilter, Order, Subscribing};
use serde_json::{Value, json};
use world::{Endpoint, Receiving, World, desk_at, is_heard, until};

const SUPPORT: &str = "arn:aws:sns:local-1:000000000000:support";

fn now() -> Timestamp {
    SystemClock.now()
}

/// A server, told to let people hear by `target`, and an endpoint whose owner confirmed.
async fn begin(target: &str) -> (World, Receiving, Endpoint) {
    let receiving = Receiving::prepare();
    let endpoint = receiving.serve().await;
    let mut config: Config = receiving.config();
    (config.notices.targets, config.notices.retry_secs) = (vec![target.to_owned()], 1);
    // What arrives once none of this fails any more ends the notice.
    config.rules.calm_secs = 0;
    let world = World::begin_with(config).await;
    let (store, token) = (world.server.store(), Digest::from_bytes([1; 32]));
    store.create_rule_destination(receiving.url("/in"), token, now()).await.unwrap();
    store.confirm_rule_destination(token, now()).await.unwrap();
    (world, receiving, endpoint)
}

/// Makes a rule that brings what is published there to the endpoint.
async fn route(world: &World, receiving: &Receiving, name: &str, filter: &str) {
    let actions = json!([{ "http": { "url": receiving.url("/in") } }]);
    let document = json!({ "sql": format!("SELECT * FROM '{filter}'"), "actions": actions });
    let rule: TopicRule = serde_json::from_value(document).unwrap();
    let name = RuleName::new(name).unwrap();
    let made = world.server.store().create_topic_rule(name, rule, Tags::default(), now()).await;
    made.unwrap();
    world.server.rules().reload().await.unwrap();
}

fn publish(world: &World, topic: &str) {
    let publication = Publication {
        topic: topic.to_owned(),
        payload: Bytes::from_static(b"{}"),
        qos: Qos::AtLeastOnce,
        retain: false,
        properties: Properties::default(),
    };
    world.server.broker().publish_for_operator(publication).unwrap();
}

async fn notices(world: &World, kind: Kind) -> Vec<Notice> {
    let filter = NoticeFilter { open: false, kind: Some(kind) };
    let listed = world.server.store().list_notices(filter, Order::Ascending, None, 100).await;
    listed.unwrap().items
}

async fn occasions(world: &World, notice: &Notice) -> Vec<Occasion> {
    let stored = world.server.store().stored_notice(notice.id).await.unwrap();
    stored.deliveries.iter().map(|it| it.occasion).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_answers_500_is_one_notice_until_it_takes_what_it_gets() {
    const MESSAGES: u64 = 20;
    let (world, receiving, mut endpoint) = begin("mqtt").await;
    let told_on = "$perennial/notices/first/rule_failing";
    let mut desk = desk_at(&world, told_on, "$perennial/notices").await;
    route(&world, &receiving, "readings", "from/#").await;
    route(&world, &receiving, "pager", told_on).await;
    endpoint.fail(true);

    (0..MESSAGES).for_each(|_| publish(&world, "from/pump-1"));
    let told = desk.next().await;
    let counted = until("every message is counted", async || {
        notices(&world, Kind::RuleFailing).await.pop().filter(|it| it.count == MESSAGES)
    })
    .await;
    // The pager's own letter about it is given up as well, and nobody is told of that.
    until("the pager's letter is dead", async || {
        let pager = Some(RuleName::new("pager").unwrap());
        world.server.store().dead_letters(pager, None, 9).await.unwrap().items.pop()
    })
    .await;

    assert_eq!((&told["kind"], &told["occasion"]), (&json!("rule_failing"), &json!("opening")));
    let sampled = told["sample"][0]["text"].as_str().unwrap();
    assert!(sampled.contains("500") && sampled.contains(&receiving.url("/in")), "{sampled}");
    assert_eq!(told["sample"][0]["subject"], "rule readings");
    assert_eq!(notices(&world, Kind::RuleFailing).await.len(), 1);
    assert_eq!(occasions(&world, &counted).await, [Occasion::Opening]);

    endpoint.fail(false);
    publish(&world, "from/pump-1");
    let closing = desk.next().await;
    assert_eq!((&closing["occasion"], &closing["resolved"]), (&json!("closing"), &json!(true)));
    assert_eq!(closing["count"], MESSAGES);
    while endpoint.waiting() > 0 {
        endpoint.next().await;
    }
}

/// The topic `support` with a subscriber at the endpoint, who gives up at once, and another.
async fn support(world: &World, receiving: &Receiving) {
    let (store, name) = (world.server.store(), TopicName::new("support").unwrap());
    let settings = TopicSettings::default();
    store.create_notice_topic(name.clone(), settings, Tags::default(), now()).await.unwrap();
    let once = r#"{"healthyRetryPolicy": {"numRetries": 0}}"#.to_owned();
    let subscribers = [
        (Protocol::Https, receiving.url("/in"), Some(once)),
        (Protocol::Mqtt, "plant/alarms".to_owned(), None),
    ];
    for (n, (protocol, endpoint, delivery_policy)) in (1..).zip(subscribers) {
        let settings = SubscriptionSettings { delivery_policy, ..SubscriptionSettings::default() };
        let (id, topic) = (Uuid::from_bytes([n; 16]), name.clone());
        let wish = Subscribing { id, topic, protocol, endpoint, settings, confirming: None };
        store.subscribe(wish, now()).await.unwrap();
    }
}

async fn is_dead(world: &World, count: usize) {
    until("so many deliveries are dead", async || {
        let dead = world.server.store().dead_deliveries(None, 99).await.unwrap().items;
        (dead.len() == count).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_who_gets_nothing_is_one_notice_that_does_not_feed_itself() {
    let (world, receiving, endpoint) = begin(SUPPORT).await;
    support(&world, &receiving).await;
    let mut desk = desk_at(&world, "plant/alarms", "plant").await;
    is_heard(&world, "plant/alarms").await;
    endpoint.fail(true);
    let topics = world.server.notice_topics();
    let say = async |text: &str| {
        topics.publish(SUPPORT, None, text.to_owned(), MessageAttributes::new()).await.unwrap()
    };

    say("first").await;
    let told = loop {
        let envelope = desk.next().await;
        if let Some(kind) = envelope["MessageAttributes"]["kind"]["Value"].as_str() {
            assert_eq!(kind, "subscription_failing");
            break serde_json::from_str::<Value>(envelope["Message"].as_str().unwrap()).unwrap();
        }
    };
    // The message, and the letter about it.
    is_dead(&world, 2).await;
    say("second").await;
    is_dead(&world, 3).await;

    assert_eq!((&told["occasion"], &told["count"]), (&json!("opening"), &json!(1)));
    assert_eq!(told["title"], "[warning] subscriber gets nothing: notice topic support");
    let found = notices(&world, Kind::SubscriptionFailing).await;
    assert_eq!((found.len(), found[0].count), (1, 1), "{found:?}");
    assert_eq!(occasions(&world, &found[0]).await, [Occasion::Opening]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_is_deleted_ends_its_notice() {
    let (world, receiving, endpoint) = begin("log").await;
    route(&world, &receiving, "readings", "from/#").await;
    endpoint.fail(true);
    publish(&world, "from/pump-1");
    let only = async || notices(&world, Kind::RuleFailing).await.pop();
    until("it is noticed", async || only().await.filter(Notice::is_open)).await;

    let name = RuleName::new("readings").unwrap();
    world.server.store().delete_topic_rule(name, now()).await.unwrap();
    world.server.rules().reload().await.unwrap();

    until("the notice is closed", async || only().await.filter(|it| !it.is_open())).await;
}
