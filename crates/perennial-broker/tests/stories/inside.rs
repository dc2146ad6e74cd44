//! The process's side: acknowledged when durable, pushed back when full, never delaying others.

use std::time::Duration;

use bytes::Bytes;
use perennial_broker::{Delivery, Outgoing, Qos};
use rmqtt_codec::v5::PublishAckReason;

use crate::{
    client::{Client, kept, v3},
    world::World,
};

fn outgoing(topic: &str) -> Outgoing {
    let payload = Bytes::from_static(b"{}");
    Outgoing { topic: topic.to_owned(), payload, qos: Qos::AtLeastOnce, retain: false }
}

#[tokio::test]
async fn a_message_is_acknowledged_only_when_it_is_accepted_and_says_who_sent_it() {
    let world = World::start().await;
    let device = world.device("pump");
    let mut inside = world.handle.subscribe("management/topic/+/csr_res", 8).unwrap();
    let mut client = Client::start(&world, &device).await;
    client.push("management/topic/pump/csr_res", b"csr", 1).await;

    let inbound = inside.recv().await.unwrap();
    assert_eq!((inbound.client_id.as_str(), inbound.principal), ("pump", device.id));
    assert_eq!(
        (&*inbound.topic, &*inbound.payload),
        ("management/topic/pump/csr_res", &b"csr"[..])
    );
    // The PINGRESP comes first: the PUBACK is still owed.
    client.ping().await;
    inbound.ack.accept();

    assert_eq!(client.puback().await, Some(PublishAckReason::Success));
}

#[tokio::test]
async fn a_message_dropped_unaccepted_is_never_acknowledged() {
    let world = World::start().await;
    let device = world.device("pump");
    let mut inside = world.handle.subscribe("dev/#", 8).unwrap();
    let mut client = Client::start(&world, &device).await;
    client.push("dev/1", b"1", 1).await;
    client.push("dev/2", b"2", 1).await;

    drop(inside.recv().await.unwrap());
    inside.recv().await.unwrap().ack.accept();

    // The one PUBACK that comes is the second message's.
    let Some(rmqtt_codec::MqttPacket::V5(rmqtt_codec::v5::Packet::PublishAck(ack))) =
        client.answer().await
    else {
        panic!("no PUBACK");
    };
    assert_eq!(ack.packet_id.get(), 2);
    client.ping().await;
}

#[tokio::test]
async fn a_message_refused_is_answered_with_why_or_over_mqtt_3_not_at_all() {
    let world = World::start().await;
    let [five, three] = ["five", "three"].map(|name| world.device(name));
    let mut inside = world.handle.subscribe("dev/#", 8).unwrap();
    let mut by_five = Client::start(&world, &five).await;
    let mut by_three = Client::connect(&world, &three, v3()).await.unwrap();

    by_five.push("dev/1", b"1", 1).await;
    inside.recv().await.unwrap().ack.refuse();
    by_three.push("dev/1", b"1", 1).await;
    by_three.push("dev/2", b"2", 1).await;
    inside.recv().await.unwrap().ack.refuse();
    inside.recv().await.unwrap().ack.accept();

    assert_eq!(by_five.puback().await, Some(PublishAckReason::QuotaExceeded));
    let answered = by_three.answer().await;
    let Some(rmqtt_codec::MqttPacket::V3(rmqtt_codec::v3::Packet::PublishAck { packet_id })) =
        answered
    else {
        panic!("no PUBACK: {answered:?}");
    };
    assert_eq!(packet_id.get(), 2);
    by_three.ping().await;
}

#[tokio::test]
async fn a_full_inbox_holds_up_its_publisher_and_nobody_else() {
    let world = World::start().await;
    let mut inside = world.handle.subscribe("management/topic/+/csr_res", 1).unwrap();
    let mut flooding = Client::start(&world, &world.device("flood")).await;
    let mut other = Client::start(&world, &world.device("other")).await;

    for _ in 0..50 {
        flooding.push("management/topic/flood/csr_res", b"x", 1).await;
    }
    assert_eq!(other.publish("dev/x", "1").await, Some(PublishAckReason::Success));

    for _ in 0..50 {
        inside.recv().await.unwrap().ack.accept();
        assert_eq!(flooding.puback().await, Some(PublishAckReason::Success));
    }
}

#[tokio::test]
async fn a_publish_from_inside_says_how_far_it_came() {
    let world = World::start().await;
    let mut online = Client::start(&world, &world.device("online")).await;
    online.subscribe("management/topic/online/csr_req").await;
    let mut away = Client::connect(&world, &world.device("away"), kept()).await.unwrap();
    away.subscribe("management/topic/away/csr_req").await;
    away.leave().await;

    let deliveries = world.handle.publish(vec![
        outgoing("management/topic/online/csr_req"),
        outgoing("management/topic/away/csr_req"),
        outgoing("management/topic/nobody/csr_req"),
        outgoing("not/a/+/topic"),
    ]);

    assert_eq!(deliveries[0], Delivery { online: 1, ..Delivery::default() });
    assert_eq!(deliveries[1], Delivery { stored: 1, ..Delivery::default() });
    assert_eq!(deliveries[2], Delivery::default());
    assert_eq!(deliveries[3], Delivery::default());
    assert_eq!(&*online.message().await.topic, "management/topic/online/csr_req");
}

#[tokio::test]
async fn a_client_that_caught_up_is_not_slow_for_having_been_behind() {
    let world = World::start_with(|limits| {
        limits.queued_messages = 1;
        limits.in_flight = 1;
        limits.slow_consumer_for = Duration::from_millis(200);
        limits.keep_alive_min = Duration::from_secs(1);
    })
    .await;
    let mut client = Client::start(&world, &world.device("pump")).await;
    let mut events = world.handle.presence();
    client.subscribe("management/topic/pump/csr_req").await;

    let messages = || (0..5).map(|_| outgoing("management/topic/pump/csr_req")).collect();
    let refused = world.handle.publish(messages()).iter().filter(|d| d.refused == 1).count();
    assert!(refused > 0);
    client.ping().await;

    events.recv().await.unwrap();
    let ended = tokio::time::timeout(Duration::from_millis(600), events.recv()).await;
    assert!(ended.is_err(), "{ended:?}");
}

#[tokio::test]
async fn subscriptions_inside_end_with_the_broker() {
    let mut world = World::start().await;
    let mut inside = world.handle.subscribe("dev/#", 8).unwrap();

    world.stop();

    assert!(inside.recv().await.is_none());
    assert!(world.handle.subscribe("a#", 1).is_err());
}
