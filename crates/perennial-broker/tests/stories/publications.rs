//! Messages of operators and of devices over HTTPS; retained ones, as operators see them; and
//! clients that an operator disconnects.

use std::{net::IpAddr, num::NonZeroU32, sync::Arc, time::Duration};

use bytes::Bytes;
use perennial_broker::{
    DisconnectReason, Disconnection, Grace, Presence, Principal, Properties, Publication,
    PublishRefused, Qos,
};
use perennial_core::{
    certificate::{CertificateStatus, Validity},
    policy::Document,
    time::Timestamp,
};
use rmqtt_codec::v5::DisconnectReasonCode as Code;

use crate::{
    client::{Client, Connect, kept, v3, will},
    world::{Device, POLICY, World, now, principal},
};

const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

fn message(topic: &str, payload: &'static str) -> Publication {
    Publication {
        topic: topic.to_owned(),
        payload: Bytes::from_static(payload.as_bytes()),
        qos: Qos::AtLeastOnce,
        retain: false,
        properties: Properties::default(),
    }
}

fn telling() -> Properties {
    Properties {
        user: vec![("a".into(), "1".into()), ("a".into(), "2".into())],
        is_utf8: true,
        content_type: Some("text/plain".into()),
        response_topic: Some("dev/answer".into()),
        correlation_data: Some(Bytes::from_static(b"\0\x01")),
        expiry: NonZeroU32::new(60),
    }
}

#[tokio::test]
async fn an_operators_message_comes_with_its_properties() {
    let world = World::start().await;
    let mut reading = Client::start(&world, &world.device("reader")).await;
    let mut older = Client::connect(&world, &world.device("older"), v3()).await.unwrap();
    reading.subscribe("dev/x").await;
    older.subscribe("dev/x").await;

    let sent = Publication { properties: telling(), ..message("dev/x", "1") };
    world.handle.publish_for_operator(sent).unwrap();

    let heard = reading.message().await;
    let properties = heard.properties.unwrap();
    assert_eq!((&*heard.payload, heard.qos.value()), (b"1".as_slice(), 1));
    assert_eq!(properties.user_properties, [("a".into(), "1".into()), ("a".into(), "2".into())]);
    assert!(properties.is_utf8_payload);
    assert_eq!(properties.content_type.as_deref(), Some("text/plain"));
    assert_eq!(properties.response_topic.as_deref(), Some("dev/answer"));
    assert_eq!(properties.correlation_data.as_deref(), Some(b"\0\x01".as_slice()));
    assert!(properties.message_expiry_interval.is_some_and(|left| left.get() <= 60));
    assert_eq!(older.message().await.payload, "1");
}

#[tokio::test]
async fn what_cannot_be_published_says_why() {
    let world = World::start_with(|limits| limits.payload_bytes = 8).await;
    let publish = |publication| world.handle.publish_for_operator(publication).unwrap_err();
    let with = |properties| Publication { properties, ..message("dev/x", "1") };

    for topic in ["", "a/+", "#", "a\0b", "1/2/3/4/5/6/7/8/9"] {
        assert!(matches!(publish(message(topic, "1")), PublishRefused::Topic(_)), "{topic:?}");
    }
    for topic in ["$aws/events/thing/pump/created", "$perennial/audit/notification"] {
        assert!(matches!(publish(message(topic, "1")), PublishRefused::Reserved(_)), "{topic}");
    }
    let retained = Publication { retain: true, ..message("$x", "1") };
    assert!(matches!(publish(retained), PublishRefused::Reserved(_)));
    assert!(matches!(publish(message("dev/x", "123456789")), PublishRefused::Payload { .. }));
    for properties in [
        Properties { response_topic: Some("a/+".into()), ..Properties::default() },
        Properties { content_type: Some("a\0".into()), ..Properties::default() },
        Properties { user: vec![("a".into(), "x".repeat(9000))], ..Properties::default() },
    ] {
        assert!(matches!(publish(with(properties)), PublishRefused::Property(_)));
    }
    let octets = Publication {
        payload: Bytes::from_static(b"\xff"),
        ..with(Properties { is_utf8: true, ..Properties::default() })
    };
    assert!(matches!(publish(octets), PublishRefused::Property(_)));
}

