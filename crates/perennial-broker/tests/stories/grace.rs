//! Grace: what an expired certificate may still do, and that it is no more than that.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, SystemTime},
};

use perennial_broker::{Grace, Presence, Principal};
use perennial_core::{
    certificate::{CertificateStatus, Validity},
    policy::Document,
    time::Timestamp,
};
use rmqtt_codec::v5::{
    ConnectAckReason, DisconnectReasonCode as Code, PublishAckReason, SubscribeAckReason,
};

use crate::{
    client::{Client, Connect, Refused, kept, publish_packet, v3, will},
    world::{Ca, Device, POLICY, World, now, principal, until},
};

/// Only `pump` connects, publishes to `dev/out` and hears `dev/in`.
const BOUNDARY: &str = r#"{"Version":"2012-10-17","Statement":[
 {"Effect":"Allow","Action":"iot:Connect","Resource":"arn:aws:iot:local-1:000000000000:client/pump"},
 {"Effect":"Allow","Action":"iot:Publish","Resource":["arn:aws:iot:local-1:000000000000:topic/dev/out","arn:aws:iot:local-1:000000000000:topic/secret"]},
 {"Effect":"Allow","Action":"iot:Receive","Resource":"arn:aws:iot:local-1:000000000000:topic/dev/in"},
 {"Effect":"Allow","Action":"iot:Subscribe","Resource":["arn:aws:iot:local-1:000000000000:topicfilter/dev/in","arn:aws:iot:local-1:000000000000:topicfilter/dev/#"]}]}"#;

const HOUR: Duration = Duration::from_secs(3600);

fn boundary() -> Arc<[Arc<Document>]> {
    [Arc::new(Document::parse(BOUNDARY).unwrap())].into()
}

/// A certificate of `ca` that ended an hour ago, ACTIVE, with a grace of an hour to come.
fn expired_by(ca: &Ca, world: &World) -> Device {
    let time = SystemTime::now();
    let device = ca.issue("pump", time - 48 * HOUR, time - HOUR);
    world.registry.put(in_grace(&device, CertificateStatus::Active));
    device
}

fn in_grace(device: &Device, status: CertificateStatus) -> Principal {
    let not_after = Timestamp::from_secs(now().as_secs()) - HOUR;
    Principal {
        validity: Validity { not_before: Timestamp::EPOCH, not_after },
        grace: Some(Grace { ends_at: not_after + 2 * HOUR, boundary: boundary() }),
        ..principal(device.id, status, POLICY)
    }
}

/// A certificate that ends in a month, with a grace of an hour.
fn valid(world: &World) -> Device {
    let device = world.ca.issue_now("pump");
    let not_after = now() + 30 * 24 * HOUR;
    world.registry.put(Principal {
        validity: Validity { not_before: Timestamp::EPOCH, not_after },
        grace: Some(Grace { ends_at: not_after + HOUR, boundary: boundary() }),
        ..principal(device.id, CertificateStatus::Active, POLICY)
    });
    device
}

/// Lets the broker's clock go on by `span`.
fn let_pass(world: &World, span: Duration) {
    world.clock_offset.fetch_add(span.as_secs() as i64, Ordering::SeqCst);
}

async fn refused(world: &World, device: &Device) -> bool {
    let connected = Client::connect(world, device, Connect::default()).await;
    matches!(connected, Err(Refused::Tls(_)))
}

#[tokio::test]
async fn in_grace_an_action_needs_both_the_policies_and_the_boundary() {
    let world = World::start().await;
    let device = expired_by(&world.ca, &world);
    let mut client = Client::start(&world, &device).await;

    let published = client.publish("dev/out", "1").await;
    let elsewhere = client.publish("dev/other", "1").await;
    let not_its_own = client.publish("secret", "1").await;
    let mut retained = publish_packet("dev/out", b"1", 1, std::num::NonZeroU16::new(99));
    retained.retain = true;
    client.send_publish(retained).await;
    let retained = client.puback().await;

    let no = Some(PublishAckReason::NotAuthorized);
    assert_eq!(published, Some(PublishAckReason::Success));
    assert_eq!([elsewhere, not_its_own, retained], [no, no, no]);
    assert_eq!(client.subscribe("dev/in").await, SubscribeAckReason::GrantedQos1);
    for filter in ["dev/other", "#", "$aws/events/presence/#", "+/in"] {
        assert_eq!(client.subscribe(filter).await, SubscribeAckReason::NotAuthorized, "{filter}");
    }
}

