//! The registry as the broker sees it: who a certificate is and what it may do.

use std::{fmt, sync::Arc};

use perennial_core::{
    certificate::{CertificateStatus, Validity},
    ids::{CertificateId, ClientId},
    policy::{CertificateFacts, Document, ThingFacts},
    time::Timestamp,
};

use crate::basis::Basis;

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
    /// Whether the registry's word is enough, so that its chain does not matter. The registry
    /// names the whole certificate by its digest; what a chain shows beyond that is that its
    /// issuer is trusted *now*, which matters when another may withdraw that trust.
    pub vouched_for: bool,
    /// The policies attached to it.
    pub policies: Vec<Arc<Document>>,
    /// What policy variables read from it.
    pub certificate: Arc<CertificateFacts>,
    /// What it may do after its validity; `None` for nothing.
    pub grace: Option<Grace>,
    /// What the policies were read from.
    pub basis: Basis,
}

/// The thing that a connection is for, and what it adds to the connection's rights.
#[derive(Debug)]
pub struct ConnectedThing {
    /// What policy variables read from it.
    pub facts: ThingFacts,
    /// The policies of its groups.
    pub policies: Vec<Arc<Document>>,
    /// The numbers of its groups, and of those they lie in.
    pub groups: Box<[i64]>,
    /// What groups and policies were read from.
    pub basis: Basis,
}

/// What a principal may still do for a while after its validity has ended.
///
/// Its sessions then leave nothing behind: no last will, no retained message, no kept session.
#[derive(Debug, Clone)]
pub struct Grace {
    /// The last moment of it.
    pub ends_at: Timestamp,
    /// What is left: only what these policies *and* the principal's own allow.
    pub boundary: Arc<[Arc<Document>]>,
}

impl Grace {
    pub(crate) fn boundary(&self) -> &[Arc<Document>] {
        &self.boundary
    }
}

/// How a principal may be connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Whether that is by its [`Grace`] alone.
    pub(crate) in_grace: bool,
    /// The last moment of this standing.
    pub(crate) ends_at: Timestamp,
}

/// Why a principal may not be connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// The registry does not know it.
    Unregistered,
    /// Its status is this one and not ACTIVE.
    NotActive(CertificateStatus),
    /// It is not valid yet.
    Early,
    /// Its validity has ended, and its grace if it had any.
    Lapsed,
}

impl Unfit {
    /// The same in words, with what helps.
    pub(crate) const fn in_words(self) -> &'static str {
        match self {
            Self::Unregistered => {
                "the certificate is not registered: it was deleted, or never enrolled here"
            }
            Self::NotActive(CertificateStatus::PendingActivation) => {
                "the certificate is PENDING_ACTIVATION: activate it to let its device in"
            }
            Self::NotActive(CertificateStatus::Revoked) => {
                "the certificate is REVOKED, for good: its device must be enrolled again"
            }
            Self::NotActive(CertificateStatus::Inactive | CertificateStatus::Active) => {
                "the certificate is INACTIVE, by an operator or after its rotation: activate it if \
                 its device is to be let in"
            }
            Self::Early => "the certificate is not valid yet: look at its validity and the clock",
            Self::Lapsed => {
                "the certificate has expired, and so has its recovery if it had any: its device \
                 must be enrolled again"
            }
        }
    }
}

impl Principal {
    /// Whether nobody has accepted it yet.
    pub(crate) fn awaits_activation(&self) -> bool {
        self.status == CertificateStatus::PendingActivation
    }

    /// How it may be connected at `now`.
    pub(crate) fn standing(&self, now: Timestamp) -> Result<Standing, Unfit> {
        let Validity { not_before, not_after } = self.validity;
        match (self.status, &self.grace) {
            (CertificateStatus::Active, _) if now < not_before => Err(Unfit::Early),
            (CertificateStatus::Active, _) if now <= not_after => {
                Ok(Standing { in_grace: false, ends_at: not_after })
            }
            (CertificateStatus::Active, Some(grace)) if now <= grace.ends_at => {
                Ok(Standing { in_grace: true, ends_at: grace.ends_at })
            }
            (CertificateStatus::Active, Some(_) | None) => Err(Unfit::Lapsed),
            (
                CertificateStatus::Inactive
                | CertificateStatus::Revoked
                | CertificateStatus::PendingActivation,
                _,
            ) => Err(Unfit::NotActive(self.status)),
        }
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { certificate_id, status, .. } = self;
        write!(f, "Principal({certificate_id}, {status})")
    }
}

/// A certificate of an issuer that introduces, whose holder has proven its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Introduction {
    /// Which certificate.
    pub certificate_id: CertificateId,
    /// The DER.
    pub der: Vec<u8>,
    /// The issuer's certificate.
    pub issuer: CertificateId,
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

    /// The thing that a connection of this certificate under `client_id` is for: the only one it
    /// belongs to, or the one it is attached to that is named so. `None` when there is none, as in
    /// a registry without things.
    ///
    /// # Errors
    /// As for [`principal`](Self::principal).
    fn thing(
        &self,
        id: &CertificateId,
        client_id: &ClientId,
    ) -> Result<Option<ConnectedThing>, LookupFailed> {
        let _ = (id, client_id);
        Ok(None)
    }

    /// The thing of whoever uses this certificate without a client id: the only one that it is
    /// attached to. `None` when there is none, or there are several.
    ///
    /// # Errors
    /// As for [`principal`](Self::principal).
    fn only_thing(&self, id: &CertificateId) -> Result<Option<ConnectedThing>, LookupFailed> {
        let _ = id;
        Ok(None)
    }

    /// A device showed a certificate that is to be introduced; it is refused now. Must not block.
    fn introduced(&self, introduction: Introduction) {
        drop(introduction);
    }
}

/// Where the broker's time comes from.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;