#[tokio::test]
async fn the_holder_of_a_certificate_publishes_what_its_policies_allow_as_they_are_now() {
    const OTHER: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
        "Action":"iot:Publish","Resource":"arn:aws:iot:local-1:000000000000:topic/other"}]}"#;
    let world = World::start().await;
    let mut reading = Client::start(&world, &world.device("reader")).await;
    reading.subscribe("dev/#").await;
    let device = world.device("pump");
    let publish = |topic| world.handle.publish_for_holder((device.id, HOME), message(topic, "1"));
    let refused = |topic| matches!(publish(topic), Err(PublishRefused::NotAuthorized));

    assert!(publish("dev/x").is_ok());
    assert_eq!(&*reading.message().await.topic, "dev/x");
    // There is no client id over HTTPS: a policy that names it allows nothing.
    assert!(refused("management/topic/pump/x") && refused("management/topic//x"));
    assert!(refused("other") && refused("$aws/events/x"));
    world.set_policy(&device, OTHER);
    assert!(refused("dev/x"));
    world.set_policy(&device, POLICY);
    assert!(publish("dev/x").is_ok());
    for status in [CertificateStatus::Inactive, CertificateStatus::Revoked] {
        world.set_status(&device, status);
        assert!(refused("dev/x"), "{status}");
    }
    world.registry.forget(&device.id);
    assert!(refused("dev/x"));
}

#[tokio::test]
async fn the_thing_of_a_holder_is_the_only_one_it_has() {
    const OWN: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:Publish",
        "Resource":"arn:aws:iot:local-1:000000000000:topic/dev/${iot:Connection.Thing.ThingName}/*"}]}"#;
    let world = World::start().await;
    let device = world.device_with("pump", OWN);
    let publish = |topic| world.handle.publish_for_holder((device.id, HOME), message(topic, "1"));

    let before = publish("dev/pump-1/x");
    world.registry.attach(device.id, "pump-1", ("a", "b"));
    let (own, other) = (publish("dev/pump-1/x"), publish("dev/pump-2/x"));

    assert!(matches!(before, Err(PublishRefused::NotAuthorized)));
    assert!(own.is_ok());
    assert!(matches!(other, Err(PublishRefused::NotAuthorized)));
}

#[tokio::test]
async fn an_expired_certificate_publishes_nothing_even_in_grace() {
    let world = World::start().await;
    let device = world.ca.issue_now("pump");
    let ended = |span: u64, grace| Principal {
        validity: Validity {
            not_before: Timestamp::EPOCH,
            not_after: now() - Duration::from_secs(span),
        },
        grace,
        ..principal(device.id, CertificateStatus::Active, POLICY)
    };
    let boundary = [Arc::new(Document::parse(POLICY).unwrap())].into();
    let grace = Grace { ends_at: now() + Duration::from_secs(3600), boundary };

    for principal in [ended(1, None), ended(1, Some(grace))] {
        world.registry.put(principal);
        let published = world.handle.publish_for_holder((device.id, HOME), message("dev/x", "1"));
        assert!(matches!(published, Err(PublishRefused::NotAuthorized)));
    }
}

