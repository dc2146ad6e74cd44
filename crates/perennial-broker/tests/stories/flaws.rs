//! Flaws reproduced in other brokers, each shown to be absent here.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use perennial_core::certificate::CertificateStatus;
use rmqtt_codec::v5::{ConnectAckReason, DisconnectReasonCode as Code, PublishAckReason};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    client::{Client, Connect, Refused, publish_packet, will},
    world::{POLICY, World, until},
};

#[tokio::test]
async fn a_last_will_does_not_bypass_the_publish_policy() {
    let world = World::start().await;
    let device = world.device("pump");

    let connect = Connect { will: Some(will("elsewhere/x", "gone")), ..Connect::default() };
    let refused = Client::connect(&world, &device, connect).await.err().unwrap();

    assert_eq!(refused, Refused::V5(ConnectAckReason::NotAuthorized));
}

#[tokio::test]
async fn a_last_will_is_not_published_for_a_certificate_that_was_deactivated() {
    let world = World::start().await;
    let (reader, dying) = (world.device("reader"), world.device("dying"));
    let mut reading = Client::start(&world, &reader).await;
    reading.subscribe("dev/#").await;
    let connect = Connect { will: Some(will("dev/will", "gone")), ..Connect::default() };

    let first = Client::connect(&world, &dying, connect.clone()).await.unwrap();
    drop(first);
    assert_eq!(&*reading.message().await.topic, "dev/will");
    let mut second = Client::connect(&world, &dying, connect).await.unwrap();
    world.set_status(&dying, CertificateStatus::Inactive);
    assert_eq!(second.ended().await, Some(Code::NotAuthorized));

    until("the session is gone", || world.handle.session(&"dying".parse().unwrap()).is_none())
        .await;
    reading.ping().await;
    assert!(!reading.has_message());
}

#[tokio::test]
async fn when_the_registry_cannot_answer_nobody_is_let_in_and_nobody_stays() {
    let world = World::start().await;
    let device = world.device("pump");
    let mut connected = Client::start(&world, &device).await;

    world.registry.failing.store(true, Ordering::SeqCst);
    world.handle.principals_changed(&[device.id]);

    assert_eq!(connected.ended().await, Some(Code::ServerBusy));
    let refused = Client::connect(&world, &device, Connect::default()).await.err().unwrap();
    assert!(matches!(refused, Refused::Tls(_)), "{refused:?}");
}