#[tokio::test]
async fn a_wide_filter_brings_nothing_that_the_boundary_keeps_back() {
    let world = World::start().await;
    let mut client = Client::start(&world, &expired_by(&world.ca, &world)).await;
    let mut writing = Client::start(&world, &world.device("writer")).await;
    assert_eq!(client.subscribe("dev/#").await, SubscribeAckReason::GrantedQos1);

    writing.publish("dev/secret", "1").await;
    writing.publish("dev/in", "2").await;

    assert_eq!(client.message().await.payload, "2");
}

#[tokio::test]
async fn the_boundary_says_under_which_client_ids_it_connects() {
    let world = World::start().await;
    let device = expired_by(&world.ca, &world);

    let other = Connect { client_id: Some("other".to_owned()), ..Connect::default() };
    let answer = Client::connect(&world, &device, other).await;

    assert_eq!(answer.err().unwrap(), Refused::V5(ConnectAckReason::NotAuthorized));
}

#[tokio::test]
async fn a_last_will_is_accepted_and_never_published() {
    let world = World::start().await;
    let device = expired_by(&world.ca, &world);
    let mut reading = Client::start(&world, &world.device("reader")).await;
    reading.subscribe("dev/#").await;
    let connect = Connect { will: Some(will("dev/out", "gone")), ..Connect::default() };

    drop(Client::connect(&world, &device, connect).await.unwrap());
    until("it is gone", || world.handle.session(&"pump".parse().unwrap()).is_none()).await;
    let mut writing = Client::start(&world, &world.device("writer")).await;
    writing.publish("dev/last", "marker").await;

    assert_eq!(reading.message().await.payload, "marker");
}

#[tokio::test]
async fn a_session_in_grace_takes_nothing_up_and_leaves_nothing() {
    let world = World::start().await;
    let device = valid(&world);
    let mut before = Client::connect(&world, &device, kept()).await.unwrap();
    before.subscribe("dev/in").await;
    before.leave().await;
    let_pass(&world, 30 * 24 * HOUR + HOUR / 2);

    for _ in 0..2 {
        let client = Client::connect(&world, &device, kept()).await.unwrap();

        assert!(!client.session_present);
        assert_eq!(client.ack.as_ref().unwrap().session_expiry_interval_secs, Some(0));
        client.leave().await;
    }
}

