//! What rules make is delivered behind bounded queues: an endpoint that hangs delays nobody else,
//! and what waits when the server stops is delivered when it is back.
#![allow(clippy::unwrap_used, reason = "a story's own machinery")]

mod world;

use std::time::Duration;

use bytes::Bytes;
use perennial_broker::{Properties, Publication, Qos};
use perennial_core::{
    ids::{Digest, RuleName},
    notice::Kind,
    registry::Tags,
    rule::{
        TopicRule,
        action::{Delivery, Payload},
    },
    time::Timestamp,
};
use perennial_orchestrator::{SystemClock, port::Clock as _};
use perennial_store::{DeadLetter, MAX_DEAD_LETTERS, NoticeFilter, Order};
use serde_json::{Value, json};
use world::{Endpoint, Receiving, World, until};

const NAME: &str = "story";

fn now() -> Timestamp {
    SystemClock.now()
}

/// A server, and an endpoint whose owner confirmed.
async fn begin() -> (World, Receiving, Endpoint) {
    let receiving = Receiving::prepare();
    let endpoint = receiving.serve().await;
    let world = World::begin_with(receiving.config()).await;
    let (store, token) = (world.server.store(), Digest::from_bytes([1; 32]));
    store.create_rule_destination(receiving.url("/in"), token, now()).await.unwrap();
    store.confirm_rule_destination(token, now()).await.unwrap();
    (world, receiving, endpoint)
}

/// Makes the story's rule, on everything below `from/`.
async fn route(world: &World, actions: Value, error_action: Option<Value>) {
    let mut document = json!({ "sql": "SELECT * FROM 'from/#'", "actions": actions });
    if let Some(action) = error_action {
        document["errorAction"] = action;
    }
    let rule: TopicRule = serde_json::from_value(document).unwrap();
    let name = RuleName::new(NAME).unwrap();
    let made = world.server.store().create_topic_rule(name, rule, Tags::default(), now()).await;
    made.unwrap();
    world.server.rules().reload().await.unwrap();
}

fn publish(world: &World, number: usize) {
    let publication = Publication {
        topic: format!("from/{}", number % 7),
        payload: Bytes::from(format!("{{\"number\":{number}}}")),
        qos: Qos::AtLeastOnce,
        retain: false,
        properties: Properties::default(),
    };
    world.server.broker().publish_for_operator(publication).unwrap();
}

