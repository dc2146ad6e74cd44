//! The device refuses its new certificate, or cannot make a CSR: nothing is lost.

mod world;

use perennial_core::{
    certificate::CertificateStatus,
    ids::ClientId,
    rotation::{Failure, Outcome, State},
};
use world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_certificate_is_rolled_back_and_the_outgoing_one_stays() {
    let world = World::begin().await;
    let mut config = world.enroll("pump-1").await;
    config.faults.refuse_certificate = true;
    let device = world.connect(config).await;

    world.server.audit_now().await.unwrap();
    let ended = world.ended(&device.thing).await;

    assert_eq!(ended.state.outcome(), Some(Outcome::RolledBack));
    let (outgoing, incoming) = (world.outgoing(&ended).await, world.incoming(&ended).await);
    assert_eq!(outgoing.certificate.status, CertificateStatus::Active);
    assert_eq!(incoming.certificate.status, CertificateStatus::Inactive);
    let session = world.server.broker().session(&ClientId::from(&device.thing)).unwrap();
    assert_eq!(session.principal, outgoing.certificate.certificate_id);
    device.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_csr_is_refused_three_times_with_the_reason() {
    let world = World::begin().await;
    let mut config = world.enroll("pump-1").await;
    config.faults.bad_csr = true;
    let device = world.connect(config).await;

    world.server.audit_now().await.unwrap();
    let ended = world.ended(&device.thing).await;

    let State::Failed(failed) = &ended.state else { panic!("{:?}", ended.state) };
    assert!(matches!(failed.reason, Failure::CsrRefused { .. }), "{}", failed.reason);
    assert_eq!(failed.incoming, None);
    let history = world.server.store().history(ended.rotation.id).await.unwrap();
    let refusals = history.iter().filter(|entry| entry.input == "IssueRefused");
    assert_eq!(refusals.count(), 3);
    device.stop().await;
}
