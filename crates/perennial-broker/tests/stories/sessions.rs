//! Sessions that outlive their connection, and what is sent again.

use std::{
    num::{NonZeroU16, NonZeroU32},
    sync::atomic::Ordering,
    time::Duration,
};

use rmqtt_codec::{
    MqttPacket,
    v5::{self, DisconnectReasonCode as Code, PublishAckReason},
};

use crate::{
    client::{Client, Connect, kept, publish_packet, v3, will},
    world::{World, until},
};

#[tokio::test]
async fn messages_wait_for_a_kept_session() {
    for connect in [kept(), Connect { clean: false, ..v3() }] {
        let world = World::start().await;
        let (reader, writer) = (world.device("reader"), world.device("writer"));
        let mut reading = Client::connect(&world, &reader, connect.clone()).await.unwrap();
        assert!(!reading.session_present);
        reading.subscribe("dev/#").await;
        reading.leave().await;
        let mut writing = Client::start(&world, &writer).await;

        writing.publish("dev/x", "1").await;
        writing.push("dev/x", b"lost with QoS 0", 0).await;
        writing.publish("dev/x", "2").await;

        let mut reading = Client::connect(&world, &reader, connect).await.unwrap();
        assert!(reading.session_present);
        assert_eq!(reading.message().await.payload, "1");
        assert_eq!(reading.message().await.payload, "2");
    }
}

#[tokio::test]
async fn what_was_not_acknowledged_is_sent_again_marked_and_with_its_packet_id() {
    let world = World::start().await;
    let (reader, writer) = (world.device("reader"), world.device("writer"));
    let mut reading = Client::connect(&world, &reader, kept()).await.unwrap();
    reading.acknowledges = false;
    reading.subscribe("dev/#").await;
    let mut writing = Client::start(&world, &writer).await;
    writing.publish("dev/x", "1").await;
    let first = reading.message().await;
    drop(reading);

    let mut reading = Client::connect(&world, &reader, kept()).await.unwrap();

    let again = reading.message().await;
    assert!(again.dup && !first.dup);
    assert_eq!((again.packet_id, again.payload), (first.packet_id, first.payload));
}

#[tokio::test]
async fn the_receive_maximum_bounds_what_is_in_flight() {
    let world = World::start().await;
    let (reader, writer) = (world.device("reader"), world.device("writer"));
    let connect = Connect { receive_max: Some(2), ..Connect::default() };
    let mut reading = Client::connect(&world, &reader, connect).await.unwrap();
    reading.acknowledges = false;
    reading.subscribe("dev/#").await;
    let mut writing = Client::start(&world, &writer).await;
    for n in ["1", "2", "3"] {
        writing.publish("dev/x", n).await;
    }

    let first = reading.message().await;
    reading.message().await;
    reading.ping().await;
    assert!(!reading.has_message());
    reading.acknowledge(first.packet_id.unwrap()).await;

    assert_eq!(reading.message().await.payload, "3");
}

#[tokio::test]
async fn a_clean_start_throws_the_kept_session_away() {
    let world = World::start().await;
    let device = world.device("reader");
    let mut first = Client::connect(&world, &device, kept()).await.unwrap();
    first.subscribe("dev/#").await;
    first.leave().await;

    Client::start(&world, &device).await.leave().await;

    let third = Client::connect(&world, &device, kept()).await.unwrap();
    assert!(!third.session_present);
}

#[tokio::test]
async fn a_session_expires() {
    let world = World::start_with(|l| l.session_expiry_max = Duration::from_millis(100)).await;
    let device = world.device("reader");
    let mut first = Client::connect(&world, &device, kept()).await.unwrap();
    first.subscribe("dev/#").await;
    first.leave().await;

    let deliver = || {
        let topic = "dev/x".to_owned();
        let (payload, qos) = (bytes::Bytes::from_static(b"1"), perennial_broker::Qos::AtLeastOnce);
        let message = perennial_broker::Outgoing { topic, payload, qos, retain: false };
        world.handle.publish(vec![message])[0]
    };

    assert_eq!(deliver().stored, 1);
    until("the session is forgotten", || deliver() == perennial_broker::Delivery::default()).await;
}

#[tokio::test]
async fn a_silent_client_is_cut_after_one_and_a_half_keep_alives() {
    let world = World::start().await;
    let (reader, device) = (world.device("reader"), world.device("pump"));
    let mut reading = Client::start(&world, &reader).await;
    reading.subscribe("dev/will").await;
    let will = Some(will("dev/will", "silent"));

    let connect = Connect { keep_alive: 1, will, ..Connect::default() };
    let mut client = Client::connect(&world, &device, connect).await.unwrap();

    assert_eq!(client.ended().await, Some(Code::KeepAliveTimeout));
    assert_eq!(reading.message().await.payload, "silent");
}

#[tokio::test]
async fn a_goodbye_publishes_no_will_and_a_delayed_will_waits_for_its_client() {
    let world = World::start().await;
    let (reader, device) = (world.device("reader"), world.device("pump"));
    let mut reading = Client::start(&world, &reader).await;
    reading.subscribe("dev/#").await;
    let delayed = |secs| {
        let will = v5::LastWill { will_delay_interval_sec: Some(secs), ..will("dev/will", "late") };
        Connect { will: Some(will), ..kept() }
    };

    Client::connect(&world, &device, Connect { will: Some(will("dev/will", "no")), ..kept() })
        .await
        .unwrap()
        .leave()
        .await;
    drop(Client::connect(&world, &device, delayed(600)).await.unwrap());
    let back = Client::connect(&world, &device, delayed(1)).await.unwrap();
    drop(back);

    assert_eq!(reading.message().await.payload, "late");
    assert_eq!(reading.publish("dev/other", "x").await, Some(PublishAckReason::Success));
    assert_eq!(&*reading.message().await.topic, "dev/other");
}

