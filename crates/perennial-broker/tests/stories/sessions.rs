//! Sessions that outlive their connection, and what is sent again.

use std::time::Duration;

use rmqtt_codec::v5::{DisconnectReasonCode as Code, PublishAckReason};

use crate::{
    client::{Client, Connect, kept, v3, will},
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
        let will = rmqtt_codec::v5::LastWill {
            will_delay_interval_sec: Some(secs),
            ..will("dev/will", "late")
        };
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
