//! The registry as the broker sees it: who a certificate is and what it may do.

use std::{fmt, sync::Arc};

use perennial_core::{
    certificate::{CertificateStatus, Validity},
    ids::CertificateId,
    policy::{CertificateFacts, Document, ThingFacts},
    time::Timestamp,
};

/// The registry could not answer; the broker refuses whoever asked.
#[derive(Debug, thiserror::Error)]
#[error("the registry could not be asked: {0}")]
pub struct LookupFailed(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// What the registry says of one certificate.
pub struct Principal {
    /// Which certificate.
    pub certificate_id: CertificateId,
    /// Only ACTIVE lets it in.
    pub status: CertificateStatus,
    /// When it may be used.
    pub validity: Validity,
    /// The things it is attached to.
    pub things: Vec<ThingFacts>,
    /// The policies in force for it.
    pub policies: Vec<Arc<Document>>,
    /// What policy variables read from it.
    pub certificate: Arc<CertificateFacts>,
}

impl Principal {
    /// Whether it may be connected at `now`.
    pub(crate) fn authenticates(&self, now: Timestamp) -> bool {
        match self.status {
            CertificateStatus::Active => self.validity.contains(now),
            CertificateStatus::Inactive
            | CertificateStatus::Revoked
            | CertificateStatus::PendingActivation => false,
        }
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { certificate_id, status, .. } = self;
        write!(f, "Principal({certificate_id}, {status})")
    }
}

/// Who a certificate is: asked in the TLS handshake, at CONNECT, and after a change.
///
/// It runs on the connection's own task, so an answer must come from memory or one indexed read
/// (tens of microseconds).
pub trait Principals: Send + Sync + 'static {
    /// The principal of a certificate; `None` when it is not registered.
    ///
    /// # Errors
    /// [`LookupFailed`] when the registry cannot answer; nobody is let in then.
    fn principal(&self, id: &CertificateId) -> Result<Option<Arc<Principal>>, LookupFailed>;
}

/// Where the broker's time comes from.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;
