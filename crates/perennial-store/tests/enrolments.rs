//! A key of a thing has one certificate however often it is enrolled, and a thing has one key.

#![allow(clippy::unwrap_used, reason = "a test's own helpers")]

mod common;

use common::{NOW, certificate_id, policy, register, store, thing};
use perennial_core::{
    certificate::{CertificateStatus, Validity},
    ids::{CertificateId, Digest},
    time::{Timestamp, days},
};
use perennial_orchestrator::port::{Fact, FactId, Journal as _};
use perennial_store::{
    EnrolledCertificate, EnrolmentOutcome, EnrolmentRequest, Intent, OtherCertificates,
    SignedEnrolment, Store, StoreError,
};

const REFUSE: OtherCertificates = OtherCertificates::Refuse;

/// In these tests a certificate's DER is 32 octets of its key's digest and one that tells it apart.
fn key_of(der: &[u8]) -> Option<Digest> {
    der.first_chunk().map(|octets| Digest::from_bytes(*octets))
}

fn key(number: u8) -> Digest {
    Digest::from_bytes([number; 32])
}

fn validity(from: Timestamp) -> Validity {
    Validity { not_before: from, not_after: from + days(90) }
}

fn request(
    key_number: u8,
    serial: u8,
    others: OtherCertificates,
    now: Timestamp,
) -> EnrolmentRequest {
    let intent = Intent {
        thing: thing(0),
        serial: [serial; 20],
        validity: validity(now),
        spki: vec![key_number],
    };
    EnrolmentRequest { intent, spki_digest: key(key_number), others }
}

async fn record(
    store: &Store,
    request: EnrolmentRequest,
    now: Timestamp,
) -> Result<EnrolmentOutcome, StoreError> {
    Ok(store.record_enrolments(vec![request], key_of, now).await?.remove(0))
}

/// Stores the certificate with this id for a key, as if it had been signed.
async fn stored(
    store: &Store,
    (key_number, id): (u8, CertificateId),
    others: OtherCertificates,
    now: Timestamp,
) -> Result<EnrolledCertificate, StoreError> {
    let mut der = vec![key_number; 32];
    der.extend_from_slice(id.as_bytes());
    let signed = SignedEnrolment {
        thing: thing(0),
        spki_digest: key(key_number),
        certificate_id: id,
        der,
        validity: validity(now),
        issuer: certificate_id(9, 9),
        policies: Vec::new(),
        others,
    };
    Ok(store.store_enrolled(vec![signed], key_of, now).await?.remove(0))
}

/// Enrols pump 0 with key 1; answers its certificate.
async fn enrolled(store: &Store) -> CertificateId {
    let id = certificate_id(5, 1);
    record(store, request(1, 1, REFUSE, NOW), NOW).await.unwrap();
    stored(store, (1, id), REFUSE, NOW).await.unwrap().certificate_id
}

async fn active(store: &Store) -> Vec<CertificateId> {
    let (_, certificates) = store.thing(thing(0)).await.unwrap();
    certificates.into_iter().map(|it| it.certificate_id).collect()
}

#[tokio::test]
async fn what_was_recorded_and_not_stored_is_taken_up_again_with_its_serial() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let first = record(&store, request(1, 1, REFUSE, NOW), NOW).await.unwrap();

    let soon = NOW + days(1);
    let again = record(&store, request(1, 2, REFUSE, soon), soon).await.unwrap();
    let late = NOW + days(60);
    let anew = record(&store, request(1, 3, REFUSE, late), late).await.unwrap();

    let serial = |outcome: &EnrolmentOutcome| match outcome {
        EnrolmentOutcome::Sign(intent) => Some(intent.serial[0]),
        EnrolmentOutcome::Enrolled(_) => None,
    };
    assert_eq!([&first, &again, &anew].map(serial), [Some(1), Some(1), Some(3)]);
}

#[tokio::test]
async fn the_same_key_gets_the_same_certificate_at_either_step() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let id = enrolled(&store).await;

    let recorded = record(&store, request(1, 2, REFUSE, NOW), NOW).await.unwrap();
    let late = stored(&store, (1, certificate_id(5, 2)), REFUSE, NOW).await.unwrap();

    assert_eq!(recorded, EnrolmentOutcome::Enrolled(id));
    assert_eq!((late.certificate_id, late.created), (id, false));
    assert_eq!(active(&store).await, [id]);
}

#[tokio::test]
async fn a_key_whose_certificate_came_with_a_rotation_has_that() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    register(&store, 1, days(7)).await;

    // `register` makes DERs of sevens.
    let recorded = record(&store, request(7, 1, REFUSE, NOW), NOW).await.unwrap();

    assert_eq!(recorded, EnrolmentOutcome::Enrolled(certificate_id(1, 0)));
}

