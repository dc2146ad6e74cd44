//! What the protocol asks of a server, where it shows.

use std::{
    num::{NonZeroU16, NonZeroU32},
    sync::atomic::Ordering,
};

use rmqtt_codec::{
    MqttPacket,
    types::QoS,
    v5::{self, DisconnectReasonCode as Code, SubscribeAckReason},
};

use crate::{
    client::{Client, Connect, publish_packet, subscribe_packet, v3},
    world::{POLICY, World},
};

#[tokio::test]
async fn the_connack_says_what_the_server_does_not_do() {
    let world = World::start().await;
    let connect = Connect { keep_alive: 0, expiry: u32::MAX, ..Connect::default() };

    let client = Client::connect(&world, &world.device("pump"), connect).await.unwrap();

    let ack = client.ack.unwrap();
    assert_eq!(ack.max_qos, QoS::AtLeastOnce);
    assert_eq!(ack.receive_max.get(), 100);
    assert_eq!(ack.topic_alias_max, 0);
    assert_eq!(ack.server_keepalive_sec, Some(1200));
    assert_eq!(ack.session_expiry_interval_secs, Some(7 * 86_400));
    assert!(!ack.shared_subscription_available && !ack.subscription_identifiers_available);
    assert!(ack.max_packet_size.unwrap() > 128 * 1024);
}

#[tokio::test]
async fn what_the_server_does_not_do_is_refused_with_its_own_reason() {
    let world = World::start().await;
    let device = world.device("pump");
    let two = publish_packet("dev/x", b"1", 2, NonZeroU16::new(1));
    let mut aliased = publish_packet("dev/x", b"1", 0, None);
    aliased.properties.as_mut().unwrap().topic_alias = NonZeroU16::new(1);
    let long = publish_packet(&"x/".repeat(8), b"1", 0, None);

    for (publish, code) in [
        (two, Code::QosNotSupported),
        (aliased, Code::TopicAliasInvalid),
        (long, Code::TopicNameInvalid),
    ] {
        let mut client = Client::start(&world, &device).await;
        client.send_publish(publish).await;
        assert_eq!(client.ended().await, Some(code));
    }
    let mut client = Client::start(&world, &device).await;
    assert_eq!(
        client.subscribe("$share/g/dev/x").await,
        SubscribeAckReason::SharedSubscriptionNotSupported
    );
    assert_eq!(client.subscribe("dev/#/x").await, SubscribeAckReason::TopicFilterInvalid);
}

#[tokio::test]
async fn subscriptions_are_bounded_and_replacing_one_is_not_a_new_one() {
    let world = World::start_with(|limits| limits.subscriptions = 2).await;
    let mut client = Client::start(&world, &world.device("pump")).await;

    assert_eq!(client.subscribe("dev/1").await, SubscribeAckReason::GrantedQos1);
    assert_eq!(client.subscribe("dev/2").await, SubscribeAckReason::GrantedQos1);
    assert_eq!(client.subscribe("dev/2").await, SubscribeAckReason::GrantedQos1);

    assert_eq!(client.subscribe("dev/3").await, SubscribeAckReason::QuotaExceeded);
}

#[tokio::test]
async fn no_local_keeps_a_clients_own_messages_from_it() {
    let world = World::start().await;
    let mut client = Client::start(&world, &world.device("pump")).await;
    let options = v5::SubscriptionOptions { no_local: true, ..Default::default() };
    let packet = subscribe_packet(NonZeroU16::MAX, "dev/#", options);
    client.send(MqttPacket::V5(packet)).await;
    client.answer().await;

    client.publish("dev/x", "1").await;
    client.ping().await;

    assert!(!client.has_message());
}

#[tokio::test]
async fn a_message_crosses_from_mqtt_3_to_5_and_back() {
    let world = World::start().await;
    let mut three = Client::connect(&world, &world.device("three"), v3()).await.unwrap();
    let mut five = Client::start(&world, &world.device("five")).await;
    three.subscribe("dev/to3").await;
    five.subscribe("dev/to5").await;

    three.publish("dev/to5", "a").await;
    five.publish("dev/to3", "b").await;

    assert_eq!(five.message().await.payload, "a");
    assert_eq!(three.message().await.payload, "b");
}

