//! The authority in memory: a CSR is the text `CSR for KEY`, a certificate a few words.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use parking_lot::Mutex;
use perennial_core::{
    certificate::{Certificate, CertificateStatus, Validity},
    ids::{CertificateId, Digest, RotationId, ThingName},
    message::{Proof, RefusalCode},
    rotation::Csr,
    time::{Timestamp, days},
};

use super::{Seen, Verb, Witness, fault::Gate, registry::Certificates};
use crate::port::{Authority, Delivery, IssueOutcome, IssueRequest, PortError, ProofClaim};

/// How long certificates live.
const VALID_FOR: std::time::Duration = days(90);

/// What was issued, and whose keys are whose.
#[derive(Default)]
pub(super) struct Issued {
    of_rotation: HashMap<RotationId, CertificateId>,
    /// Whose each key is.
    keys: HashMap<String, ThingName>,
    /// The key of each certificate.
    certified: HashMap<CertificateId, String>,
    /// Certificates whose text is longer than a message may be.
    oversize: Vec<ThingName>,
}

/// The authority as one process has it.
#[derive(Clone)]
pub struct FakeAuthority {
    pub(super) issued: Arc<Mutex<Issued>>,
    pub(super) certificates: Arc<Mutex<Certificates>>,
    pub(super) witness: Witness,
    pub(super) gate: Gate,
}

impl FakeAuthority {
    /// The CSR for `key`.
    pub fn csr_for(key: &str) -> String {
        format!("CSR for {key}")
    }

    /// The signature that makes `claim` hold.
    pub fn proof(
        certificate_id: CertificateId,
        kind: perennial_core::message::ProofKind,
        rotation_id: RotationId,
        csr: Option<&Csr>,
    ) -> Proof {
        Proof(format!("{certificate_id} {kind:?} {rotation_id} {:?}", csr.map(|csr| csr.digest)))
    }

    /// Lets the certificates of this thing be too large for a message.
    pub fn oversize(&self, thing: ThingName) {
        self.issued.lock().oversize.push(thing);
    }

    /// Says that a certificate which no rotation issued is for `key`.
    pub fn certified(&self, certificate_id: CertificateId, key: &str, thing: ThingName) {
        let mut issued = self.issued.lock();
        issued.keys.insert(key.to_owned(), thing);
        issued.certified.insert(certificate_id, key.to_owned());
    }
}

#[async_trait]
impl Authority for FakeAuthority {
    fn csr(&self, pem: String) -> Csr {
        let digest = Digest::from_bytes(spread(&[pem.as_bytes()]));
        Csr { pem: pem.into(), digest }
    }

    async fn issue(&self, batch: Vec<IssueRequest>, now: Timestamp) -> Vec<IssueOutcome> {
        for &IssueRequest { rotation_id, .. } in &batch {
            self.witness.saw(Seen::Asked { verb: Verb::Issue, rotation_id });
        }
        let write = || Ok(batch.iter().map(|request| self.issue_one(request, now)).collect());
        match self.gate.call(Verb::Issue, batch.len(), write).await {
            Ok(outcomes) => outcomes,
            Err(error) => vec![IssueOutcome::Failed(error.fault()); batch.len()],
        }
    }

    async fn deliveries(&self, ids: &[CertificateId]) -> Result<Vec<Option<Delivery>>, PortError> {
        let read = || Ok(ids.iter().map(|id| self.delivery(id)).collect());
        self.gate.call(Verb::Deliveries, ids.len(), read).await
    }

    async fn check_proofs(&self, claims: Vec<ProofClaim>) -> Result<Vec<bool>, PortError> {
        let holds = |it: &ProofClaim| {
            self.certificates.lock().rows.contains_key(&it.certificate_id)
                && it.proof
                    == Self::proof(it.certificate_id, it.kind, it.rotation_id, it.csr.as_ref())
        };
        let read = || Ok(claims.iter().map(holds).collect());
        self.gate.call(Verb::CheckProofs, claims.len(), read).await
    }
}

impl FakeAuthority {
    fn issue_one(&self, request: &IssueRequest, now: Timestamp) -> IssueOutcome {
        let mut issued = self.issued.lock();
        if let Some(earlier) = issued.of_rotation.get(&request.rotation_id) {
            return IssueOutcome::Issued(*earlier);
        }
        let Some(key) = request.csr.pem.strip_prefix("CSR for ") else {
            return refused(RefusalCode::MalformedCsr);
        };
        let reused = issued.certified.get(&request.outgoing).is_some_and(|used| used == key);
        if request.rekey && reused {
            return refused(RefusalCode::KeyReused);
        }
        let owner = issued.keys.entry(key.to_owned()).or_insert_with(|| request.thing.clone());
        if *owner != request.thing {
            return refused(RefusalCode::KeyInUse);
        }
        let (rotation_id, id) = (request.rotation_id, request.rotation_id);
        let certificate_id = CertificateId::from_bytes(spread(&[id.as_bytes(), key.as_bytes()]));
        issued.of_rotation.insert(rotation_id, certificate_id);
        issued.certified.insert(certificate_id, key.to_owned());
        self.certificates.lock().insert(Certificate {
            certificate_id,
            status: CertificateStatus::Inactive,
            validity: Validity { not_before: now - request.behind_for, not_after: now + VALID_FOR },
            created_at: now,
        });
        self.witness.saw(Seen::Issued { rotation_id, certificate_id });
        IssueOutcome::Issued(certificate_id)
    }

    fn delivery(&self, id: &CertificateId) -> Option<Delivery> {
        let issued = self.issued.lock();
        let certificates = self.certificates.lock();
        let row = certificates.rows.get(id)?;
        let oversize = issued.oversize.iter().any(|thing| row.things.contains(thing));
        let padding = if oversize { "=".repeat(64 * 1024) } else { String::new() };
        Some(Delivery {
            certificate_pem: format!("certificate {id}{padding}"),
            chain_pem: "the issuer".to_owned(),
            ca_pem: "the root".to_owned(),
        })
    }
}

fn refused(code: RefusalCode) -> IssueOutcome {
    IssueOutcome::Refused { code, reason: format!("{code:?}") }
}

/// Spreads octets over 32: no digest, but as good as one where nobody looks for collisions.
fn spread(parts: &[&[u8]]) -> [u8; 32] {
    let mut octets = [0; 32];
    for (lane, out) in octets.chunks_exact_mut(8).enumerate() {
        let mut state =
            0xcbf2_9ce4_8422_2325_u64 ^ (lane as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for octet in parts.iter().copied().flatten() {
            state = (state ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3).rotate_left(23);
        }
        out.copy_from_slice(&state.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    }
    octets
}
