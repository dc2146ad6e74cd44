//! Who is let in, and what a refusal looks like.

use std::{sync::atomic::Ordering, time::SystemTime};

use perennial_core::{certificate::CertificateStatus, time::days};
use rcgen::{CertificateParams, KeyPair};
use rmqtt_codec::v5::{ConnectAckReason, DisconnectReasonCode as Code};

use crate::{
    client::{Client, Connect, Refused, tls, v3},
    world::{Ca, Device, POLICY, World, settings},
};

async fn tls_error(world: &World, device: &Device) -> String {
    match Client::connect(world, device, Connect::default()).await {
        Err(Refused::Tls(error)) => error,
        Err(other) => panic!("refused too late: {other:?}"),
        Ok(_) => panic!("let in"),
    }
}

#[tokio::test]
async fn an_active_certificate_connects_with_mqtt_5_and_3() {
    let world = World::start().await;
    let device = world.device("pump");

    let five = Client::start(&world, &device).await;
    five.leave().await;
    let three = Client::connect(&world, &device, v3()).await.unwrap();

    let view = world.handle.session(&"pump".parse().unwrap()).unwrap();
    assert_eq!(view.principal, device.id);
    drop(three);
}

#[tokio::test]
async fn only_an_active_certificate_passes_the_handshake() {
    let world = World::start().await;
    let device = world.device("pump");

    for status in [
        CertificateStatus::Inactive,
        CertificateStatus::Revoked,
        CertificateStatus::PendingActivation,
    ] {
        world.registry.register(device.id, status, POLICY);
        tls_error(&world, &device).await;
    }
    world.registry.forget(&device.id);
    tls_error(&world, &device).await;
}

#[tokio::test]
async fn foreign_self_signed_and_missing_certificates_are_refused() {
    let world = World::start().await;
    let foreign = Ca::new("Test issuing CA").issue_now("pump");
    world.registry.register(foreign.id, CertificateStatus::Active, POLICY);
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(Vec::new()).unwrap().self_signed(&key).unwrap();
    let own = Device::new("pump", own.der().clone(), own.pem(), &key);
    world.registry.register(own.id, CertificateStatus::Active, POLICY);

    tls_error(&world, &foreign).await;
    tls_error(&world, &own).await;
    let mut nobody = Client::over(tls(&world, None).await.unwrap(), false);

    assert!(nobody.packet().await.is_none());
}

#[tokio::test]
async fn a_certificate_outside_its_validity_is_refused() {
    let world = World::start().await;
    let now = SystemTime::now();
    let expired = world.ca.issue("pump", now - days(30), now - days(1));
    let early = world.ca.issue("pump", now + days(1), now + days(30));

    for device in [expired, early] {
        world.registry.register(device.id, CertificateStatus::Active, POLICY);
        tls_error(&world, &device).await;
    }
}

#[tokio::test]
async fn expiry_follows_the_brokers_clock() {
    let world = World::start().await;
    let device = world.device("pump");
    Client::start(&world, &device).await.leave().await;

    world.clock_offset.store(40 * 86_400, Ordering::SeqCst);

    tls_error(&world, &device).await;
}

#[tokio::test]
async fn client_ids_that_are_no_topic_level_are_refused() {
    let world = World::start().await;
    let device = world.device("pump");

    for bad in ["a/b", "$aws", "+", ""] {
        let connect = Connect { client_id: Some(bad.to_owned()), ..Connect::default() };
        let refused = Client::connect(&world, &device, connect).await.err().unwrap();
        assert_eq!(refused, Refused::V5(ConnectAckReason::ClientIdentifierNotValid), "{bad:?}");
    }
}

#[tokio::test]
async fn a_client_id_that_the_policy_does_not_allow_is_told_so() {
    let policy = POLICY.replace("client/${iot:ClientId}", "client/pump");
    let world = World::start().await;
    let device = world.device_with("pump", &policy);
    let other = Some("other".to_owned());

    let five = Connect { client_id: other.clone(), ..Connect::default() };
    let three = Connect { client_id: other, ..v3() };

    let refused = Client::connect(&world, &device, five).await.err().unwrap();
    assert_eq!(refused, Refused::V5(ConnectAckReason::NotAuthorized));
    let refused = Client::connect(&world, &device, three).await.err().unwrap();
    assert_eq!(refused, Refused::V3(rmqtt_codec::v3::ConnectAckReason::NotAuthorized));
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let world = World::start().await;
    let mut settings = settings(|_| {});
    settings.listen = world.address;
    let clock = std::sync::Arc::new(crate::world::now);
    let (identity, anchors) = (world.identity.clone(), world.anchors.clone());

    let principals = std::sync::Arc::<crate::world::Registry>::clone(&world.registry);
    let bound = perennial_broker::Broker::bind(settings, identity, anchors, principals, clock);

    let text = bound.err().unwrap().to_string();
    assert!(text.contains(&world.address.to_string()), "{text}");
    assert!(text.contains("in use"), "{text}");
}

#[tokio::test]
async fn a_replaced_server_certificate_is_shown_without_losing_sessions() {
    let world = World::start().await;
    let device = world.device("pump");
    let mut connected = Client::start(&world, &device).await;
    let renewed = world.ca.issue_now("localhost");

    world.identity.replace(crate::world::certified(&renewed));

    let stream = tls(&world, Some(&device)).await.unwrap();
    let shown = stream.get_ref().1.peer_certificates().unwrap()[0].clone();
    assert_eq!(shown, renewed.chain[0]);
    connected.ping().await;
}

#[tokio::test]
async fn a_shutdown_tells_every_client() {
    let mut world = World::start().await;
    let device = world.device("pump");
    let mut client = Client::start(&world, &device).await;

    world.stop();

    assert_eq!(client.ended().await, Some(Code::ServerShuttingDown));
    world.running.take().unwrap().await.unwrap();
}
