//! People are told: once of a device that fails, once of a storm, others when nobody acknowledges.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod world;

use perennial_core::{
    audit::{ConfigurationUpdate, NotificationTarget},
    notice::{Closing, Kind, Notice, Occasion, Recipient, State},
    notice_topic::{Protocol, SubscriptionSettings, TopicName, TopicSettings, Uuid},
    registry::Tags,
};
use perennial_orchestrator::{
    SystemClock,
    port::{Clock as _, HistoryEntry, Stored},
};
use perennial_store::{DeliveryStatus, NoticeFilter, Order, ShownDelivery, Subscribing};
use world::{World, desk, desk_at, is_heard, refusing, telling, until};

/// The notices about certificates that were withdrawn again.
async fn notices(world: &World) -> Vec<Notice> {
    let filter = NoticeFilter { open: false, kind: Some(Kind::RotationRolledBack) };
    let listed = world.server.store().list_notices(filter, Order::Ascending, None, 100).await;
    listed.unwrap().items
}

async fn only(world: &World) -> (Notice, Vec<ShownDelivery>) {
    let found = notices(world).await;
    assert_eq!(found.len(), 1, "{found:?}");
    let stored = world.server.store().stored_notice(found[0].id).await.unwrap();
    (stored.notice, stored.deliveries)
}

