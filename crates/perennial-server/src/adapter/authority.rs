//! The authority: verifies CSRs, records intents, signs, and stores what was signed, in that order.

use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::digest::{SHA256, digest};
use perennial_core::{
    ids::{CertificateId, Digest},
    message::{Proof, RefusalCode},
    rotation::{Csr, Fault, FaultKind},
    time::Timestamp,
};
use perennial_orchestrator::port::{
    Authority, Delivery, IssueOutcome, IssueRequest, PortError, ProofClaim,
};
use perennial_pki::{
    CsrDer, Expectation, IssueError, Issued, Prepared, Profile, PublicKey, Serial,
};
use perennial_store::{Intent, IntentOutcome, IntentRequest, IssuedCertificate, Store};

/// The built-in certificate authority over the store.
pub(crate) struct CertificateAuthority {
    authority: Arc<perennial_pki::Authority>,
    /// The certificate that it signs with.
    issuer: CertificateId,
    profile: Profile,
    store: Store,
}

/// A request on its way: either still to be signed, or answered.
enum Progress {
    Ready(IntentRequest),
    Answered(IssueOutcome),
}

impl CertificateAuthority {
    pub(crate) fn new(
        authority: Arc<perennial_pki::Authority>,
        profile: Profile,
        store: Store,
    ) -> Self {
        let issuer = perennial_pki::certificate_id(authority.issuing());
        Self { authority, issuer, profile, store }
    }

    /// Verifies each CSR and decides what its certificate would say.
    async fn prepare(
        &self,
        batch: Vec<IssueRequest>,
        now: Timestamp,
    ) -> Result<Vec<Progress>, PortError> {
        let outgoing: Vec<_> = batch.iter().map(|request| request.outgoing).collect();
        let ders = self.store.ders(outgoing).await?;
        let (authority, profile) = (Arc::clone(&self.authority), self.profile);
        off_the_workers(move || {
            let prepare = |(request, der): (IssueRequest, Option<Vec<u8>>)| {
                prepare(&authority, &profile, &request, der, now)
            };
            batch.into_iter().zip(ders).map(prepare).collect()
        })
        .await
    }

    async fn try_issue(
        &self,
        batch: Vec<IssueRequest>,
        now: Timestamp,
    ) -> Result<Vec<IssueOutcome>, PortError> {
        let rotations: Vec<_> = batch.iter().map(|request| request.rotation_id).collect();
        let progress = self.prepare(batch, now).await?;
        let requests = progress.iter().filter_map(ready).cloned().collect();
        let mut recorded = self.store.record_intents(requests).await?.into_iter();

        let mut outcomes: Vec<Option<IssueOutcome>> = Vec::with_capacity(progress.len());
        let (mut places, mut intents) = (Vec::new(), Vec::new());
        for (place, progress) in progress.into_iter().enumerate() {
            outcomes.push(match progress {
                Progress::Answered(outcome) => Some(outcome),
                Progress::Ready(_) => match recorded.next() {
                    Some(IntentOutcome::Sign(intent)) => {
                        places.push(place);
                        intents.push((rotations[place], intent));
                        None
                    }
                    Some(IntentOutcome::Issued(id)) => Some(IssueOutcome::Issued(id)),
                    Some(IntentOutcome::KeyInUse) => Some(key_in_use()),
                    None => None,
                },
            });
        }
        let mut signed = Vec::with_capacity(places.len());
        let mut stored_places = Vec::with_capacity(places.len());
        for (place, issued) in places.into_iter().zip(self.sign(intents).await?) {
            match issued {
                Ok(issued) => {
                    stored_places.push(place);
                    signed.push(issued);
                }
                Err(error) => outcomes[place] = Some(unsigned(&error)),
            }
        }
        let stored = self.store.store_issued(signed, now).await?;
        for (place, id) in stored_places.into_iter().zip(stored) {
            outcomes[place] = Some(IssueOutcome::Issued(id));
        }
        Ok(outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(unanswered)).collect())
    }

    async fn sign(
        &self,
        intents: Vec<(perennial_core::ids::RotationId, Intent)>,
    ) -> Result<Vec<Result<IssuedCertificate, IssueError>>, PortError> {
        let (authority, issuer) = (Arc::clone(&self.authority), self.issuer);
        off_the_workers(move || {
            intents
                .into_iter()
                .map(|(rotation_id, intent)| {
                    let issued = sign(&authority, intent)?;
                    Ok(IssuedCertificate {
                        rotation_id,
                        certificate_id: issued.certificate_id,
                        der: issued.der.to_vec(),
                        validity: issued.validity,
                        issuer,
                    })
                })
                .collect()
        })
        .await
    }
}

#[async_trait]
impl Authority for CertificateAuthority {
    fn csr(&self, pem: String) -> Csr {
        let digest = sha256(pem.as_bytes());
        Csr { pem: pem.into(), digest }
    }

    async fn issue(&self, batch: Vec<IssueRequest>, now: Timestamp) -> Vec<IssueOutcome> {
        let count = batch.len();
        match self.try_issue(batch, now).await {
            Ok(outcomes) => outcomes,
            Err(error) => vec![IssueOutcome::Failed(error.fault()); count],
        }
    }