#[tokio::test]
async fn under_saturation_every_acknowledged_message_arrives() {
    const EACH: usize = 300;
    let world = World::start_with(|limits| limits.queued_messages = 20).await;
    let reader = world.device("reader");
    let mut reading = Client::start(&world, &reader).await;
    reading.subscribe("dev/#").await;

    let mut writers = Vec::new();
    for n in 0..4 {
        let device = world.device(&format!("writer{n}"));
        let mut client = Client::start(&world, &device).await;
        writers.push(tokio::spawn(async move {
            for _ in 0..EACH {
                client.push("dev/x", b"1", 1).await;
                assert_eq!(client.puback().await, Some(PublishAckReason::Success));
            }
        }));
    }
    for _ in 0..4 * EACH {
        reading.message().await;
    }

    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(world.handle.counters().drops.queue_full.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_subscriber_that_takes_nothing_is_told_and_cut_and_its_publisher_goes_on() {
    let world = World::start_with(|limits| {
        limits.queued_messages = 2;
        limits.in_flight = 2;
        limits.slow_consumer_for = Duration::from_millis(300);
    })
    .await;
    let (reader, writer) = (world.device("reader"), world.device("writer"));
    let mut reading = Client::start(&world, &reader).await;
    reading.acknowledges = false;
    reading.subscribe("dev/#").await;
    let mut writing = Client::start(&world, &writer).await;

    for _ in 0..6 {
        assert_eq!(writing.publish("dev/x", "1").await, Some(PublishAckReason::Success));
    }

    assert_eq!(reading.ended().await, Some(Code::QuotaExceeded));
}

#[tokio::test]
async fn a_held_up_publisher_still_gets_its_own_messages_and_pings() {
    let world = World::start_with(|limits| limits.queued_messages = 1).await;
    let (reader, writer) = (world.device("reader"), world.device("writer"));
    let mut reading =
        Client::connect(&world, &reader, Connect { receive_max: Some(1), ..Connect::default() })
            .await
            .unwrap();
    reading.acknowledges = false;
    reading.subscribe("dev/x").await;
    let mut writing = Client::start(&world, &writer).await;
    writing.subscribe("dev/y").await;

    for _ in 0..5 {
        writing.push("dev/x", b"1", 1).await;
    }
    assert_eq!(reading.publish("dev/y", "2").await, Some(PublishAckReason::Success));

    let mut other = Client::start(&world, &world.device("other")).await;
    assert_eq!(other.publish("dev/z", "3").await, Some(PublishAckReason::Success));
    while writing.message().await.payload != "2" {}
}

#[tokio::test]
async fn idle_tcp_connections_hold_up_no_handshake() {
    let world = World::start_with(|limits| {
        limits.pending_handshakes = 2;
        limits.handshake_timeout = Duration::from_secs(3);
    })
    .await;
    let device = world.device("pump");
    let mut idle = Vec::new();
    for _ in 0..20 {
        idle.push(TcpStream::connect(world.address).await.unwrap());
    }

    let started = Instant::now();
    Client::start(&world, &device).await;

    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    let mut bytes = Vec::new();
    for stream in &mut idle {
        assert_eq!(stream.read_to_end(&mut bytes).await.unwrap_or(0), 0);
    }
}

#[tokio::test]
async fn a_device_is_not_charged_for_the_handshakes_it_waits_for() {
    let world = World::start_with(|limits| {
        limits.pending_handshakes = 1;
        limits.handshake_timeout = Duration::from_millis(500);
    })
    .await;
    let device = world.device("pump");
    let mut stalled = Vec::new();
    for _ in 0..3 {
        let mut stream = TcpStream::connect(world.address).await.unwrap();
        stream.write_all(b"\x16").await.unwrap();
        stalled.push(stream);
    }

    let connected = Client::connect(&world, &device, Connect::default()).await;

    assert!(connected.is_ok());
    assert_eq!(world.handle.counters().handshakes_failed.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn messages_tell_nothing_of_who_sent_them() {
    let world = World::start().await;
    let (reader, writer) = (world.device("reader"), world.device("writer-with-a-name"));
    let mut reading = Client::start(&world, &reader).await;
    reading.subscribe("dev/#").await;
    let mut writing = Client::start(&world, &writer).await;

    writing.publish("dev/x", "1").await;

    let message = reading.message().await;
    assert_eq!(message.properties, Some(rmqtt_codec::v5::PublishProperties::default()));
    assert!(!format!("{message:?}").contains("writer-with-a-name"));
}

#[tokio::test]
async fn in_a_takeover_the_first_session_has_ended_before_the_second_begins() {
    let world = World::start().await;
    let (device, reader) = (world.device("pump"), world.device("reader"));
    let mut reading = Client::start(&world, &reader).await;
    reading.subscribe("dev/will").await;
    let connect = Connect { will: Some(will("dev/will", "taken")), ..Connect::default() };
    let mut first = Client::connect(&world, &device, connect).await.unwrap();
    first.subscribe("dev/x").await;

    let mut second = Client::start(&world, &device).await;

    // The will was published before the second CONNACK, so it is the next thing to arrive.
    assert_eq!(world.handle.counters().connected.load(Ordering::SeqCst), 2);
    assert_eq!(&*reading.message().await.topic, "dev/will");
    assert_eq!(first.ended().await, Some(Code::SessionTakenOver));
    assert_eq!(second.publish("dev/x", "1").await, Some(PublishAckReason::Success));
    assert!(!first.has_message());
}

#[tokio::test]
async fn a_crowd_taking_over_one_client_id_leaves_exactly_one() {
    let world = std::sync::Arc::new(World::start().await);
    let device = world.device("pump");

    let mut crowd = Vec::new();
    for _ in 0..12 {
        let (world, device) = (std::sync::Arc::clone(&world), device.clone());
        crowd.push(tokio::spawn(async move { Client::start(&world, &device).await }));
    }
    let mut clients = Vec::new();
    for client in crowd {
        clients.push(client.await.unwrap());
    }

    let counters = world.handle.counters();
    until("one is left", || counters.connected.load(Ordering::SeqCst) == 1).await;
    assert!(world.handle.session(&"pump".parse().unwrap()).is_some());
}

#[tokio::test]
async fn garbage_ends_the_connection_and_nothing_else() {
    let world = World::start().await;
    let (device, other) = (world.device("pump"), world.device("other"));
    let mut bystander = Client::start(&world, &other).await;

    for garbage in [
        &b"\x00\x00\x00\x00"[..],
        &b"GET / HTTP/1.1\r\n".repeat(10),
        b"\x10\xff\xff\xff\xff\xff",
        &[0xff; 64],
    ] {
        let stream = crate::client::tls(&world, Some(&device)).await.unwrap();
        let mut client = Client::over(stream, false);
        client.send_bytes(garbage).await;
        client.ended().await;
        let mut connected = Client::start(&world, &device).await;
        connected.send_bytes(garbage).await;
        assert!(connected.ended().await.is_some());
    }

    bystander.ping().await;
}

#[tokio::test]
async fn a_packet_over_the_maximum_is_refused_by_its_header_alone() {
    let world = World::start().await;
    let device = world.device("pump");
    let mut client = Client::start(&world, &device).await;

    client.send_bytes(b"\x30\xff\xff\xff\x7f").await;

    assert_eq!(client.ended().await, Some(Code::PacketTooLarge));
}

#[tokio::test]
async fn so_is_the_first_packet_whatever_version_it_would_be_of() {
    let world = World::start_with(|limits| limits.connect_timeout = Duration::from_secs(60)).await;
    let device = world.device("pump");
    let stream = crate::client::tls(&world, Some(&device)).await.unwrap();
    let mut client = Client::over(stream, false);

    client.send_bytes(b"\x10\xff\xff\xff\x7f").await;

    assert_eq!(client.ended().await, None);
    assert_eq!(world.handle.counters().connects_refused.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_payload_over_the_limit_is_refused() {
    let world = World::start_with(|limits| limits.payload_bytes = 100).await;
    let device = world.device("pump");
    let mut client = Client::start(&world, &device).await;

    client.push("dev/x", &[b'x'; 101], 1).await;

    assert_eq!(client.ended().await, Some(Code::PacketTooLarge));
}

#[tokio::test]
async fn a_reserved_topic_is_not_selected_by_a_wildcard_at_the_root() {
    let world = World::start().await;
    let policy = POLICY.replace("topic/dev/*", "topic/*");
    let (reader, writer) =
        (world.device_with("reader", &policy), world.device_with("writer", &policy));
    let mut reading = Client::start(&world, &reader).await;
    reading.subscribe("#").await;
    let mut writing = Client::start(&world, &writer).await;

    writing.publish("$aws/x", "1").await;
    writing.publish("plain", "2").await;

    assert_eq!(&*reading.message().await.topic, "plain");
}

#[tokio::test]
async fn a_retained_message_comes_to_later_subscribers_marked() {
    let world = World::start().await;
    let (reader, writer) = (world.device("reader"), world.device("writer"));
    let mut writing = Client::start(&world, &writer).await;
    let mut retained = publish_packet("dev/state", b"on", 1, std::num::NonZeroU16::new(1));
    retained.retain = true;
    writing.send_publish(retained).await;
    writing.puback().await;

    let mut reading = Client::start(&world, &reader).await;
    reading.subscribe("dev/#").await;

    let message = reading.message().await;
    assert!(message.retain);
    assert_eq!(message.payload, "on");
}
