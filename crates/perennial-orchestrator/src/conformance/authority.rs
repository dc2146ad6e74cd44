//! The authority's promises: one certificate a rotation, one thing a key, one answer a request.
#![expect(missing_docs, reason = "a promise's name is the promise")]

use std::time::Duration;

use async_trait::async_trait;
use perennial_core::{
    certificate::{Certificate, CertificateStatus},
    ids::{CertificateId, RotationId},
    message::{Proof, ProofKind, RefusalCode},
    rotation::Csr,
};

use super::samples::{NOW, certificate_id, rotation_id, thing};
use crate::port::{Authority, IssueOutcome, IssueRequest, ProofClaim};

/// An authority under examination. Keys go by numbers; thing `n` is `pump-n` and its certificate
/// in use, registered beforehand for 1 and 2, is for key `n`.
#[async_trait]
pub trait AuthoritySubject: Send + Sync {
    /// The port.
    fn authority(&self) -> &dyn Authority;

    /// Ends the process that has the authority open, and opens it again on what is durable.
    async fn reopen(&mut self);

    /// The certificate in use of thing 1 or 2.
    fn outgoing(&self, number: u32) -> CertificateId;

    /// A CSR for a key.
    fn csr_for(&self, thing: u32, key: u32) -> String;

    /// The proof that a key makes; `csr` is the CSR that it is about, if it is about one.
    fn proof(
        &self,
        key: u32,
        certificate_id: CertificateId,
        kind: ProofKind,
        rotation_id: RotationId,
        csr: Option<&Csr>,
    ) -> Proof;

    /// What is registered of a certificate.
    async fn describe(&self, id: CertificateId) -> Option<Certificate>;
}

fn request(subject: &impl AuthoritySubject, rotation: u32, number: u32, key: u32) -> IssueRequest {
    IssueRequest {
        rotation_id: rotation_id(1, rotation),
        thing: thing(number),
        outgoing: subject.outgoing(number),
        rekey: true,
        behind_for: Duration::ZERO,
        csr: subject.authority().csr(subject.csr_for(number, key)),
    }
}

async fn issue(subject: &impl AuthoritySubject, request: IssueRequest) -> IssueOutcome {
    subject.authority().issue(vec![request], NOW).await.remove(0)
}

async fn issued(subject: &impl AuthoritySubject, request: IssueRequest) -> CertificateId {
    certificate(issue(subject, request).await).expect("a good CSR is certified")
}

fn certificate(outcome: IssueOutcome) -> Option<CertificateId> {
    match outcome {
        IssueOutcome::Issued(id) => Some(id),
        IssueOutcome::Refused { .. } | IssueOutcome::Failed(_) => None,
    }
}

fn refusal(outcome: IssueOutcome) -> Option<RefusalCode> {
    match outcome {
        IssueOutcome::Refused { code, .. } => Some(code),
        IssueOutcome::Issued(_) | IssueOutcome::Failed(_) => None,
    }
}

pub async fn a_csr_keeps_its_text_and_has_a_digest_of_it(subject: impl AuthoritySubject) {
    let [first, second] = [11, 12].map(|key| subject.csr_for(1, key));

    let csr = subject.authority().csr(first.clone());

    assert_eq!(&*csr.pem, first);
    assert_eq!(csr, subject.authority().csr(first));
    assert_ne!(csr.digest, subject.authority().csr(second).digest);
}

pub async fn what_is_issued_is_stored_and_inactive(mut subject: impl AuthoritySubject) {
    let id = issued(&subject, request(&subject, 1, 1, 11)).await;

    subject.reopen().await;

    let found = subject.describe(id).await.expect("it is registered");
    assert_eq!(found.status, CertificateStatus::Inactive);
    assert!(found.validity.contains(NOW));
    assert!(subject.authority().deliveries(&[id]).await.unwrap()[0].is_some());
}

pub async fn a_certificate_begins_as_early_as_the_devices_clock_needs(
    subject: impl AuthoritySubject,
) {
    let behind_for = Duration::from_secs(3_600);
    let fitting = IssueRequest { behind_for, ..request(&subject, 1, 1, 11) };

    let id = issued(&subject, fitting).await;
    let other = issued(&subject, request(&subject, 2, 2, 12)).await;

    let [fitting, other] = [id, other].map(async |id| subject.describe(id).await.unwrap().validity);
    let (fitting, other) = (fitting.await, other.await);
    assert!(fitting.contains(NOW - behind_for), "{fitting:?}");
    assert!(!other.contains(NOW - behind_for), "{other:?}");
    assert_eq!(fitting.not_after, other.not_after);
}

