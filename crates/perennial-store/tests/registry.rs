//! Beyond the ports: the grace of retired certificates, and whose keys are whose.

mod common;

use common::{NOW, certificate_id, register, store, thing};
use perennial_core::{
    certificate::Validity,
    ids::{CertificateId, RotationId},
    time::days,
};
use perennial_orchestrator::port::{Enrolment, Registry, Retirement};
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
    let issuer = CertificateId::from_bytes([0xca; 32]);
    let der = vec![1; 500];
    let issued = IssuedCertificate { rotation_id: ROTATION, certificate_id, der, validity, issuer };
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
async fn a_retired_certificate_is_deleted_after_its_grace() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    register(&store, 1, days(7)).await;
    let incoming = issue(&store).await;
    store.enroll(vec![enrolment(incoming)], NOW).await.remove(0).unwrap();
    store.retire(vec![retirement(incoming)], NOW).await.remove(0).unwrap();

    let too_early = store.sweep(10, NOW + days(29)).await.unwrap();
    let in_time = store.sweep(10, NOW + days(31)).await.unwrap();

    assert_eq!((too_early, in_time), (vec![], vec![incoming]));
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
