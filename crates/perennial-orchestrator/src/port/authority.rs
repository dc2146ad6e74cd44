//! The authority: turns a device's CSR into a certificate, once for each rotation.

use std::time::Duration;

use async_trait::async_trait;
use perennial_core::{
    ids::{CertificateId, RotationId, ThingName},
    message::{Proof, ProofKind, RefusalCode},
    rotation::{Csr, Fault},
    time::Timestamp,
};

use super::PortError;

/// A CSR to certify.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssueRequest {
    /// The rotation: it gets the same certificate however often it asks.
    pub rotation_id: RotationId,
    /// The thing that the certificate will name.
    pub thing: ThingName,
    /// The certificate it replaces.
    pub outgoing: CertificateId,
    /// Whether the outgoing certificate's key is refused.
    pub rekey: bool,
    /// How far the device's clock is behind: the certificate begins that much earlier than others,
    /// as far as its issuer allows.
    pub behind_for: Duration,
    /// The CSR, unverified.
    pub csr: Csr,
}

/// What came of a CSR.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IssueOutcome {
    /// There is a certificate, INACTIVE, and it is stored.
    Issued(CertificateId),
    /// The CSR is not acceptable; the device is told.
    Refused {
        /// Why.
        code: RefusalCode,
        /// In words, with what to do.
        reason: String,
    },
    /// It did not work.
    Failed(Fault),
}

/// What a device gets with its certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The certificate in PEM.
    pub certificate_pem: String,
    /// Its issuers in PEM, the nearest first.
    pub chain_pem: String,
    /// The trust anchors in PEM.
    pub ca_pem: String,
}

/// A proof to check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofClaim {
    /// Whose key is said to have signed.
    pub certificate_id: CertificateId,
    /// What the signature is for.
    pub kind: ProofKind,
    /// The rotation.
    pub rotation_id: RotationId,
    /// The CSR whose DER was signed for; `None` where the certificate itself was.
    pub csr: Option<Csr>,
    /// The signature.
    pub proof: Proof,
}

/// Issues certificates.
#[async_trait]
pub trait Authority: Send + Sync {
    /// The CSR in `pem` with the digest of that text; verifies nothing.
    fn csr(&self, pem: String) -> Csr;

    /// Verifies and certifies; answers each request in order.
    async fn issue(&self, batch: Vec<IssueRequest>, now: Timestamp) -> Vec<IssueOutcome>;

    /// The texts to deliver for each certificate; `None` for one that is not stored.
    async fn deliveries(&self, ids: &[CertificateId]) -> Result<Vec<Option<Delivery>>, PortError>;

    /// Whether each proof verifies under its certificate's key.
    async fn check_proofs(&self, claims: Vec<ProofClaim>) -> Result<Vec<bool>, PortError>;
}