async fn letters(world: &World) -> Vec<DeadLetter> {
    let page = world.server.store().dead_letters(None, None, 2 * MAX_DEAD_LETTERS).await.unwrap();
    page.items.into_iter().map(|(_, letter)| letter).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_hangs_delays_nobody_else_and_fills_only_its_own_queue() {
    const MESSAGES: usize = 4000;
    let (world, receiving, endpoint) = begin().await;
    endpoint.hang(true);
    let http = json!({ "http": { "url": receiving.url("/in") } });
    let file = json!({ "file": { "name": "numbers" } });
    route(&world, json!([http, file]), Some(json!({ "file": { "name": "errors" } }))).await;

    let lines = |name: &str| {
        let path = world.server.data().join("rules").join(name);
        std::fs::read_to_string(path).map_or(0, |text| text.lines().count())
    };
    for batch in (0..MESSAGES).step_by(500) {
        (batch..batch + 500).for_each(|number| publish(&world, number));
        let so_far = batch + 500;
        until("the lines are in the file", async || (lines("numbers") == so_far).then_some(()))
            .await;
    }
    let full = MESSAGES - 2048 - 33;
    until("what found no room was told", async || (lines("errors") >= full).then_some(())).await;
    let kept = until("dead letters", async || {
        Some(letters(&world).await).filter(|it| it.len() == MAX_DEAD_LETTERS)
    })
    .await;
    let reason = "too many deliveries of this action wait";
    assert!(kept.iter().all(|it| it.reason == reason), "{:?}", kept[0]);
    assert!(endpoint.waiting() <= 32, "{} requests at a time", endpoint.waiting());
    endpoint.hang(false);
    until("what waited arrives", async || (endpoint.waiting() >= 2048).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_when_the_server_stops_is_delivered_when_it_is_back() {
    const MESSAGES: usize = MAX_DEAD_LETTERS + 500;
    let (world, receiving, mut endpoint) = begin().await;
    endpoint.hang(true);
    let http = json!({ "http": { "url": receiving.url("/in/${topic(2)}"),
        "confirmationUrl": receiving.url("/in") } });
    route(&world, json!([http]), None).await;
    (0..MESSAGES).for_each(|number| publish(&world, number));
    until("the endpoint has all that it gets", async || (endpoint.waiting() == 32).then_some(()))
        .await;

    let world = world.restart().await;
    endpoint.hang(false);

    let mut numbers = std::collections::BTreeSet::new();
    while numbers.len() < MESSAGES {
        let request = endpoint.next().await;
        let body: Value = serde_json::from_str(&request.body).unwrap();
        assert_eq!(request.path, format!("/in/{}", body["number"].as_u64().unwrap() % 7));
        numbers.insert(body["number"].as_u64().unwrap());
    }
    until("no dead letter is left", async || letters(&world).await.is_empty().then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_last_stop_left_and_fails_now_is_given_up_like_others() {
    let (world, receiving, endpoint) = begin().await;
    endpoint.hang(true);
    let errors = json!({ "file": { "name": "errors" } });
    route(&world, json!([{ "http": { "url": receiving.url("/in") } }]), Some(errors)).await;
    publish(&world, 1);
    until("the endpoint has it", async || (endpoint.waiting() == 1).then_some(())).await;

    endpoint.fail(true);
    let world = world.restart().await;
    endpoint.hang(false);

    let kept = until("it is given up", async || {
        letters(&world).await.pop().filter(|it| it.reason.contains("500"))
    })
    .await;
    assert!(!kept.unfinished, "{kept:?}");
    let path = world.server.data().join("rules/errors");
    until("the error action heard of it", async || std::fs::read_to_string(&path).ok()).await;
    let failing = NoticeFilter { open: true, kind: Some(Kind::RuleFailing) };
    until("people are told", async || {
        let notices = world.server.store().list_notices(failing, Order::Ascending, None, 9);
        notices.await.unwrap().items.pop()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_tried_once_at_a_time_and_waits_for_no_others_endpoint() {
    let (world, receiving, mut endpoint) = begin().await;
    route(&world, json!([{ "http": { "url": receiving.url("/in") } }]), None).await;
    endpoint.fail(true);
    (0..8).for_each(|number| publish(&world, number));
    until("all are dead", async || (letters(&world).await.len() == 8).then_some(())).await;
    let line = Delivery::File { name: "line".into(), payload: Payload((*b"x").into()) };
    let local = DeadLetter { delivery: line, ..letters(&world).await.remove(0) };
    while endpoint.waiting() > 0 {
        endpoint.next().await;
    }
    endpoint.hang(true);
    endpoint.fail(false);

    let (store, rules) = (world.server.store(), world.server.rules());
    let dead = store.dead_letters(None, None, 9).await.unwrap().items;
    for (id, letter) in dead.iter().chain(&dead) {
        assert!(rules.replay(*id, letter.clone()).await);
    }
    store.bury(vec![local]).await.unwrap();
    let (id, local) = store.dead_letters(None, None, 9).await.unwrap().items.pop().unwrap();
    assert!(rules.replay(id, local).await);
    let path = world.server.data().join("rules/line");
    until("what goes elsewhere arrives", async || std::fs::read_to_string(&path).ok()).await;
    assert_eq!(
        letters(&world).await.iter().filter(|it| it.delivery.action() == "HttpAction").count(),
        8
    );
    endpoint.hang(false);

    until("all arrived", async || letters(&world).await.is_empty().then_some(())).await;
    assert_eq!(endpoint.waiting(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_that_is_switched_off_gets_nothing_more() {
    let (world, receiving, mut endpoint) = begin().await;
    route(&world, json!([{ "http": { "url": receiving.url("/in") } }]), None).await;
    publish(&world, 1);
    assert_eq!(endpoint.next().await.body, "{\"number\":1}");

    let store = world.server.store();
    let made = store.rule_destinations(None, 9).await.unwrap().items.remove(0);
    let off = perennial_store::DestinationStatus::Disabled;
    store.set_rule_destination(made.id, off, None, now()).await.unwrap();
    world.server.rules().reload().await.unwrap();
    publish(&world, 2);

    let kept = until("it is given up", async || letters(&world).await.pop()).await;
    assert!(kept.reason.contains("no destination for this URL is ENABLED"), "{kept:?}");
    assert_eq!(endpoint.waiting(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_a_rule_selects_is_not_held_up_by_the_rule() {
    let (world, receiving, endpoint) = begin().await;
    endpoint.hang(true);
    route(&world, json!([{ "http": { "url": receiving.url("/in") } }]), None).await;

    let began = std::time::Instant::now();
    (0..100).for_each(|number| publish(&world, number));

    // Each request may take 15 s: had one waited for one, this would take half an hour.
    assert!(began.elapsed() < Duration::from_secs(10));
}

/// The numbers of the messages in a request's array.
fn numbers(body: &str) -> Vec<u64> {
    let messages: Vec<Value> = serde_json::from_str(body).unwrap();
    messages.iter().map(|it| it["number"].as_u64().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_travel_together_and_each_of_a_batch_that_failed_can_be_tried_again() {
    let (world, receiving, mut endpoint) = begin().await;
    let config = json!({ "maxBatchSize": 4, "maxBatchOpenMs": 200, "batchAcrossTopics": true });
    let http = json!({ "http": { "url": receiving.url("/in"), "enableBatching": true,
        "batchConfig": config } });
    route(&world, json!([http]), Some(json!({ "file": { "name": "errors" } }))).await;

    (0..10).for_each(|number| publish(&world, number));
    let mut arrived = Vec::new();
    while arrived.len() < 10 {
        let together = numbers(&endpoint.next().await.body);
        assert!(together.len() <= 4, "{together:?}");
        arrived.extend(together);
    }
    arrived.sort_unstable();
    assert_eq!(arrived, (0..10).collect::<Vec<_>>());
    assert_eq!(endpoint.waiting(), 0);

    endpoint.fail(true);
    (10..14).for_each(|number| publish(&world, number));
    let kept = until("each is a dead letter", async || {
        Some(letters(&world).await).filter(|it| it.len() == 4)
    })
    .await;
    let path = world.server.data().join("rules/errors");
    let told = until("the error action heard of each", async || {
        let text = std::fs::read_to_string(&path).ok()?;
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let told: Vec<Value> = lines.collect();
        let of = |it: &Value| it["payloadsWithMetadata"].as_array().map_or(0, Vec::len);
        (told.iter().map(of).sum::<usize>() == 4).then_some(told)
    })
    .await;
    assert!(kept.iter().all(|it| it.reason.contains("500")), "{kept:?}");
    assert_eq!(told[0]["payloadsWithMetadata"][0]["topic"], "from/3");
    assert_eq!(told[0]["failures"][0]["affectedIds"][0], 1);

    endpoint.fail(false);
    let mut tried = std::collections::BTreeSet::new();
    while endpoint.waiting() > 0 {
        tried.extend(numbers(&endpoint.next().await.body));
    }
    assert_eq!(tried, (10..14).collect());
    let (id, letter) =
        world.server.store().dead_letters(None, None, 1).await.unwrap().items.remove(0);
    assert!(world.server.rules().replay(id, letter).await);
    assert_eq!(numbers(&endpoint.next().await.body).len(), 1);
    until("it is none any more", async || (letters(&world).await.len() == 3).then_some(())).await;
}
