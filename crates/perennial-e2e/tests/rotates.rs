//! A device's certificate is found by the audit and rotated.

mod world;

use perennial_core::{certificate::CertificateStatus, ids::ClientId};
use world::World;

#[tokio::test(flavor = "multi_thread")]
async fn an_expiring_certificate_is_rotated_and_the_other_withdrawn() {
    let world = World::begin().await;
    let device = world.connect(world.enroll("pump-1").await).await;
    let client_id = ClientId::from(&device.thing);
    let principal = world.server.broker().session(&client_id).unwrap().principal;
    let before = world.server.store().certificate(principal).await.unwrap();

    world.server.audit_now().await.unwrap();
    let ended = world.ended(&device.thing).await;

    let states = ["AwaitingCsr", "Issuing", "Enrolling", "AwaitingAck", "Retiring", "Rotated"];
    assert_eq!(world.path_of(&ended).await, states);
    let (outgoing, incoming) = (world.outgoing(&ended).await, world.incoming(&ended).await);
    assert_eq!(outgoing.certificate.status, CertificateStatus::Inactive);
    assert!(outgoing.things.is_empty() && outgoing.policies.is_empty());
    assert_eq!(incoming.certificate.status, CertificateStatus::Active);
    assert_eq!(incoming.things, std::slice::from_ref(&device.thing));
    assert_eq!(ended.rotation.outgoing, principal);
    assert!(!before.policies.is_empty());
    assert_eq!(incoming.policies, before.policies);
    let session = world.server.broker().session(&client_id).unwrap();
    assert_eq!(session.principal, incoming.certificate.certificate_id);
    assert!(world.server.store().verify_events().await.unwrap().is_ok());
    device.stop().await;
}
