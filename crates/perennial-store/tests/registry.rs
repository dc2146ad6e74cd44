//! The registry's contract: enrolling and retiring are whole, repeatable, and never too much.

mod common;

use common::{NOW, certificate_id, policy, register, store, thing};
use perennial_core::{
    certificate::{CertificateStatus, Validity},
    ids::{CertificateId, RotationId},
    time::days,
};
use perennial_orchestrator::port::{Audit, Enrolment, Registry, Retirement};
use perennial_store::{Intent, IntentOutcome, IntentRequest, IssuedCertificate, Store};

const ROTATION: RotationId = RotationId::from_bytes([9; 16]);

fn intent(number: u32, key: u8) -> IntentRequest {
    let validity = Validity { not_before: NOW, not_after: NOW + days(90) };
    let intent = Intent { thing: thing(number), serial: [key; 20], validity, spki: vec![key; 91] };
    let spki_digest = perennial_core::ids::Digest::from_bytes([key; 32]);
    IntentRequest { rotation_id: ROTATION, intent, spki_digest }
}

#[expect(clippy::unwrap_used, reason = "a test's own set-up")]
async fn issue(store: &Store) -> CertificateId {
    store.record_intents(vec![intent(0, 5)]).await.unwrap();
    let validity = Validity { not_before: NOW, not_after: NOW + days(90) };
    let certificate_id = certificate_id(2, 0);
    let issued =
        IssuedCertificate { rotation_id: ROTATION, certificate_id, der: vec![1; 500], validity };
    store.store_issued(vec![issued], NOW).await.unwrap()[0]
}

fn enrolment(incoming: CertificateId) -> Enrolment {
    let outgoing = certificate_id(1, 0);
    Enrolment { rotation_id: ROTATION, thing: thing(0), outgoing, incoming }
}

fn retirement(certificate_id: CertificateId) -> Retirement {
    Retirement { rotation_id: ROTATION, thing: thing(0), certificate_id }
}

#[tokio::test]
async fn enrolling_gives_thing_and_policies_and_may_be_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    register(&store, 1, days(7)).await;
    let incoming = issue(&store).await;

    for _ in 0..2 {
        store.enroll(vec![enrolment(incoming)], NOW).await.remove(0).unwrap();
    }

    let shown = store.certificate(incoming).await.unwrap();
    assert_eq!(shown.certificate.status, CertificateStatus::Active);
    assert_eq!((shown.things, shown.policies), (vec![thing(0)], vec![policy()]));
}

#[tokio::test]
async fn a_refused_enrolment_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    register(&store, 1, days(7)).await;
    let incoming = issue(&store).await;
    let outgoing = certificate_id(1, 0);
    store.update_status(outgoing, CertificateStatus::Inactive, NOW).await.unwrap();

    let refused = store.enroll(vec![enrolment(incoming)], NOW).await.remove(0);

    assert!(refused.unwrap_err().to_string().contains("is not ACTIVE"));
    let shown = store.certificate(incoming).await.unwrap();
    assert_eq!(shown.certificate.status, CertificateStatus::Inactive);
    assert!(shown.things.is_empty() && shown.policies.is_empty());
}

#[tokio::test]
async fn a_retired_certificate_stays_retired() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    register(&store, 1, days(7)).await;
    let incoming = issue(&store).await;
    store.enroll(vec![enrolment(incoming)], NOW).await.remove(0).unwrap();

    for _ in 0..2 {
        store.retire(vec![retirement(incoming)], NOW).await.remove(0).unwrap();
    }
    let again = store.enroll(vec![enrolment(incoming)], NOW).await.remove(0);

    assert!(again.is_err());
    let shown = store.certificate(incoming).await.unwrap();
    assert_eq!(shown.certificate.status, CertificateStatus::Inactive);
    assert!(shown.things.is_empty() && shown.policies.is_empty());
    assert_eq!(store.sweep(10, NOW + days(31)).await.unwrap(), [incoming]);
    assert!(store.certificate(incoming).await.is_err());
}

#[tokio::test]
async fn a_rotation_gets_one_certificate_and_a_key_one_thing() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    register(&store, 2, days(7)).await;
    let incoming = issue(&store).await;

    let again = store.record_intents(vec![intent(0, 6)]).await.unwrap();
    let mut foreign = intent(1, 5);
    foreign.rotation_id = RotationId::from_bytes([8; 16]);
    let stolen = store.record_intents(vec![foreign]).await.unwrap();

    assert_eq!(again, [IntentOutcome::Issued(incoming)]);
    assert_eq!(stolen, [IntentOutcome::KeyInUse]);
}

#[tokio::test]
async fn an_audit_finds_what_is_about_to_end_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    register(&store, 30, days(7)).await;
    store.update_status(certificate_id(1, 3), CertificateStatus::Inactive, NOW).await.unwrap();
    let task = perennial_core::ids::AuditTaskId::from_bytes([1; 16]);

    store.run_scheduled(task, NOW).await.unwrap();

    assert_eq!(store.to_rotate(task, None, 100).await.unwrap().len(), 29);
    assert_eq!(store.last_scheduled().await.unwrap(), Some(NOW));
    assert!(store.verify_events().await.unwrap().is_ok());
}
