//! Policies: each action is asked for, and a change reaches live sessions.

use perennial_core::certificate::CertificateStatus;
use rmqtt_codec::v5::{DisconnectReasonCode as Code, PublishAckReason, SubscribeAckReason};

use perennial_broker::{Outgoing, Qos};

use crate::{
    client::{Client, Connect, publish_packet, v3},
    world::{POLICY, World, until},
};

#[tokio::test]
async fn a_publish_that_is_not_allowed_is_told_so_in_its_puback() {
    let world = World::start().await;
    let device = world.device("pump");
    let mut client = Client::start(&world, &device).await;

    let refused = client.publish("elsewhere/x", "1").await;
    let allowed = client.publish("dev/x", "1").await;

    assert_eq!(refused, Some(PublishAckReason::NotAuthorized));
    assert_eq!(allowed, Some(PublishAckReason::Success));
}

#[tokio::test]
async fn without_a_puback_to_say_it_in_the_connection_ends() {
    let world = World::start().await;
    let device = world.device("pump");
    let mut five = Client::start(&world, &device).await;

    five.push("elsewhere/x", b"1", 0).await;
    assert_eq!(five.ended().await, Some(Code::NotAuthorized));

    let mut three = Client::connect(&world, &device, v3()).await.unwrap();
    assert_eq!(three.publish("elsewhere/x", "1").await, None);
}

#[tokio::test]
async fn a_subscription_that_is_not_allowed_is_refused_in_both_versions() {
    let policy = POLICY.replace("topicfilter/#", "topicfilter/none");
    let world = World::start().await;
    let device = world.device_with("pump", &policy);

    let mut five = Client::start(&world, &device).await;
    assert_eq!(five.subscribe("#").await, SubscribeAckReason::NotAuthorized);
    five.leave().await;
    let mut three = Client::connect(&world, &device, v3()).await.unwrap();
    assert_eq!(three.subscribe("#").await, SubscribeAckReason::UnspecifiedError);
}

#[tokio::test]
async fn every_delivery_is_authorised_not_only_the_subscription() {
    let policy = POLICY.replace("topic/dev/*", "topic/dev/mine");
    let world = World::start().await;
    let (reader, writer) = (world.device_with("reader", &policy), world.device("writer"));
    let mut reading = Client::start(&world, &reader).await;
    let mut writing = Client::start(&world, &writer).await;
    assert_eq!(reading.subscribe("dev/#").await, SubscribeAckReason::GrantedQos1);

    writing.publish("dev/secret", "1").await;
    writing.publish("dev/mine", "2").await;

    assert_eq!(&*reading.message().await.topic, "dev/mine");
}

#[tokio::test]
async fn deactivating_or_forgetting_a_certificate_cuts_its_session_with_a_reason() {
    let world = World::start().await;
    let device = world.device("pump");

    for status in [CertificateStatus::Inactive, CertificateStatus::Revoked] {
        world.set_status(&device, CertificateStatus::Active);
        let mut client = Client::start(&world, &device).await;
        world.set_status(&device, status);
        assert_eq!(client.ended().await, Some(Code::NotAuthorized));
    }
    world.set_status(&device, CertificateStatus::Active);
    let mut client = Client::start(&world, &device).await;
    world.registry.forget(&device.id);
    world.handle.principals_changed(&[device.id]);
    assert_eq!(client.ended().await, Some(Code::NotAuthorized));
}

#[tokio::test]
async fn a_changed_policy_holds_for_live_sessions() {
    let world = World::start().await;
    let (reader, writer) = (world.device("reader"), world.device("writer"));
    let mut reading = Client::start(&world, &reader).await;
    let mut writing = Client::start(&world, &writer).await;
    reading.subscribe("dev/a").await;
    reading.subscribe("dev/b").await;

    let narrowed = POLICY
        .replace("topicfilter/dev/*", "topicfilter/dev/b")
        .replace("topicfilter/+/*", "topicfilter/none")
        .replace("topicfilter/#", "topicfilter/none");
    world.set_policy(&reader, &narrowed);
    writing.publish("dev/a", "1").await;
    writing.publish("dev/b", "2").await;

    assert_eq!(&*reading.message().await.topic, "dev/b");
}

