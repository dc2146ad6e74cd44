//! What a device gives up is tried again otherwise: with a certificate that fits its clock, with
//! the whole chain, later; and people hear of it when nothing helps.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

mod world;

use std::time::Duration;

use perennial_core::{
    certificate::CertificateStatus,
    ids::RotationId,
    message::ErrorCode,
    rotation::{Cause, Failure, Outcome, Remedy, State},
    time::days,
};
use perennial_orchestrator::port::{Journal as _, Stored};
use perennial_server::Config;
use world::{Bare, World, config, until};

const HOUR: Duration = Duration::from_secs(3_600);

fn resolving() -> Config {
    let mut config = config();
    config.rotation.max_attempts = 2;
    config.rotation.retry_secs = 1;
    config
}

/// Those that follow upon each other, the first one first.
async fn chain(world: &World, last: &Stored) -> Vec<Stored> {
    let mut chain = vec![last.clone()];
    while let Some(resolution) = chain[0].rotation.resolution() {
        let before = world.server.store().load(&[resolution.of]).await.unwrap().remove(0);
        chain.insert(0, before.unwrap());
    }
    chain
}

fn followed_by(stored: &Stored) -> Option<RotationId> {
    let State::Failed(failed) = &stored.state else { panic!("{:?}", stored.state) };
    failed.followed_by
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_whose_clock_is_behind_gets_a_certificate_that_fits_and_rotates() {
    let world = World::begin_on_authority(days(30), resolving()).await;
    let mut config = world.enroll("pump-1").await;
    config.faults.clock_behind = HOUR * 2;
    let device = world.connect(config).await;

    world.server.audit_now().await.unwrap();
    let rotated = world.ended(&device.thing).await;

    assert_eq!(rotated.state.outcome(), Some(Outcome::Rotated), "{:?}", rotated.state);
    let [first, second] = &chain(&world, &rotated).await[..] else { panic!("{rotated:?}") };
    let State::Failed(failed) = &first.state else { panic!("{:?}", first.state) };
    let Failure::DeviceRefused { code, skew: Some(skew), .. } = &failed.reason else {
        panic!("{}", failed.reason)
    };
    assert_eq!((*code, failed.followed_by), (ErrorCode::NotYetValid, Some(second.rotation.id)));
    assert!(skew.behind_for() >= HOUR * 2 && skew.behind_for() < HOUR * 2 + HOUR / 60, "{skew}");
    let Some(Remedy::FitClock { behind_for }) = second.rotation.remedy() else {
        panic!("{:?}", second.rotation.cause)
    };
    assert_eq!(behind_for, skew.behind_for());
    let incoming = world.incoming(&rotated).await.certificate;
    assert_eq!(incoming.status, CertificateStatus::Active);
    let earlier = incoming.created_at.since(incoming.validity.not_before);
    assert!(earlier >= behind_for, "it begins only {earlier:?} earlier");
    assert_eq!(world.notices("rotation_failed").await.len(), 0, "it mended itself");
    device.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_hear_once_of_a_device_that_nothing_helps() {
    let world = World::begin_with(resolving()).await;
    let mut config = world.enroll("pump-1").await;
    config.faults.refuse_certificate = true;
    let device = world.connect(config).await;

    world.server.audit_now().await.unwrap();
    let last = world.ended(&device.thing).await;

    let chain = chain(&world, &last).await;
    let remedies: Vec<_> = chain.iter().map(|stored| stored.rotation.remedy()).collect();
    assert_eq!(remedies, [None, Some(Remedy::TryLater), Some(Remedy::TryLater)]);
    assert!(matches!(chain[0].rotation.cause, Cause::Finding { .. }));
    assert_eq!(followed_by(&last), None);
    for stored in &chain {
        assert_eq!(stored.state.outcome(), Some(Outcome::RolledBack), "{:?}", stored.state);
        let incoming = world.incoming(stored).await.certificate;
        assert_eq!(incoming.status, CertificateStatus::Inactive);
    }
    let told = until("people hear of it", async || {
        let told = world.notices("rotation_failed").await;
        (!told.is_empty()).then_some(told)
    });
    let told = told.await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["rotationId"], last.rotation.id.to_string());
    device.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_makes_nothing_of_the_chain_gets_all_of_it() {
    let world = World::begin_with(resolving()).await;
    let bare = Bare::named(&world, "pump-1");
    let outgoing = bare.enrolled().await;
    bare.rotation_begins().await;
    let short = bare.certified(&outgoing, "first").await;

    let complaint = r#"{"error": "no such issuer", "code": "untrusted_chain"}"#;
    assert!(bare.publish(&outgoing, &bare.topic("crt_err"), complaint).await);
    bare.reaches("AwaitingCsr").await;
    let whole = bare.certified(&outgoing, "second").await;

    let chain = |delivered: &serde_json::Value| delivered["chainPem"].as_str().unwrap().to_owned();
    let root = world.server.authority().root_pem();
    assert_eq!(chain(&whole), chain(&short) + &root);
    assert_eq!(whole["caPem"], root.as_str());
    assert_ne!(whole["rotationId"], short["rotationId"]);
}
