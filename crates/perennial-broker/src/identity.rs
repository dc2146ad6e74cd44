//! The server's certificate and the issuers it trusts; both can be swapped while it runs.

use std::{fmt, sync::Arc};

use arc_swap::ArcSwap;
use perennial_core::{certificate::Validity, ids::CertificateId, time::Timestamp};
use rustls::{
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use rustls_pki_types::{CertificateDer, TrustAnchor};
use webpki::VerifiedPath;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::verifier::certificate_id;

/// The certificate and key that the broker shows to devices.
///
/// Clones share one place: [`replace`](Self::replace) on any of them is seen by the next handshake.
#[derive(Clone)]
pub struct ServerIdentity(Arc<ArcSwap<CertifiedKey>>);

impl ServerIdentity {
    /// Starts with `certified`.
    pub fn new(certified: Arc<CertifiedKey>) -> Self {
        Self(Arc::new(ArcSwap::new(certified)))
    }

    /// Shows `certified` from the next handshake on; connected sessions are not touched.
    pub fn replace(&self, certified: Arc<CertifiedKey>) {
        self.0.store(certified);
    }
}

impl fmt::Debug for ServerIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerIdentity")
    }
}

impl ResolvesServerCert for ServerIdentity {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

/// A certificate that cannot be a trust anchor.
#[derive(Debug, thiserror::Error)]
#[error("trust anchor number {index} is not a CA certificate the broker can read: {source}")]
pub struct AnchorError {
    /// Which of the given certificates, counted from 0.
    pub index: usize,
    /// What is wrong with it.
    pub source: webpki::Error,
}

/// An issuer whose device certificates the broker accepts.
#[derive(Debug, Clone)]
pub struct TrustedIssuer<'a> {
    /// Its certificate.
    pub der: CertificateDer<'a>,
    /// Whether a certificate of it that nobody registered is introduced to the registry when a
    /// device shows it, in proof of its key. Its connection is refused all the same.
    pub introduces: bool,
}

/// The issuers whose device certificates the broker accepts; clones share one place.
#[derive(Clone)]
pub struct TrustAnchors(Arc<ArcSwap<Anchors>>);

/// Trust anchors, when each may be used, and under which id it introduces, if it does.
#[derive(Debug, Default)]
pub(crate) struct Anchors {
    pub(crate) trusted: Vec<TrustAnchor<'static>>,
    validity: Vec<Validity>,
    introduces: Vec<Option<CertificateId>>,
}

impl Anchors {
    /// The id of the issuer at the end of a verified path, if it introduces `now`.
    pub(crate) fn introducer(
        &self,
        path: &VerifiedPath<'_>,
        now: Timestamp,
    ) -> Option<CertificateId> {
        let same = |anchor: &TrustAnchor<'_>| {
            let this = path.anchor();
            anchor.subject == this.subject
                && anchor.subject_public_key_info == this.subject_public_key_info
        };
        let all = self.trusted.iter().zip(&self.validity).zip(&self.introduces);
        all.filter(|((anchor, validity), _)| same(anchor) && validity.contains(now))
            .find_map(|(_, introduces)| *introduces)
    }

    /// Whether every issuer of a verified path is valid at `now`: its certificates, which were
    /// verified at another time, and its anchor, of which webpki looks at no validity.
    pub(crate) fn hold(&self, path: &VerifiedPath<'_>, now: Timestamp) -> bool {
        let mut anchors = self.trusted.iter().zip(&self.validity);
        let holds = |validity: Validity| validity.contains(now);
        anchors.any(|(anchor, validity)| anchor == path.anchor() && holds(*validity))
            && path.intermediate_certificates().all(|it| validity_of(&it.der()).is_some_and(holds))
    }
}

impl TrustAnchors {
    /// Trusts what these issuing certificates (DER) signed.
    ///
    /// # Errors
    /// [`AnchorError`] names the first certificate that cannot be read.
    pub fn new(issuers: &[CertificateDer<'_>]) -> Result<Self, AnchorError> {
        let anchors = Self(Arc::default());
        anchors.replace(issuers)?;
        Ok(anchors)
    }

    /// Trusts these instead, from the next handshake on.
    ///
    /// # Errors
    /// [`AnchorError`] as [`new`](Self::new); what was trusted stays trusted then.
    pub fn replace(&self, issuers: &[CertificateDer<'_>]) -> Result<(), AnchorError> {
        let issuer = |der: &CertificateDer<'_>| TrustedIssuer {
            der: der.clone().into_owned(),
            introduces: false,
        };
        self.replace_issuers(&issuers.iter().map(issuer).collect::<Vec<_>>())
    }

    /// Trusts these instead, as each is trusted, from the next handshake on.
    ///
    /// # Errors
    /// [`AnchorError`] as [`new`](Self::new); what was trusted stays trusted then.
    pub fn replace_issuers(&self, issuers: &[TrustedIssuer<'_>]) -> Result<(), AnchorError> {
        self.0.store(Arc::new(read(issuers)?));
        Ok(())
    }

    pub(crate) fn load(&self) -> Arc<Anchors> {
        self.0.load_full()
    }
}

impl fmt::Debug for TrustAnchors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TrustAnchors({})", self.0.load().trusted.len())
    }
}

fn read(issuers: &[TrustedIssuer<'_>]) -> Result<Anchors, AnchorError> {
    let mut anchors = Anchors::default();
    for (index, TrustedIssuer { der, introduces }) in issuers.iter().enumerate() {
        let unread = |source| AnchorError { index, source };
        anchors.trusted.push(webpki::anchor_from_trusted_cert(der).map_err(unread)?.to_owned());
        anchors.validity.push(validity_of(der).ok_or_else(|| unread(webpki::Error::BadDer))?);
        anchors.introduces.push(introduces.then(|| certificate_id(der)));
    }
    Ok(anchors)
}

fn validity_of(der: &CertificateDer<'_>) -> Option<Validity> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let validity = certificate.validity();
    Some(Validity {
        not_before: Timestamp::from_secs(validity.not_before.timestamp()),
        not_after: Timestamp::from_secs(validity.not_after.timestamp()),
    })
}
