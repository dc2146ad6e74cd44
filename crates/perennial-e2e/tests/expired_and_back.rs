//! A certificate ends while its device is away: within its recovery the device is let in to have
//! it rotated and for nothing else; after that it is refused, and people are told.

#![allow(clippy::unwrap_used, reason = "a story's own machinery")]

mod world;

use std::time::Duration;

use perennial_core::{
    audit::CheckName,
    certificate::CertificateStatus,
    ids::{ClientId, ThingName},
    rotation::{Cause, Outcome},
};
use perennial_orchestrator::{SystemClock, port::Clock as _};
use perennial_server::Config;
use perennial_store::FindingFilter;
use world::{Bare, World, passed, until};

/// How long the certificates of these stories live.
const LIFE: Duration = Duration::from_secs(3);

fn recovering_for(recovery_secs: u64) -> Config {
    let mut config = world::config();
    config.rotation.recovery_secs = recovery_secs;
    config
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_was_away_past_its_certificates_end_is_rotated_when_it_is_back() {
    let world = World::begin().await;
    world.is_audited().await;
    let agent = world.enroll_for("pump-1", LIFE).await;
    let thing = ThingName::new("pump-1").unwrap();
    let outgoing = world.certificate_of(&thing).await;
    passed(outgoing.certificate.validity.not_after).await;

    let device = world::start(agent);
    let rotated = world.rotated(&thing).await;

    assert_eq!(rotated.rotation.cause, Cause::Recovery);
    let retired = world.outgoing(&rotated).await.certificate;
    assert_eq!(retired.certificate_id, outgoing.certificate.certificate_id);
    assert_eq!(retired.status, CertificateStatus::Inactive);
    let incoming = world.incoming(&rotated).await;
    assert_eq!(incoming.policies, outgoing.policies);
    let session = world.server.broker().session(&ClientId::from(&thing)).unwrap();
    assert_eq!(session.principal, incoming.certificate.certificate_id);
    device.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_whose_certificate_ends_while_it_is_connected_is_cut_and_rotated() {
    let world = World::begin().await;
    world.is_audited().await;
    let device = world.connect(world.enroll_for("pump-1", 2 * LIFE).await).await;
    let ends_at = world.certificate_of(&device.thing).await.certificate.validity.not_after;
    assert!(SystemClock.now() < ends_at, "this machine was too slow to see it connected");

    let rotated = world.rotated(&device.thing).await;

    assert_eq!(rotated.rotation.cause, Cause::Recovery);
    assert!(rotated.rotation.opened_at > ends_at);
    device.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_session_is_for_the_exchange_and_for_nothing_else() {
    let world = World::begin().await;
    world.is_audited().await;
    let bare = Bare::named(&world, "pump-1");
    let outgoing = bare.enrolled_for(2 * LIFE).await;
    assert!(bare.publish(&outgoing, "devices/pump-1/telemetry", "1").await);
    let ends_at = world.certificate_of(&bare.thing).await.certificate.validity.not_after;
    passed(ends_at).await;

    // Everything else is refused, what its policies allow it otherwise among it.
    assert!(!bare.publish(&outgoing, "devices/pump-1/telemetry", "1").await);
    assert!(!bare.publish(&outgoing, &bare.topic("csr_req"), "{}").await);
    assert!(!bare.retains(&outgoing, &bare.topic("crt_err"), "{}").await);
    for filter in ["#", "devices/pump-1/+", "management/topic/+/crt", "$aws/events/#"] {
        assert!(!bare.may_subscribe(&outgoing, filter).await, "{filter}");
    }
    assert!(!bare.connects_as(&outgoing, "pump-2").await);

    // It had connected, so its rotation is open, once; the exchange goes on as ever.
    let asked = bare.hears(&outgoing, "csr_req").await;
    let opened = bare.reaches("AwaitingCsr").await;
    let (key, csr_pem) = bare.csr("incoming");
    bare.send_csr(&outgoing, &csr_pem).await;
    let incoming = bare.issued(key).await;
    assert!(bare.publish(&outgoing, &bare.topic("crt_ack"), "{}").await);
    assert!(bare.publish(&incoming, &bare.topic("crt_ack"), "{}").await);
    let ended = world.ended(&bare.thing).await;

    assert_eq!(asked["rotationId"], opened.rotation.id.to_string());
    assert_eq!(opened.rotation.cause, Cause::Recovery);
    assert_eq!(ended.rotation.id, opened.rotation.id);
    assert_eq!(ended.state.outcome(), Some(Outcome::Rotated), "{:?}", ended.state);
    assert!(bare.publish(&incoming, "devices/pump-1/telemetry", "1").await);
    assert!(!bare.publish(&outgoing, &bare.topic("crt_ack"), "{}").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_comes_and_goes_has_one_rotation_in_hand() {
    let world = World::begin().await;
    world.is_audited().await;
    let bare = Bare::named(&world, "pump-1");
    let outgoing = bare.enrolled_for(LIFE).await;
    passed(world.certificate_of(&bare.thing).await.certificate.validity.not_after).await;

    // An error ends the rotation; the next one has an hour's time.
    assert!(bare.may_subscribe(&outgoing, &bare.topic("csr_req")).await);
    let first = until("a rotation is open", async || bare.latest().await).await;
    assert!(bare.publish(&outgoing, &bare.topic("crt_err"), "{\"error\":\"no\"}").await);
    world.ended(&bare.thing).await;
    for _ in 0..5 {
        assert!(bare.may_subscribe(&outgoing, &bare.topic("csr_req")).await);
    }

    // What was put in before is dealt with: an operator's wish comes after it.
    bare.rotation_begins().await;
    let rotations = world.rotations().await;
    let causes: Vec<_> = rotations.iter().rev().map(|it| it.rotation.cause).collect();
    assert_eq!(rotations.last().unwrap().rotation.id, first.rotation.id);
    assert_eq!(causes, [Cause::Recovery, Cause::Operator]);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_its_recovery_a_device_is_refused_and_people_are_told_which() {
    for recovery_secs in [0, 1] {
        let world = World::begin_with(recovering_for(recovery_secs)).await;
        world.is_audited().await;
        let bare = Bare::named(&world, "pump-1");
        let outgoing = bare.enrolled_for(LIFE).await;
        let certificate = world.certificate_of(&bare.thing).await.certificate;
        passed(certificate.validity.not_after + Duration::from_secs(recovery_secs)).await;

        for _ in 0..2 {
            assert!(!bare.publish(&outgoing, &bare.topic("csr_res"), "{}").await);
        }

        let told = until("people are told", async || {
            let told = world.notices("certificate_lapsed").await;
            (!told.is_empty()).then_some(told)
        })
        .await;
        assert_eq!(told.len(), 1);
        assert_eq!(told[0]["thingName"], "pump-1");
        let id = certificate.certificate_id.to_string();
        assert_eq!(told[0]["notice"]["certificate_id"], id);
        assert!(bare.latest().await.is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_that_waits_for_a_device_ends_with_its_recovery_and_says_so() {
    let world = World::begin_with(recovering_for(1)).await;
    world.is_audited().await;
    let bare = Bare::named(&world, "pump-1");
    bare.enrolled_for(LIFE).await;
    bare.rotation_begins().await;

    let ended = world.ended(&bare.thing).await;
    let task = world.server.audit_now().await.unwrap();

    assert_eq!(ended.state.outcome(), Some(Outcome::Unreachable));
    let told = until("people are told", async || {
        world.notices("rotation_failed").await.into_iter().next()
    })
    .await;
    assert_eq!(told["thingName"], "pump-1");
    assert_eq!(told["notice"]["reason"]["failure"], "expired");
    // The finding stands, but nobody can answer another rotation.
    let check = Some(CheckName::DeviceCertificateExpiring);
    let filter = FindingFilter { task: Some(task.task_id), check, ..FindingFilter::default() };
    let now = SystemClock.now();
    let (findings, _) = world.server.store().findings(filter, None, 10, now).await.unwrap();
    assert_eq!(findings.len(), 1);
    world.inbox_is_empty().await;
    assert_eq!(bare.latest().await.unwrap().rotation.id, ended.rotation.id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawn_certificate_does_not_recover() {
    let world = World::begin().await;
    world.is_audited().await;
    let bare = Bare::named(&world, "pump-1");
    let outgoing = bare.enrolled_for(LIFE).await;
    let certificate = world.certificate_of(&bare.thing).await.certificate;
    passed(certificate.validity.not_after).await;

    let (id, inactive) = (certificate.certificate_id, CertificateStatus::Inactive);
    world.server.update_certificate_status(id, inactive).await.unwrap();

    assert!(!bare.may_subscribe(&outgoing, &bare.topic("csr_req")).await);
    assert!(world.notices("certificate_lapsed").await.is_empty());
    assert!(bare.latest().await.is_none());
}
