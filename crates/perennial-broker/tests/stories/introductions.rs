//! Certificates of other issuers: trusted from the next handshake on, introduced, or vouched for.

use perennial_broker::TrustedIssuer;
use perennial_core::certificate::CertificateStatus::{Active, Inactive, PendingActivation};
use rcgen::{CertificateParams, KeyPair};
use rmqtt_codec::v5::ConnectAckReason;

use crate::{
    client::{Client, Connect, Refused},
    world::{Ca, Device, POLICY, World},
};

/// How a device's connection went: refused in the handshake, at CONNECT, or not at all.
async fn refusal(world: &World, device: &Device) -> Option<Refused> {
    Client::connect(world, device, Connect::default()).await.err()
}

/// Lets the world's broker trust this CA too.
fn trust(world: &World, ca: &Ca, introduces: bool) {
    let own = TrustedIssuer { der: world.ca.der.clone(), introduces: false };
    let other = TrustedIssuer { der: ca.der.clone(), introduces };
    world.anchors.replace_issuers(&[own, other]).unwrap();
}

#[tokio::test]
async fn an_issuer_is_trusted_and_no_longer_trusted_while_the_broker_runs() {
    let world = World::start().await;
    let acme = Ca::new("Acme CA");
    let device = acme.issue_now("pump");
    world.registry.register(device.id, Active, POLICY);

    let before = refusal(&world, &device).await;
    trust(&world, &acme, false);
    let meanwhile = refusal(&world, &device).await;
    world.anchors.replace(std::slice::from_ref(&world.ca.der)).unwrap();
    let after = refusal(&world, &device).await;

    assert!(matches!(before, Some(Refused::Tls(_))), "{before:?}");
    assert!(meanwhile.is_none(), "{meanwhile:?}");
    assert!(matches!(after, Some(Refused::Tls(_))), "{after:?}");
}

#[tokio::test]
async fn an_unknown_certificate_of_an_issuer_that_introduces_is_introduced_and_refused() {
    let world = World::start().await;
    let acme = Ca::new("Acme CA");
    trust(&world, &acme, true);
    let device = acme.issue_now("pump");

    let unknown = refusal(&world, &device).await;
    world.registry.register(device.id, PendingActivation, POLICY);
    let pending = refusal(&world, &device).await;
    world.registry.register(device.id, Inactive, POLICY);
    let inactive = refusal(&world, &device).await;
    world.registry.register(device.id, Active, POLICY);
    let active = refusal(&world, &device).await;

    for refused in [unknown, pending] {
        assert!(
            matches!(refused, Some(Refused::V5(ConnectAckReason::NotAuthorized))),
            "{refused:?}"
        );
    }
    assert!(matches!(inactive, Some(Refused::Tls(_))), "{inactive:?}");
    assert!(active.is_none(), "{active:?}");
    let introductions = world.registry.introductions.lock();
    assert_eq!(introductions.len(), 2);
    assert!(introductions.iter().all(|it| {
        it.certificate_id == device.id
            && it.issuer == crate::world::certificate_id(&acme.der)
            && it.der == device.chain[0].to_vec()
    }));
}

#[tokio::test]
async fn nobody_is_introduced_by_an_issuer_that_does_not_or_without_the_key() {
    let world = World::start().await;
    let (acme, mute) = (Ca::new("Acme CA"), Ca::new("Mute CA"));
    trust(&world, &acme, true);
    let of_mute = mute.issue_now("pump");
    let mut thief = acme.issue_now("pump");
    thief.key = KeyPair::generate().unwrap().serialize_der();

    let mute = refusal(&world, &of_mute).await;
    let own = refusal(&world, &world.ca.issue_now("pump")).await;
    let thief = refusal(&world, &thief).await;

    for refused in [mute, own, thief] {
        assert!(matches!(refused, Some(Refused::Tls(_))), "{refused:?}");
    }
    assert!(world.registry.introductions.lock().is_empty());
}

#[tokio::test]
async fn the_registry_may_vouch_for_a_certificate_but_not_for_a_key() {
    let world = World::start().await;
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(Vec::new()).unwrap().self_signed(&key).unwrap();
    let device = Device::new("pump", own.der().clone(), own.pem(), &key);
    let mut thief = device.clone();
    thief.key = KeyPair::generate().unwrap().serialize_der();

    world.registry.register(device.id, Active, POLICY);
    let chain_wanted = refusal(&world, &device).await;
    world.registry.vouch_for(device.id, Active);
    let vouched_for = refusal(&world, &device).await;
    let stolen = refusal(&world, &thief).await;
    world.registry.vouch_for(device.id, Inactive);
    let inactive = refusal(&world, &device).await;

    assert!(matches!(chain_wanted, Some(Refused::Tls(_))), "{chain_wanted:?}");
    assert!(vouched_for.is_none(), "{vouched_for:?}");
    assert!(matches!(stolen, Some(Refused::Tls(_))), "{stolen:?}");
    assert!(matches!(inactive, Some(Refused::Tls(_))), "{inactive:?}");
}