#[tokio::test]
async fn clients_may_not_forge_events_nor_retain_on_reserved_topics() {
    let world = World::start().await;
    let policy = POLICY.replace("topic/dev/*", "topic/*");
    let device = world.device_with("pump", &policy);
    let mut client = Client::start(&world, &device).await;

    let forged = client.publish("$aws/events/presence/connected/pump", "{}").await;
    let ours = client.publish("$perennial/audit/notification", "{}").await;
    let mut retained = publish_packet("$aws/x", b"1", 1, std::num::NonZeroU16::new(9));
    retained.retain = true;
    client.send_publish(retained).await;

    let refused = Some(PublishAckReason::NotAuthorized);
    assert_eq!((forged, ours), (refused, refused));
    assert_eq!(client.puback().await, Some(PublishAckReason::NotAuthorized));
    assert_eq!(client.publish("$aws/x", "1").await, Some(PublishAckReason::Success));
}

#[tokio::test]
async fn retaining_needs_its_own_permission() {
    let world = World::start().await;
    let policy = POLICY.replace("\"iot:RetainPublish\",", "");
    let device = world.device_with("pump", &policy);
    let mut client = Client::connect(&world, &device, Connect::default()).await.unwrap();

    let mut retained = publish_packet("dev/x", b"1", 1, std::num::NonZeroU16::new(9));
    retained.retain = true;
    client.send_publish(retained).await;

    assert_eq!(client.puback().await, Some(PublishAckReason::NotAuthorized));
}

#[tokio::test]
async fn a_change_of_what_many_share_is_felt_before_the_next_act_of_each() {
    let world = World::start().await;
    let (one, two) = (world.device("one"), world.device("two"));
    let mut acting = Client::start(&world, &one).await;
    let mut idle = Client::start(&world, &two).await;
    assert_eq!(idle.subscribe("dev/#").await, SubscribeAckReason::GrantedQos1);
    assert_eq!(acting.publish("dev/x", "1").await, Some(PublishAckReason::Success));
    assert_eq!(idle.message().await.topic, "dev/x");

    let narrow =
        POLICY.replace("topic/dev/*", "topic/dev/open").replace("filter/dev/*", "filter/no");
    for device in [&one, &two] {
        world.registry.register(device.id, CertificateStatus::Active, &narrow);
    }
    world.handle.sources_changed(|| world.registry.shared.mark_changed());

    assert_eq!(acting.publish("dev/x", "2").await, Some(PublishAckReason::NotAuthorized));
    assert_eq!(acting.publish("dev/open", "3").await, Some(PublishAckReason::Success));
    let what = "the idle client's subscription is dropped at the delivery that found it out";
    until(what, || world.handle.publish(vec![open_message()])[0].online == 0).await;
}

fn open_message() -> Outgoing {
    let (topic, payload) = ("dev/open".to_owned(), "4".into());
    Outgoing { topic, payload, qos: Qos::AtMostOnce, retain: false }
}

#[tokio::test]
async fn a_changed_attribute_reaches_the_session_under_the_things_name() {
    let own = "topic/dev/${iot:Connection.Thing.Attributes[site]}";
    let world = World::start().await;
    let device = world.device_with("pump", &POLICY.replace("topic/dev/*", own));
    world.registry.attach(device.id, "pump", ("site", "north"));
    let mut client = Client::start(&world, &device).await;
    assert_eq!(client.publish("dev/north", "1").await, Some(PublishAckReason::Success));

    world.registry.attach(device.id, "pump", ("site", "south"));
    world.handle.clients_changed(&["pump".parse().unwrap()]);

    assert_eq!(client.publish("dev/north", "2").await, Some(PublishAckReason::NotAuthorized));
    assert_eq!(client.publish("dev/south", "3").await, Some(PublishAckReason::Success));
}