#[tokio::test]
async fn another_key_is_refused_unless_it_is_said_what_becomes_of_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let first = enrolled(&store).await;

    let refused = record(&store, request(2, 2, REFUSE, NOW), NOW).await.unwrap_err();
    let second = certificate_id(5, 2);
    let refused_late = stored(&store, (2, second), REFUSE, NOW).await.unwrap_err();
    let before = active(&store).await;
    let keep = OtherCertificates::Keep;
    record(&store, request(2, 2, keep, NOW), NOW).await.unwrap();
    let beside = stored(&store, (2, second), keep, NOW).await.unwrap();
    let deactivate = OtherCertificates::Deactivate;
    let third = certificate_id(5, 3);
    record(&store, request(3, 3, deactivate, NOW), NOW).await.unwrap();
    let instead = stored(&store, (3, third), deactivate, NOW).await.unwrap();

    for error in [refused, refused_late] {
        let said = error.to_string();
        assert!(matches!(error, StoreError::Conflict(_)) && said.contains(&first.to_string()));
    }
    assert_eq!((before, beside.deactivated), (vec![first], Vec::new()));
    let mut deactivated = instead.deactivated;
    deactivated.sort();
    assert_eq!(deactivated, [first, second]);
    assert_eq!(active(&store).await, [third]);
    let facts = store.pending(FactId(0), 10).await.unwrap();
    let withdrawn = facts.iter().filter(|(_, it)| matches!(it, Fact::CertificateWithdrawn { .. }));
    assert_eq!(withdrawn.count(), 2);
}

#[tokio::test]
async fn a_key_whose_certificate_was_withdrawn_gets_no_other_until_that_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let id = enrolled(&store).await;
    store.update_status(id, CertificateStatus::Inactive, NOW).await.unwrap();

    let inactive = record(&store, request(1, 2, REFUSE, NOW), NOW).await.unwrap_err();
    store.detach_principal(thing(0), id, NOW).await.unwrap();
    let detached = record(&store, request(1, 2, REFUSE, NOW), NOW).await.unwrap_err();
    let late = NOW + days(91);
    let over = record(&store, request(1, 2, REFUSE, late), late).await.unwrap();
    store.update_status(id, CertificateStatus::Revoked, late).await.unwrap();
    let revoked = record(&store, request(1, 2, REFUSE, late), late).await.unwrap_err();

    assert!(inactive.to_string().contains("INACTIVE: activate it"), "{inactive}");
    assert!(detached.to_string().contains("INACTIVE: have the device"), "{detached}");
    assert!(matches!(over, EnrolmentOutcome::Sign(_)));
    assert!(revoked.to_string().contains("REVOKED: have the device"), "{revoked}");
}

#[tokio::test]
async fn a_key_whose_certificate_has_ended_gets_another_and_the_first_goes() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let first = enrolled(&store).await;
    let late = NOW + days(91);

    record(&store, request(1, 2, REFUSE, late), late).await.unwrap();
    let second = stored(&store, (1, certificate_id(5, 2)), REFUSE, late).await.unwrap();

    assert_eq!((second.created, second.deactivated), (true, vec![first]));
    assert_eq!(active(&store).await, [second.certificate_id]);
}

#[tokio::test]
async fn another_things_key_is_refused_and_claims_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    enrolled(&store).await;
    let mut foreign = request(1, 2, REFUSE, NOW);
    foreign.intent.thing = thing(1);

    let refused = record(&store, foreign, NOW).await.unwrap_err();

    assert!(refused.to_string().contains("belongs to thing pump-0"), "{refused}");
    assert!(matches!(store.thing(thing(1)).await, Err(StoreError::NotFound { .. })));
}

#[tokio::test]
async fn an_enrolment_with_a_policy_that_is_not_there_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    record(&store, request(1, 1, REFUSE, NOW), NOW).await.unwrap();
    let signed = SignedEnrolment {
        thing: thing(0),
        spki_digest: key(1),
        certificate_id: certificate_id(5, 1),
        der: vec![1; 33],
        validity: validity(NOW),
        issuer: certificate_id(9, 9),
        policies: vec![policy()],
        others: REFUSE,
    };

    let refused = store.store_enrolled(vec![signed], key_of, NOW).await.unwrap_err();

    assert!(matches!(refused, StoreError::NotFound { what: "policy", .. }), "{refused}");
    assert!(matches!(store.thing(thing(0)).await, Err(StoreError::NotFound { .. })));
}