/// The line of a rotation's history that says that people were told.
async fn told(world: &World, rotation: &Stored) -> HistoryEntry {
    until("the history says that people were told", async || {
        let history = world.server.store().history(rotation.rotation.id).await.unwrap();
        let mut told = history.into_iter().filter(|entry| entry.input == "PeopleTold");
        let line = told.next();
        assert!(told.next().is_none(), "it says so twice");
        line
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_refuses_its_certificate_is_one_notice_and_its_history_says_who_took_it() {
    let world = World::begin_with(telling()).await;
    let mut desk = desk(&world).await;
    let device = refusing(&world, "pump-1").await;

    world.server.audit_now().await.unwrap();
    let rotation = world.ended(&device.thing).await;
    let letter = desk.next().await;
    let line = told(&world, &rotation).await;

    assert_eq!((&letter["count"], &letter["severity"]), (&1.into(), &"warning".into()));
    assert_eq!(letter["title"], "[warning] rotation rolled back: pump-1");
    let (message, notice) = (&letter["messageId"], &letter["noticeId"]);
    assert!(line.detail.contains(message.as_str().unwrap()), "{}", line.detail);
    assert!(line.detail.contains(notice.as_str().unwrap()), "{}", line.detail);
    assert!(line.detail.contains("1 connected"), "{}", line.detail);
    let (notice, deliveries) = only(&world).await;
    assert_eq!((notice.count, notice.state), (1, State::AwaitingAck));
    let occasions: Vec<_> = deliveries.iter().map(|it| it.occasion).collect();
    assert_eq!(occasions, [Occasion::Opening]);
    device.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_there_is_no_proof_and_the_message_is_kept_until_somebody_is() {
    let world = World::begin_with(telling()).await;
    let device = refusing(&world, "pump-1").await;
    world.server.audit_now().await.unwrap();
    let rotation = world.ended(&device.thing).await;

    until("a try has failed", async || {
        let found = notices(&world).await;
        let stored = world.server.store().stored_notice(found.first()?.id).await.unwrap();
        let failed = |it: &ShownDelivery| matches!(&it.status,
            DeliveryStatus::Pending { failure: Some(why), .. } if why.contains("nobody has subscribed"));
        stored.deliveries.iter().any(failed).then_some(())
    })
    .await;
    let history = world.server.store().history(rotation.rotation.id).await.unwrap();
    assert!(history.iter().all(|entry| entry.input != "PeopleTold"), "{history:?}");
    let mut desk = desk(&world).await;

    assert_eq!(desk.next().await["count"], 1);
    told(&world, &rotation).await;
    device.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_failures_is_one_notice_with_its_count() {
    let mut config = telling();
    config.notices.update_secs = 1;
    let world = World::begin_with(config).await;
    let mut desk = desk(&world).await;
    let mut devices = Vec::new();
    for number in 1..=4 {
        devices.push(refusing(&world, &format!("pump-{number}")).await);
    }

    world.server.audit_now().await.unwrap();
    let mut letters = vec![desk.next().await];
    while letters.last().is_none_or(|letter| letter["count"] != 4) {
        letters.push(desk.next().await);
    }

    assert!(letters.len() <= 4, "{letters:?}");
    let (notice, deliveries) = only(&world).await;
    assert_eq!((notice.count, notice.sample.as_slice().len()), (4, 4));
    let openings = deliveries.iter().filter(|it| it.occasion == Occasion::Opening);
    assert_eq!(openings.count(), 1);
    for device in devices {
        told(&world, &world.ended(&device.thing).await).await;
        device.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn others_are_told_when_nobody_acknowledges() {
    let mut config = telling();
    config.notices.escalation_targets = vec!["mqtt".to_owned()];
    config.notices.escalate_secs = 1;
    let world = World::begin_with(config).await;
    let mut desk = desk(&world).await;
    let device = refusing(&world, "pump-1").await;

    world.server.audit_now().await.unwrap();
    let (first, second) = (desk.next().await, desk.next().await);

    assert_eq!((&first["recipient"], &first["occasion"]), (&"first".into(), &"opening".into()));
    assert_eq!(second["recipient"], "second");
    assert_eq!(second["title"], "Nobody acknowledged: [warning] rotation rolled back: pump-1");
    assert_eq!(first["noticeId"], second["noticeId"]);
    assert_eq!(only(&world).await.0.state, State::Escalated);
    device.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_is_told_of_what_somebody_sees_to() {
    let mut config = telling();
    config.notices.escalation_targets = vec!["mqtt".to_owned()];
    (config.notices.escalate_secs, config.notices.close_secs) = (3, 4);
    let world = World::begin_with(config).await;
    let mut desk = desk(&world).await;
    let device = refusing(&world, "pump-1").await;
    world.server.audit_now().await.unwrap();
    desk.next().await;

    let (id, now) = (only(&world).await.0.id, SystemClock.now());
    world.server.store().acknowledge_notice(id, "ada".to_owned(), now).await.unwrap();
    let closed = until("the notice is closed", async || {
        let (notice, deliveries) = only(&world).await;
        (!notice.is_open()).then_some((notice, deliveries))
    })
    .await;

    let (notice, deliveries) = closed;
    assert!(matches!(notice.state, State::Closed { why: Closing::Silence, .. }), "{notice:?}");
    assert!(deliveries.iter().all(|it| it.recipient == Recipient::First), "{deliveries:?}");
    device.stop().await;
}

/// A topic with one subscriber, who is reached at `plant/alarms`.
async fn topic(world: &World) {
    let (store, now) = (world.server.store(), SystemClock.now());
    let name = TopicName::new("support").unwrap();
    let settings = TopicSettings::default();
    store.create_notice_topic(name.clone(), settings, Tags::default(), now).await.unwrap();
    let wish = Subscribing {
        id: Uuid::from_bytes([7; 16]),
        topic: name,
        protocol: Protocol::Mqtt,
        endpoint: "plant/alarms".to_owned(),
        settings: SubscriptionSettings::default(),
        confirming: None,
    };
    store.subscribe(wish, now).await.unwrap();
}

const TOPIC: &str = "arn:aws:sns:local-1:000000000000:support";

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_topic_takes_what_people_are_told_under_the_id_that_the_history_has() {
    let mut config = telling();
    config.notices.targets = vec![TOPIC.to_owned()];
    let world = World::begin_with(config).await;
    topic(&world).await;
    let mut desk = desk_at(&world, "plant/alarms", "plant").await;
    let device = refusing(&world, "pump-1").await;

    world.server.audit_now().await.unwrap();
    let rotation = world.ended(&device.thing).await;
    let line = told(&world, &rotation).await;
    let envelope = loop {
        let envelope = desk.next().await;
        if envelope["Subject"] == "[warning] rotation rolled back: pump-1" {
            break envelope;
        }
    };

    assert!(line.detail.contains(envelope["MessageId"].as_str().unwrap()), "{}", line.detail);
    let letter: serde_json::Value =
        serde_json::from_str(envelope["Message"].as_str().unwrap()).unwrap();
    assert!(line.detail.contains(letter["noticeId"].as_str().unwrap()), "{}", line.detail);
    assert!(letter["acknowledgeUrl"].as_str().unwrap().starts_with("https://localhost:"));
    assert_eq!(envelope["MessageAttributes"]["severity"]["Value"], "warning");
    device.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_that_ended_is_told_on_the_topic_that_the_account_names() {
    let world = World::begin().await;
    topic(&world).await;
    world.is_audited().await;
    let mut desk = desk_at(&world, "plant/alarms", "plant").await;
    is_heard(&world, "plant/alarms").await;
    let target = NotificationTarget {
        target_arn: Some(TOPIC.to_owned()),
        role_arn: Some("arn:aws:iam::000000000000:role/any".to_owned()),
        enabled: true,
    };
    let targets = [("SNS".to_owned(), target)].into();
    let update = ConfigurationUpdate {
        audit_notification_target_configurations: targets,
        ..ConfigurationUpdate::default()
    };
    let store = world.server.store();
    store.update_audit_configuration(update, SystemClock.now()).await.unwrap();

    let task = world.server.audit_now().await.unwrap();
    let told = loop {
        let envelope = desk.next().await;
        let message = envelope["Message"].as_str().unwrap_or("{}");
        let message: serde_json::Value = serde_json::from_str(message).unwrap();
        // What showed that the desk hears comes first, and perhaps the first start's own audit.
        if message["taskId"] == task.task_id.to_string() {
            break message;
        }
    };

    assert_eq!(told["taskStatus"], "COMPLETED");
}