    async fn deliveries(&self, ids: &[CertificateId]) -> Result<Vec<Option<Delivery>>, PortError> {
        let ders = self.store.ders(ids.to_vec()).await?;
        let (chain_pem, ca_pem) = (self.authority.chain_pem(), self.authority.root_pem());
        let delivery = |der: Vec<u8>| Delivery {
            certificate_pem: perennial_pki::pem_of_certificate(&der),
            chain_pem: chain_pem.clone(),
            ca_pem: ca_pem.clone(),
        };
        Ok(ders.into_iter().map(|der| der.map(delivery)).collect())
    }

    async fn check_proofs(&self, claims: Vec<ProofClaim>) -> Result<Vec<bool>, PortError> {
        let signers: Vec<_> = claims.iter().map(|claim| claim.certificate_id).collect();
        let ders = self.store.ders(signers).await?;
        let check = |(claim, der): (ProofClaim, Option<Vec<u8>>)| {
            der.is_some_and(|der| proven(&claim, &der).is_some())
        };
        off_the_workers(move || claims.into_iter().zip(ders).map(check).collect()).await
    }
}

fn ready(progress: &Progress) -> Option<&IntentRequest> {
    match progress {
        Progress::Ready(request) => Some(request),
        Progress::Answered(_) => None,
    }
}

fn prepare(
    authority: &perennial_pki::Authority,
    profile: &Profile,
    request: &IssueRequest,
    outgoing_der: Option<Vec<u8>>,
    now: Timestamp,
) -> Progress {
    let expectation = Expectation { common_name: Some(request.thing.as_str()) };
    let verified = CsrDer::from_pem(&request.csr.pem).and_then(|csr| csr.verify(&expectation));
    let csr = match verified {
        Ok(csr) => csr,
        Err(error) => {
            let (code, reason) = (error.refusal(), error.to_string());
            return Progress::Answered(IssueOutcome::Refused { code, reason });
        }
    };
    let outgoing = outgoing_der.and_then(|der| perennial_pki::facts(&der).ok());
    if request.rekey && outgoing.is_some_and(|facts| facts.spki_digest == csr.spki_digest()) {
        let code = RefusalCode::KeyReused;
        let reason = "the CSR is for the key in use; a new key is wanted".to_owned();
        return Progress::Answered(IssueOutcome::Refused { code, reason });
    }
    let profile = Profile { backdate: profile.backdate + request.behind_for, ..*profile };
    let prepared = Serial::random().map_err(|error| error.to_string()).and_then(|serial| {
        authority
            .prepare(csr, &profile, &request.thing, serial, now)
            .map_err(|error| error.to_string())
    });
    match prepared {
        Ok(prepared) => Progress::Ready(intent_request(request, &prepared)),
        Err(reason) => {
            let fault = Fault { kind: FaultKind::Permanent, reason };
            Progress::Answered(IssueOutcome::Failed(fault))
        }
    }
}

fn intent_request(request: &IssueRequest, prepared: &Prepared) -> IntentRequest {
    let intent = prepared.intent();
    IntentRequest {
        rotation_id: request.rotation_id,
        spki_digest: prepared.spki_digest(),
        intent: Intent {
            thing: intent.thing,
            serial: *intent.serial.as_bytes(),
            validity: intent.validity,
            spki: intent.spki,
        },
    }
}

fn sign(authority: &perennial_pki::Authority, intent: Intent) -> Result<Issued, IssueError> {
    let Intent { thing, serial, validity, spki } = intent;
    let serial = Serial::from_bytes(serial).map_err(|_| IssueError::OutlivesIssuer)?;
    let prepared = authority.resume(perennial_pki::Intent { thing, serial, validity, spki })?;
    authority.sign(prepared)
}

fn key_in_use() -> IssueOutcome {
    let code = RefusalCode::KeyInUse;
    let reason = "the CSR's key belongs to another thing, or did before".to_owned();
    IssueOutcome::Refused { code, reason }
}

fn unsigned(error: &IssueError) -> IssueOutcome {
    IssueOutcome::Failed(Fault { kind: FaultKind::Permanent, reason: error.to_string() })
}

fn unanswered() -> IssueOutcome {
    let reason = "the store gave no answer".to_owned();
    IssueOutcome::Failed(Fault { kind: FaultKind::Retryable, reason })
}

/// `Some` when the proof verifies under the key of the certificate in `der`.
fn proven(claim: &ProofClaim, der: &[u8]) -> Option<()> {
    let subject = match &claim.csr {
        Some(csr) => CsrDer::from_pem(&csr.pem).ok()?.digest(),
        None => Digest::from_bytes(*claim.certificate_id.as_bytes()),
    };
    let key: PublicKey = perennial_pki::public_key(der).ok()?;
    let proof: &Proof = &claim.proof;
    perennial_pki::verify_proof(&key, proof, claim.kind, &claim.rotation_id, &subject).ok()
}

fn sha256(octets: &[u8]) -> Digest {
    let mut value = [0; 32];
    value.copy_from_slice(digest(&SHA256, octets).as_ref());
    Digest::from_bytes(value)
}

/// Runs what keeps a processor busy where it holds up no connection.
async fn off_the_workers<T: Send + 'static>(
    job: impl FnOnce() -> T + Send + 'static,
) -> Result<T, PortError> {
    tokio::task::spawn_blocking(job).await.map_err(PortError::retryable)
}