#[tokio::test]
async fn who_has_no_room_is_told_of_where_it_matters() {
    let world = World::start_with(|limits| limits.queued_messages = 1).await;
    let connect = Connect { receive_max: Some(1), ..Connect::default() };
    let mut reading = Client::connect(&world, &world.device("reader"), connect).await.unwrap();
    reading.acknowledges = false;
    reading.subscribe("dev/x").await;
    world.handle.publish_for_operator(message("dev/x", "in flight")).unwrap();
    reading.message().await;

    let first = world.handle.publish_for_operator(message("dev/x", "1"));
    let second = world.handle.publish_for_operator(message("dev/x", "2"));
    let qos_0 = Publication { qos: Qos::AtMostOnce, ..message("dev/x", "3") };
    let third = world.handle.publish_for_operator(qos_0);

    assert!(first.is_ok() && third.is_ok());
    assert!(matches!(second, Err(PublishRefused::Full(1))), "{second:?}");
}

#[tokio::test]
async fn retained_messages_are_shown_until_they_are_over() {
    let world = World::start_with(|limits| limits.retained_messages = 2).await;
    let retain = |publication| {
        world.handle.publish_for_operator(Publication { retain: true, ..publication })
    };

    retain(Publication { properties: telling(), ..message("dev/a", "1") }).unwrap();
    retain(message("dev/b", "2")).unwrap();
    let third = retain(message("dev/c", "3"));
    let shown = world.handle.retained("dev/a").unwrap();
    let topics = |after| {
        let listed = world.handle.retained_after(after, 9);
        listed.into_iter().map(|it| it.topic).collect::<Vec<_>>()
    };

    assert!(matches!(third, Err(PublishRefused::NotRetained)));
    assert_eq!((&*shown.payload, shown.qos), (b"1".as_slice(), Qos::AtLeastOnce));
    assert_eq!(shown.user_properties, telling().user);
    assert!(shown.since <= now() && now() - Duration::from_secs(10) < shown.since);
    assert_eq!(topics(None), ["dev/a", "dev/b"]);
    assert_eq!(topics(Some("dev/a")), ["dev/b"]);
    retain(message("dev/a", "")).unwrap();
    assert_eq!((world.handle.retained("dev/a"), topics(None)), (None, vec!["dev/b".to_owned()]));
}

async fn disconnected(world: &World, device: &Device, how: Disconnection) -> Option<Code> {
    let connect = Connect { will: Some(will("dev/will", "gone")), ..kept() };
    let mut client = Client::connect(world, device, connect).await.unwrap();
    client.subscribe("dev/x").await;

    let was = world.handle.disconnect(&device.name.parse().unwrap(), how).await;

    assert!(was);
    assert_eq!(world.handle.session(&device.name.parse().unwrap()), None);
    client.ended().await
}

#[tokio::test]
async fn an_operator_disconnects_a_client_with_its_session_and_will_or_without() {
    let world = World::start().await;
    let mut events = world.handle.presence();
    let mut reading = Client::start(&world, &world.device("reader")).await;
    reading.subscribe("dev/#").await;
    let device = world.device("pump");
    let (kept_session, cleaned) = (
        Disconnection { clean_session: false, with_will: true },
        Disconnection { clean_session: true, with_will: false },
    );

    let first = disconnected(&world, &device, kept_session).await;
    assert_eq!(reading.message().await.payload, "gone");
    let back = Client::connect(&world, &device, kept()).await.unwrap();
    let was_kept = back.session_present;
    back.leave().await;
    let second = disconnected(&world, &device, cleaned).await;
    reading.publish("dev/after", "x").await;
    let after = reading.message().await;
    let was_cleaned = !Client::connect(&world, &device, kept()).await.unwrap().session_present;

    assert_eq!(
        (first, second),
        (Some(Code::AdministrativeAction), Some(Code::AdministrativeAction))
    );
    assert!(was_kept && was_cleaned);
    assert_eq!(&*after.topic, "dev/after");
    let nobody = "nobody".parse().unwrap();
    assert!(!world.handle.disconnect(&nobody, cleaned).await);
    let reason = loop {
        match events.recv().await.unwrap() {
            Presence::Disconnected { reason, .. } => break reason,
            _ => continue,
        }
    };
    assert_eq!(reason, DisconnectReason::ApiInitiatedDisconnect);
}