pub async fn a_rotation_gets_one_certificate_however_often_it_asks(
    mut subject: impl AuthoritySubject,
) {
    let first = issued(&subject, request(&subject, 1, 1, 11)).await;

    subject.reopen().await;

    let twice = vec![request(&subject, 1, 1, 11), request(&subject, 1, 1, 11)];
    let again = subject.authority().issue(twice, NOW).await;
    assert_eq!(again, vec![IssueOutcome::Issued(first); 2]);
    // Another key does not make it another certificate either.
    assert_eq!(issued(&subject, request(&subject, 1, 1, 12)).await, first);
    assert_ne!(issued(&subject, request(&subject, 2, 1, 13)).await, first);
}

pub async fn a_key_belongs_to_one_thing(mut subject: impl AuthoritySubject) {
    issued(&subject, request(&subject, 1, 1, 11)).await;

    subject.reopen().await;

    let stolen = issue(&subject, request(&subject, 2, 2, 11)).await;
    assert_eq!(refusal(stolen), Some(RefusalCode::KeyInUse));
}

pub async fn the_key_in_use_is_refused_where_a_new_one_is_wanted(subject: impl AuthoritySubject) {
    let same_key = request(&subject, 1, 1, 1);

    let refused = issue(&subject, same_key.clone()).await;
    let allowed = issue(&subject, IssueRequest { rekey: false, ..same_key }).await;

    assert_eq!(refusal(refused), Some(RefusalCode::KeyReused));
    assert!(certificate(allowed).is_some());
}

pub async fn one_bad_csr_in_a_batch_is_answered_in_its_place(subject: impl AuthoritySubject) {
    let bad = IssueRequest {
        csr: subject.authority().csr("no CSR at all".to_owned()),
        ..request(&subject, 2, 2, 12)
    };

    let batch = vec![request(&subject, 1, 1, 11), bad, request(&subject, 3, 2, 13)];
    let mut outcomes = subject.authority().issue(batch, NOW).await;

    assert_eq!(outcomes.len(), 3);
    assert_eq!(refusal(outcomes.remove(1)), Some(RefusalCode::MalformedCsr));
    let ids: Vec<_> = outcomes.into_iter().filter_map(certificate).collect();
    assert_eq!(ids.len(), 2);
    assert_eq!(issued(&subject, request(&subject, 1, 1, 11)).await, ids[0]);
    assert_eq!(issued(&subject, request(&subject, 3, 2, 13)).await, ids[1]);
}

pub async fn deliveries_stand_where_they_were_asked_for(subject: impl AuthoritySubject) {
    let first = issued(&subject, request(&subject, 1, 1, 11)).await;
    let second = issued(&subject, request(&subject, 2, 2, 12)).await;

    let ids = [second, certificate_id(9, 9), first, second];
    let found = subject.authority().deliveries(&ids).await.unwrap();

    let texts: Vec<_> = found.into_iter().map(|it| it.map(|it| it.certificate_pem)).collect();
    assert_eq!(texts.len(), 4);
    assert_eq!((&texts[1], &texts[0]), (&None, &texts[3]));
    assert!(texts[0].is_some() && texts[2].is_some() && texts[0] != texts[2]);
}

pub async fn a_proof_holds_for_what_it_was_made_for_only(subject: impl AuthoritySubject) {
    let csr = subject.authority().csr(subject.csr_for(1, 11));
    let (outgoing, rotation) = (subject.outgoing(1), rotation_id(1, 1));
    let kind = ProofKind::Continuity;
    let proof = subject.proof(1, outgoing, kind, rotation, Some(&csr));
    let good =
        ProofClaim { certificate_id: outgoing, kind, rotation_id: rotation, csr: Some(csr), proof };
    let other_csr = subject.authority().csr(subject.csr_for(1, 12));
    let claims = vec![
        good.clone(),
        ProofClaim { certificate_id: subject.outgoing(2), ..good.clone() },
        ProofClaim { rotation_id: rotation_id(1, 2), ..good.clone() },
        ProofClaim { csr: Some(other_csr), ..good.clone() },
        ProofClaim { kind: ProofKind::Possession, csr: None, ..good.clone() },
        ProofClaim { certificate_id: certificate_id(9, 9), ..good.clone() },
        ProofClaim { proof: Proof("AAAA".to_owned()), ..good.clone() },
        good,
    ];

    let verdicts = subject.authority().check_proofs(claims).await.unwrap();

    assert_eq!(verdicts, [true, false, false, false, false, false, false, true]);
}

pub async fn empty_batches_change_nothing(subject: impl AuthoritySubject) {
    let authority = subject.authority();

    assert!(authority.issue(Vec::new(), NOW).await.is_empty());
    assert!(authority.deliveries(&[]).await.unwrap().is_empty());
    assert!(authority.check_proofs(Vec::new()).await.unwrap().is_empty());
}
