//! Enrolment: a device's CSR becomes the ACTIVE certificate of its thing. What will be signed is
//! recorded before it is, and the same key of the same thing gets the same certificate again.

use std::sync::Arc;

use perennial_core::{
    ids::{CertificateId, Digest, PolicyName, ThingName},
    time::Timestamp,
};
use perennial_pki::{
    Authority, CsrDer, CsrError, Expectation, IssueError, Prepared, Profile, Serial, SerialError,
    pem_of_certificate,
};
use perennial_store::{
    EnrolledCertificate, EnrolmentOutcome, EnrolmentRequest, Intent, OtherCertificates,
    SignedEnrolment, Store, StoreError,
};

/// A device to enrol.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The thing; made when it does not exist.
    pub thing: ThingName,
    /// Its device's CSR in PEM.
    pub csr_pem: String,
}

/// An enrolled device.
#[derive(Debug, Clone)]
pub struct Enrolled {
    /// Its certificate.
    pub certificate_id: CertificateId,
    /// The certificate in PEM, without its issuer's.
    pub certificate_pem: String,
    /// Whether it was made now; else an earlier enrolment of the key got it.
    pub created: bool,
    /// Certificates of the thing that became INACTIVE.
    pub deactivated: Vec<CertificateId>,
}

/// How devices are enrolled.
#[derive(Debug, Clone)]
pub struct Enrolment {
    /// How their certificates look.
    pub profile: Profile,
    /// The policies attached to them.
    pub policies: Vec<PolicyName>,
    /// What becomes of certificates of other keys that a thing has.
    pub others: OtherCertificates,
}

/// Why devices are not enrolled.
#[derive(Debug, thiserror::Error)]
pub enum EnrolmentError {
    /// A CSR that will not do.
    #[error("the CSR for thing {thing}: {source}")]
    Csr {
        /// Whose.
        thing: ThingName,
        /// Why.
        source: CsrError,
    },
    /// The authority cannot sign now.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// There was no serial number.
    #[error(transparent)]
    Serial(#[from] SerialError),
    /// What the store says against it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The certificate was deleted just now.
    #[error("the certificate was deleted meanwhile")]
    Gone,
    /// The process is ending.
    #[error("the server is shutting down")]
    Closing,
}

impl Enrolment {
    /// Enrols devices, all or none.
    ///
    /// # Errors
    /// [`EnrolmentError`] says whose CSR is not acceptable and why, or what stands in the way.
    pub async fn enroll(
        &self,
        candidates: Vec<Candidate>,
        (store, authority): (&Store, &Arc<Authority>),
        now: Timestamp,
    ) -> Result<Vec<Enrolled>, EnrolmentError> {
        let (issuing, profile) = (Arc::clone(authority), self.profile);
        let prepared = off_the_workers(move || {
            candidates.iter().map(|it| prepare(&issuing, &profile, it, now)).collect()
        });
        let prepared: Vec<Prepared> = prepared.await?;
        let requests = prepared.iter().map(|it| self.request(it)).collect();
        let recorded = store.record_enrolments(requests, key_of, now).await?;

        let mut known = Vec::with_capacity(recorded.len());
        let mut intents = Vec::new();
        for (prepared, outcome) in prepared.iter().zip(recorded) {
            match outcome {
                EnrolmentOutcome::Enrolled(id) => known.push(Some(id)),
                EnrolmentOutcome::Sign(intent) => {
                    known.push(None);
                    intents.push((intent, prepared.spki_digest()));
                }
            }
        }
        let signed = self.sign(intents, authority).await?;
        let stored = store.store_enrolled(signed, key_of, now).await?;
        with_pems(merged(known, stored), store).await
    }

    fn request(&self, prepared: &Prepared) -> EnrolmentRequest {
        let intent = prepared.intent();
        EnrolmentRequest {
            intent: Intent {
                thing: intent.thing,
                serial: *intent.serial.as_bytes(),
                validity: intent.validity,
                spki: intent.spki,
            },
            spki_digest: prepared.spki_digest(),
            others: self.others,
        }
    }

    async fn sign(
        &self,
        intents: Vec<(Intent, Digest)>,
        authority: &Arc<Authority>,
    ) -> Result<Vec<SignedEnrolment>, EnrolmentError> {
        let (authority, it) = (Arc::clone(authority), self.clone());
        off_the_workers(move || {
            let sign = |(intent, key)| it.sign_one(intent, key, &authority);
            intents.into_iter().map(sign).collect()
        })
        .await
    }

    fn sign_one(
        &self,
        intent: Intent,
        spki_digest: Digest,
        authority: &Authority,
    ) -> Result<SignedEnrolment, EnrolmentError> {
        let Intent { thing, serial, validity, spki } = intent;
        let serial = Serial::from_bytes(serial)?;
        let intent = perennial_pki::Intent { thing: thing.clone(), serial, validity, spki };
        let issued = authority.sign(authority.resume(intent)?)?;
        Ok(SignedEnrolment {
            thing,
            spki_digest,
            certificate_id: issued.certificate_id,
            der: issued.der.to_vec(),
            validity: issued.validity,
            issuer: perennial_pki::certificate_id(authority.issuing()),
            policies: self.policies.clone(),
            others: self.others,
        })
    }
}

fn prepare(
    authority: &Authority,
    profile: &Profile,
    candidate: &Candidate,
    now: Timestamp,
) -> Result<Prepared, EnrolmentError> {
    let thing = &candidate.thing;
    let expectation = Expectation { common_name: Some(thing.as_str()) };
    let csr = CsrDer::from_pem(&candidate.csr_pem).and_then(|csr| csr.verify(&expectation));
    let csr = csr.map_err(|source| EnrolmentError::Csr { thing: thing.clone(), source })?;
    Ok(authority.prepare(csr, profile, thing, Serial::random()?, now)?)
}

/// The SHA-256 of a certificate's SubjectPublicKeyInfo.
fn key_of(der: &[u8]) -> Option<Digest> {
    perennial_pki::facts(der).ok().map(|facts| facts.spki_digest)
}

/// Each device's certificate, in order: one that its key has already, or the next that was stored.
fn merged(
    known: Vec<Option<CertificateId>>,
    stored: Vec<EnrolledCertificate>,
) -> Vec<EnrolledCertificate> {
    let mut stored = stored.into_iter();
    let of = |known: Option<CertificateId>| match known {
        Some(certificate_id) => {
            Some(EnrolledCertificate { certificate_id, created: false, deactivated: Vec::new() })
        }
        None => stored.next(),
    };
    known.into_iter().filter_map(of).collect()
}

async fn with_pems(
    enrolled: Vec<EnrolledCertificate>,
    store: &Store,
) -> Result<Vec<Enrolled>, EnrolmentError> {
    let ids = enrolled.iter().map(|it| it.certificate_id).collect();
    let shown = |(it, der): (EnrolledCertificate, Option<Vec<u8>>)| {
        let EnrolledCertificate { certificate_id, created, deactivated } = it;
        let certificate_pem = pem_of_certificate(&der.ok_or(EnrolmentError::Gone)?);
        Ok(Enrolled { certificate_id, certificate_pem, created, deactivated })
    };
    enrolled.into_iter().zip(store.ders(ids).await?).map(shown).collect()
}

/// Runs what keeps a processor busy where it holds up no connection.
async fn off_the_workers<T: Send + 'static>(
    job: impl FnOnce() -> Result<T, EnrolmentError> + Send + 'static,
) -> Result<T, EnrolmentError> {
    tokio::task::spawn_blocking(job).await.map_err(|_| EnrolmentError::Closing)?
}