#[tokio::test]
async fn what_is_sent_again_keeps_to_the_new_connections_receive_maximum() {
    let world = World::start().await;
    let (reader, writer) = (world.device("reader"), world.device("writer"));
    let mut reading = Client::connect(&world, &reader, kept()).await.unwrap();
    reading.acknowledges = false;
    reading.subscribe("dev/#").await;
    let mut writing = Client::start(&world, &writer).await;
    for n in ["1", "2", "3"] {
        writing.publish("dev/x", n).await;
    }
    for _ in 0..3 {
        reading.message().await;
    }
    drop(reading);

    let narrow = Connect { receive_max: Some(2), ..kept() };
    let mut reading = Client::connect(&world, &reader, narrow).await.unwrap();
    reading.acknowledges = false;
    let first = reading.message().await;
    reading.message().await;
    reading.ping().await;
    assert!(!reading.has_message());
    reading.acknowledge(first.packet_id.unwrap()).await;

    let third = reading.message().await;
    assert!(third.dup);
    assert_eq!(third.payload, "3");
}

#[tokio::test]
async fn a_session_that_was_to_end_is_not_kept_by_its_goodbye() {
    let world = World::start().await;
    let device = world.device("pump");
    let mut client = Client::start(&world, &device).await;
    client.subscribe("dev/#").await;

    let mut goodbye = v5::Disconnect::new(Code::NormalDisconnection);
    goodbye.session_expiry_interval_secs = Some(3600);
    client.send(MqttPacket::V5(goodbye.into())).await;

    assert_eq!(client.ended().await, Some(Code::ProtocolError));
    let again = Client::connect(&world, &device, kept()).await.unwrap();
    assert!(!again.session_present);
}

#[tokio::test]
async fn a_goodbye_can_end_a_session_that_was_to_be_kept() {
    let world = World::start().await;
    let device = world.device("pump");
    let mut client = Client::connect(&world, &device, kept()).await.unwrap();

    let mut goodbye = v5::Disconnect::new(Code::NormalDisconnection);
    goodbye.session_expiry_interval_secs = Some(0);
    client.send(MqttPacket::V5(goodbye.into())).await;
    client.ended().await;

    let again = Client::connect(&world, &device, kept()).await.unwrap();
    assert!(!again.session_present);
}

#[tokio::test]
async fn a_delayed_will_is_published_when_its_session_ends_before() {
    let world = World::start().await;
    let (reader, device) = (world.device("reader"), world.device("pump"));
    let mut reading = Client::start(&world, &reader).await;
    reading.subscribe("dev/will").await;
    let delayed = v5::LastWill { will_delay_interval_sec: Some(600), ..will("dev/will", "gone") };

    let connect = Connect { will: Some(delayed), ..Connect::default() };
    drop(Client::connect(&world, &device, connect).await.unwrap());

    assert_eq!(reading.message().await.payload, "gone");
}

#[tokio::test]
async fn a_client_that_wants_no_keep_alive_has_the_brokers_longest() {
    for connect in [Connect::default(), v3()] {
        let world = World::start_with(|l| l.keep_alive_max = Duration::from_secs(1)).await;
        let connect = Connect { keep_alive: 0, ..connect };
        let mut client = Client::connect(&world, &world.device("pump"), connect).await.unwrap();

        client.ended().await;

        assert_eq!(world.handle.counters().connected.load(Ordering::SeqCst), 0);
    }
}

#[tokio::test]
async fn what_expires_while_its_receiver_is_away_makes_room_and_is_not_delivered() {
    let world = World::start_with(|limits| limits.queued_messages = 1).await;
    let (reader, writer) = (world.device("reader"), world.device("writer"));
    let mut reading = Client::connect(&world, &reader, kept()).await.unwrap();
    reading.subscribe("dev/#").await;
    reading.leave().await;
    let mut writing = Client::start(&world, &writer).await;
    let mut expiring = publish_packet("dev/x", b"stale", 1, NonZeroU16::new(500));
    expiring.properties.as_mut().unwrap().message_expiry_interval = NonZeroU32::new(1);
    writing.send_publish(expiring).await;
    writing.puback().await;

    let counters = world.handle.counters();
    while counters.drops.expired.load(Ordering::SeqCst) == 0 {
        writing.publish("dev/x", "fresh").await;
    }

    let mut reading = Client::connect(&world, &reader, kept()).await.unwrap();
    assert_eq!(reading.message().await.payload, "fresh");
}

#[tokio::test]
async fn what_waits_for_all_that_are_away_is_bounded_together() {
    let world = World::start_with(|limits| limits.stored_bytes = 10).await;
    let devices = [world.device("first"), world.device("second")];
    for device in &devices {
        let mut client = Client::connect(&world, device, kept()).await.unwrap();
        client.subscribe(&format!("dev/{}", device.name)).await;
        client.leave().await;
    }
    let counters = world.handle.counters();
    let refused = || counters.drops.offline_queue_full.load(Ordering::SeqCst);
    let mut writing = Client::start(&world, &world.device("writer")).await;

    writing.publish("dev/first", "12345678").await;
    writing.publish("dev/second", "12345678").await;
    assert_eq!(refused(), 1);
    let mut first = Client::connect(&world, &devices[0], kept()).await.unwrap();
    assert_eq!(first.message().await.payload, "12345678");
    writing.publish("dev/second", "12345678").await;

    assert_eq!(refused(), 1);
    assert_eq!(counters.stored_bytes.load(Ordering::SeqCst), 8);
}
