//! Topics at AWS: what people are told, and what is published here, reaches them signed and durably.
//! A second server plays AWS, over the same API and with its own check of every signature.
#![allow(clippy::unwrap_used, reason = "a story's own machinery")]

mod world;

use std::time::Duration;

use perennial_core::{
    ids::NoticeId,
    notice::{Attempts, Fact, Kind},
    notice_topic::{
        MessageAttributes, Protocol, SubscriptionSettings, TopicName, TopicSettings, Uuid,
    },
    registry::Tags,
};
use perennial_orchestrator::{SystemClock, port::Clock as _};
use perennial_server::{Config, credentials_path};
use perennial_store::{DeliveryStatus, NoticeFilter, Order, ShownDelivery, Subscribing};
use serde_json::Value;
use world::{Listening, World, config, desk_at, is_heard, until};

/// The topic over there.
const FLEET: &str = "arn:aws:sns:local-1:000000000000:fleet";

/// Somewhere else: a topic with a subscriber, who is heard.
async fn elsewhere() -> (World, Listening) {
    let world = World::begin().await;
    topic(&world, "fleet", (Protocol::Mqtt, "plant/alarms")).await;
    let desk = desk_at(&world, "plant/alarms", "plant").await;
    is_heard(&world, "plant/alarms").await;
    (world, desk)
}

/// Makes a topic with one subscriber.
async fn topic(world: &World, name: &str, (protocol, endpoint): (Protocol, &str)) {
    let (store, now) = (world.server.store(), SystemClock.now());
    let name = TopicName::new(name).unwrap();
    let settings = TopicSettings::default();
    store.create_notice_topic(name.clone(), settings, Tags::default(), now).await.unwrap();
    let wish = Subscribing {
        id: Uuid::from_bytes([7; 16]),
        topic: name,
        protocol,
        endpoint: endpoint.to_owned(),
        settings: SubscriptionSettings::default(),
        confirming: None,
    };
    store.subscribe(wish, now).await.unwrap();
}

/// What a server here is told of the topic over there: who signs, with the secret in `secret`.
fn here(there: &World, secret: &std::path::Path) -> Config {
    let credentials = std::fs::read_to_string(credentials_path(there.server.data())).unwrap();
    let member = |name: &str| {
        let value = credentials
            .lines()
            .find_map(|line| line.split_once('=').filter(|it| it.0.trim() == name));
        value.unwrap().1.trim().to_owned()
    };
    std::fs::write(secret, member("aws_secret_access_key")).unwrap();
    let mut config = config();
    config.account.id = "111111111111".to_owned();
    config.outbound.allow = vec!["127.0.0.1".to_owned()];
    config.outbound.ca_file = Some(there.server.data().join("ca.pem"));
    config.sns.topics = vec![FLEET.to_owned()];
    config.sns.access_key_id = Some(member("aws_access_key_id"));
    config.sns.secret_file = Some(secret.to_owned());
    config.sns.endpoint = Some(format!("https://127.0.0.1:{}", there.server.https().port()));
    config.notices.targets = vec![FLEET.to_owned()];
    config.notices.retry_secs = 1;
    config
}

/// The first notice, with what was sent of it.
async fn first(world: &World) -> Option<(NoticeId, Vec<ShownDelivery>)> {
    let filter = NoticeFilter { open: false, kind: Some(Kind::Unauthorized) };
    let store = world.server.store();
    let notice =
        store.list_notices(filter, Order::Ascending, None, 1).await.unwrap().items.pop()?;
    Some((notice.id, store.stored_notice(notice.id).await.unwrap().deliveries))
}

/// The next that the desk hears under this subject.
async fn heard(desk: &mut Listening, subject: &str) -> Value {
    loop {
        let envelope = desk.next().await;
        if envelope["Subject"] == subject {
            return envelope;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_told_by_a_topic_at_aws_whose_message_id_is_the_proof() {
    let (there, mut desk) = elsewhere().await;
    let folder = tempfile::tempdir().unwrap();
    let world = World::begin_with(here(&there, &folder.path().join("secret"))).await;

    let fact = Fact::Unauthorized { what: Attempts::Actions, count: 12 };
    world.server.store().notice(vec![fact], SystemClock.now()).await.unwrap();
    let envelope = heard(&mut desk, "[warning] unauthorised attempts, 12 times").await;
    let proof =
        until("it is known to be delivered", async || match first(&world).await?.1.pop()?.status {
            DeliveryStatus::Delivered { proof, .. } => Some(proof),
            DeliveryStatus::Pending { .. } | DeliveryStatus::GivenUp { .. } => None,
        })
        .await;

    assert_eq!(envelope["TopicArn"], FLEET);
    assert_eq!(envelope["MessageId"], proof.message_id);
    assert_eq!(proof.taken_by, format!("AWS SNS topic {FLEET}"));
    assert_eq!(envelope["MessageAttributes"]["severity"]["Value"], "warning");
    let letter: Value = serde_json::from_str(envelope["Message"].as_str().unwrap()).unwrap();
    assert_eq!(letter["kind"], "unauthorized");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_here_is_published_there_and_waits_while_nobody_is_there() {
    let (there, mut desk) = elsewhere().await;
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    let mut config = here(&there, &secret);
    config.notices.targets = vec!["log".to_owned()];
    let right = std::fs::read_to_string(&secret).unwrap();
    std::fs::write(&secret, "another").unwrap();
    let world = World::begin_with(config.clone()).await;
    topic(&world, "alarms", (Protocol::Sns, FLEET)).await;
    let topics = world.server.notice_topics();
    let arn = "arn:aws:sns:local-1:111111111111:alarms";
    let (subject, text) = (Some("Pump 7".to_owned()), "is away".to_owned());

    let id = topics.publish(arn, subject, text, MessageAttributes::new()).await.unwrap();
    let waiting = until("a try was refused", async || {
        let listed = world.server.store().deliveries_of(id, None, 9).await.unwrap().items.pop()?;
        listed.said
    })
    .await;
    assert!(waiting.contains("403") && waiting.contains("SignatureDoesNotMatch"), "{waiting}");
    std::fs::write(&secret, right).unwrap();
    let world = world.restart().await;

    let envelope = heard(&mut desk, "Pump 7").await;
    assert_eq!(envelope["Message"], "is away");
    let said = until("it is known to be delivered", async || {
        let listed = world.server.store().deliveries_of(id, None, 9).await.unwrap().items.pop()?;
        listed.said.filter(|said| said.starts_with("MessageId"))
    })
    .await;
    assert_eq!(said, format!("MessageId {}", envelope["MessageId"].as_str().unwrap()));
    tokio::time::timeout(Duration::from_secs(30), there.server.stop()).await.unwrap();
}
