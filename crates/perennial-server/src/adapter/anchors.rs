//! Whose device certificates are trusted: the built-in authority's, and those of registered CAs.

use perennial_broker::{AnchorError, TrustAnchors, TrustedIssuer};
use perennial_core::{
    audit::revocation::AuthorityFacts,
    certificate::CertificateStatus,
    registry::{AutoRegistration, CaCertificate, CaStatus},
};
use perennial_store::{Order, Store, StoreError};
use rustls_pki_types::CertificateDer;
use tokio::sync::Mutex;
use tracing::warn;

/// How many CAs are read at once.
const PAGE: usize = 250;

/// The broker's trust anchors, kept in step with the registered CAs.
pub(crate) struct Anchors {
    store: Store,
    built_in: CertificateDer<'static>,
    anchors: TrustAnchors,
    /// One at a time, so that what was read last is what counts.
    turn: Mutex<()>,
}

/// Why they could not be brought into step; what was trusted before still is.
#[derive(Debug, thiserror::Error)]
pub enum AnchorsNotSet {
    /// The CAs cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A CA's certificate cannot be an anchor.
    #[error(transparent)]
    Anchor(#[from] AnchorError),
}

impl Anchors {
    /// Trusts what the built-in authority issues, and the registered CAs.
    pub(crate) async fn open(
        store: Store,
        built_in: CertificateDer<'static>,
    ) -> Result<Self, AnchorsNotSet> {
        let anchors = TrustAnchors::new(std::slice::from_ref(&built_in))?;
        let anchors = Self { store, built_in, anchors, turn: Mutex::default() };
        anchors.refresh().await?;
        Ok(anchors)
    }

    pub(crate) fn trusted(&self) -> TrustAnchors {
        self.anchors.clone()
    }

    /// Reads the registered CAs again; they count from the next handshake, and audit, on.
    ///
    /// One that is INACTIVE stays trusted: that keeps new certificates of it out, not those that
    /// are registered.
    pub(crate) async fn refresh(&self) -> Result<(), AnchorsNotSet> {
        let _turn = self.turn.lock().await;
        let cas = registered_cas(&self.store).await?;
        let audited = cas.iter().filter_map(facts).collect();
        self.store.change_audit_surroundings(|around| around.registered = audited);
        let own = TrustedIssuer { der: self.built_in.clone(), introduces: false };
        let issuers: Vec<_> = std::iter::once(own).chain(cas.into_iter().map(issuer)).collect();
        Ok(self.anchors.replace_issuers(&issuers)?)
    }
}

/// Every registered CA: a few, which are all held anyway.
pub(crate) async fn registered_cas(store: &Store) -> Result<Vec<CaCertificate>, StoreError> {
    let (mut cas, mut after) = (Vec::new(), None);
    loop {
        let page = store.ca_certificates(None, Order::Ascending, after, PAGE).await?;
        cas.extend(page.items);
        after = page.next;
        if after.is_none() {
            return Ok(cas);
        }
    }
}

fn issuer(ca: CaCertificate) -> TrustedIssuer<'static> {
    let introduces =
        ca.status == CaStatus::Active && ca.auto_registration == AutoRegistration::Enable;
    TrustedIssuer { der: CertificateDer::from(ca.der), introduces }
}

fn facts(ca: &CaCertificate) -> Option<AuthorityFacts> {
    let status = match ca.status {
        CaStatus::Active => CertificateStatus::Active,
        CaStatus::Inactive => CertificateStatus::Inactive,
    };
    let unread = |error: &_| {
        warn!(certificate.id = %ca.certificate_id, %error, "a CA certificate cannot be read for audits");
    };
    perennial_pki::authority_facts(&ca.der, status, None).inspect_err(unread).ok()
}