#[tokio::test]
async fn a_client_that_says_what_it_always_says_is_not_cut_for_it() {
    let world = World::start().await;
    let device = expired_by(&world.ca, &world);
    let mut five = Client::start(&world, &device).await;
    five.push("dev/telemetry", b"1", 0).await;
    five.ping().await;
    five.leave().await;
    let mut three = Client::connect(&world, &device, v3()).await.unwrap();

    three.push("dev/telemetry", b"1", 0).await;
    three.push("dev/telemetry", b"2", 1).await;
    let kept_back = three.push("dev/out", b"3", 1).await.unwrap();

    // The PUBACK that comes is of the third message: the second has none.
    let acknowledged = match three.answer().await {
        Some(rmqtt_codec::MqttPacket::V3(rmqtt_codec::v3::Packet::PublishAck { packet_id })) => {
            packet_id
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(acknowledged, kept_back);
}

#[tokio::test]
async fn a_live_session_is_cut_when_its_certificate_ends_and_again_when_its_grace_does() {
    let world = World::start().await;
    let device = valid(&world);
    let mut events = world.handle.presence();

    let mut full = Client::start(&world, &device).await;
    let_pass(&world, 30 * 24 * HOUR + Duration::from_secs(1));
    let first = full.ended().await;
    let mut restricted = Client::start(&world, &device).await;
    let narrow = restricted.publish("dev/other", "1").await;
    let_pass(&world, HOUR);
    let second = restricted.ended().await;

    assert_eq!((first, second), (Some(Code::NotAuthorized), Some(Code::NotAuthorized)));
    assert_eq!(narrow, Some(PublishAckReason::NotAuthorized));
    let mut graces = Vec::new();
    while let Ok(event) = events.try_recv() {
        if let Presence::Connected { in_grace, .. } = event {
            graces.push(in_grace);
        }
    }
    assert_eq!(graces, [false, true]);
    assert!(refused(&world, &device).await);
}

#[tokio::test]
async fn a_change_of_policies_reaches_a_session_in_grace_within_its_boundary() {
    let world = World::start().await;
    let device = expired_by(&world.ca, &world);
    let mut client = Client::start(&world, &device).await;
    client.subscribe("dev/in").await;

    world.handle.principals_changed(&[device.id]);
    let wide = client.publish("dev/other", "1").await;
    world.registry.put(in_grace(&device, CertificateStatus::Revoked));
    world.handle.principals_changed(&[device.id]);

    assert_eq!(wide, Some(PublishAckReason::NotAuthorized));
    assert_eq!(client.ended().await, Some(Code::NotAuthorized));
}

#[tokio::test]
async fn only_an_active_certificate_has_a_grace() {
    let world = World::start().await;
    let device = expired_by(&world.ca, &world);

    for status in [
        CertificateStatus::Inactive,
        CertificateStatus::Revoked,
        CertificateStatus::PendingActivation,
    ] {
        world.registry.put(in_grace(&device, status));
        assert!(refused(&world, &device).await, "{status}");
    }
    world.registry.forget(&device.id);
    assert!(refused(&world, &device).await);
}

#[tokio::test]
async fn one_that_comes_too_late_is_refused_and_that_is_said_once_a_day() {
    let world = World::start().await;
    let device = expired_by(&world.ca, &world);
    let mut events = world.handle.presence();
    let_pass(&world, 2 * HOUR);

    for pause in [Duration::ZERO, HOUR, 24 * HOUR] {
        let_pass(&world, pause);
        assert!(refused(&world, &device).await);
    }

    let mut said = Vec::new();
    while let Ok(event) = events.try_recv() {
        let Presence::Lapsed { principal, ended_at } = event else { panic!("{event:?}") };
        said.push((principal, ended_at < now()));
    }
    assert_eq!(said, [(device.id, true), (device.id, true)]);
}

#[tokio::test]
async fn without_a_grace_nothing_is_let_in_past_its_end() {
    let world = World::start().await;
    let device = expired_by(&world.ca, &world);
    world.registry.put(Principal { grace: None, ..in_grace(&device, CertificateStatus::Active) });

    assert!(refused(&world, &device).await);
}

#[tokio::test]
async fn an_issuer_that_has_ended_lets_nobody_in_by_grace() {
    let world = World::start().await;
    let time = SystemTime::now();
    let root = Ca::new("Root");
    let ended_anchor = Ca::until("Ended", time - HOUR / 2);
    let ended = root.below("Ended below", time - HOUR / 2);
    let holds = root.below("Holds", time + HOUR);
    world.anchors.replace(&[root.der.clone(), ended_anchor.der.clone()]).unwrap();

    // The server shows a certificate of the CA that clients know; only its clients' are in doubt.
    let by_anchor = expired_by(&ended_anchor, &world);
    let mut by_ended = expired_by(&ended, &world);
    by_ended.chain.push(ended.der.clone());
    let mut by_good = expired_by(&holds, &world);
    by_good.chain.push(holds.der.clone());

    assert!(refused(&world, &by_anchor).await);
    assert!(refused(&world, &by_ended).await);
    Client::start(&world, &by_good).await.leave().await;
}

#[tokio::test]
async fn a_foreign_certificate_that_has_expired_is_not_looked_up() {
    let world = World::start().await;
    let foreign = expired_by(&Ca::new("Test issuing CA"), &world);
    let mut events = world.handle.presence();

    assert!(refused(&world, &foreign).await);

    let_pass(&world, 2 * HOUR);
    assert!(refused(&world, &foreign).await);
    assert!(events.try_recv().is_err(), "it was taken for one of ours");
}
