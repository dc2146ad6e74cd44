//! Whose device certificates are trusted: the built-in authority's, and those of registered CAs.

use perennial_broker::{AnchorError, TrustAnchors, TrustedIssuer};
use perennial_core::registry::{AutoRegistration, CaCertificate, CaStatus};
use perennial_store::{Order, Store, StoreError};
use rustls_pki_types::CertificateDer;
use tokio::sync::Mutex;

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

    /// Reads the registered CAs again; they count from the next handshake on.
    ///
    /// One that is INACTIVE stays trusted: that keeps new certificates of it out, not those that
    /// are registered.
    pub(crate) async fn refresh(&self) -> Result<(), AnchorsNotSet> {
        let _turn = self.turn.lock().await;
        let mut issuers = vec![TrustedIssuer { der: self.built_in.clone(), introduces: false }];
        let mut after = None;
        loop {
            let page = self.store.ca_certificates(None, Order::Ascending, after, PAGE).await?;
            issuers.extend(page.items.into_iter().map(issuer));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(self.anchors.replace_issuers(&issuers)?)
    }
}

fn issuer(ca: CaCertificate) -> TrustedIssuer<'static> {
    let introduces =
        ca.status == CaStatus::Active && ca.auto_registration == AutoRegistration::Enable;
    TrustedIssuer { der: CertificateDer::from(ca.der), introduces }
}