#[tokio::test]
async fn the_properties_of_a_message_go_with_it() {
    let world = World::start().await;
    let mut reading = Client::start(&world, &world.device("reader")).await;
    reading.subscribe("dev/#").await;
    let mut writing = Client::start(&world, &world.device("writer")).await;
    let properties = v5::PublishProperties {
        content_type: Some("application/json".into()),
        response_topic: Some("dev/answer".into()),
        user_properties: vec![("k".into(), "v".into())],
        ..Default::default()
    };
    let mut publish = publish_packet("dev/x", b"{}", 0, None);
    publish.properties = Some(properties.clone());

    writing.send_publish(publish).await;

    assert_eq!(reading.message().await.properties, Some(properties));
}

#[tokio::test]
async fn a_second_connect_is_a_protocol_error() {
    let world = World::start().await;
    let mut client = Client::start(&world, &world.device("pump")).await;

    client.send(MqttPacket::V5(v5::Connect::default().client_id("pump").into())).await;

    assert_eq!(client.ended().await, Some(Code::ProtocolError));
}

#[tokio::test]
async fn a_large_message_arrives_whole() {
    let world = World::start().await;
    let mut reading = Client::start(&world, &world.device("reader")).await;
    reading.subscribe("dev/#").await;
    let mut writing = Client::start(&world, &world.device("writer")).await;
    let payload = vec![7; 128 * 1024];

    writing.push("dev/x", &payload, 1).await;

    assert_eq!(reading.message().await.payload, payload);
}

#[tokio::test]
async fn a_message_larger_than_the_client_takes_is_left_out_and_the_next_one_comes() {
    let world = World::start().await;
    let connect = Connect { max_packet: Some(200), ..Connect::default() };
    let mut reading = Client::connect(&world, &world.device("reader"), connect).await.unwrap();
    reading.subscribe("dev/#").await;
    let mut writing = Client::start(&world, &world.device("writer")).await;

    writing.push("dev/x", &[7; 200], 1).await;
    writing.push("dev/x", b"small", 1).await;

    assert_eq!(reading.message().await.payload, "small");
    assert_eq!(world.handle.counters().drops.too_large.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_receiver_is_told_how_long_a_message_has_left() {
    let world = World::start().await;
    let mut reading = Client::start(&world, &world.device("reader")).await;
    reading.subscribe("dev/#").await;
    let mut writing = Client::start(&world, &world.device("writer")).await;
    let mut publish = publish_packet("dev/x", b"1", 0, None);
    publish.properties.as_mut().unwrap().message_expiry_interval = NonZeroU32::new(3600);

    writing.send_publish(publish).await;

    let left = reading.message().await.properties.unwrap().message_expiry_interval.unwrap().get();
    assert!((3590..=3600).contains(&left), "{left}");
}

/// Retains one message on each of `dev/0000`, `dev/0001` and so on.
async fn retain_many(world: &World, count: u16) {
    let mut writing = Client::start(world, &world.device("writer")).await;
    for n in 0..count {
        let id = NonZeroU16::new(n + 1);
        let mut retained = publish_packet(&format!("dev/{n:04}"), b"on", 1, id);
        retained.retain = true;
        writing.send_publish(retained).await;
        writing.puback().await;
    }
}

#[tokio::test]
async fn more_retained_messages_than_a_queue_holds_all_arrive() {
    const COUNT: u16 = 200;
    let world = World::start_with(|limits| limits.queued_messages = 10).await;
    retain_many(&world, COUNT).await;
    let mut reading = Client::start(&world, &world.device("reader")).await;

    reading.subscribe("dev/#").await;

    for n in 0..COUNT {
        assert_eq!(*reading.message().await.topic, *format!("dev/{n:04}"));
    }
    reading.ping().await;
    assert!(!reading.has_message());
    assert_eq!(world.handle.counters().drops.queue_full.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn retained_messages_that_may_not_be_received_hold_up_none_behind_them() {
    let world = World::start().await;
    retain_many(&world, 200).await;
    let policy = POLICY.replace(
        r#"["iot:Publish","iot:RetainPublish","iot:Receive"],"Resource":["#,
        r#""iot:Receive","Resource":"arn:aws:iot:local-1:000000000000:topic/dev/0199"},
           {"Effect":"Allow","Action":"iot:Publish","Resource":["#,
    );
    let mut reading = Client::start(&world, &world.device_with("reader", &policy)).await;

    reading.subscribe("dev/#").await;

    assert_eq!(&*reading.message().await.topic, "dev/0199");
}
