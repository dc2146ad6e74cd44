//! TLS for one credential: its key and chain, its trust anchors, and the device's own clock.

use std::sync::Arc;

use perennial_core::{certificate::Validity, time::Timestamp};
use perennial_pki::{PATH_ALGORITHMS, facts};
use rustls::{
    CipherSuite, ClientConfig, RootCertStore,
    client::{ResolvesClientCert, Resumption},
    crypto::{CryptoProvider, aws_lc_rs},
    sign::{CertifiedKey, SigningKey},
};
use rustls_pki_types::CertificateDer;

use crate::clock::Clock;

/// Why a credential cannot be used for TLS.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    /// rustls refused it.
    #[error("this credential cannot be used for TLS: {0}")]
    Unusable(#[from] rustls::Error),
}

#[derive(Debug)]
struct Always(Arc<CertifiedKey>);

impl ResolvesClientCert for Always {
    fn resolve(&self, _: &[&[u8]], _: &[rustls::SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
    fn has_certs(&self) -> bool {
        true
    }
}

/// TLS 1.3 with this credential and no resumption, trusting `anchors` alone.
pub(crate) fn client_config(
    key: Arc<dyn SigningKey>,
    chain: Vec<CertificateDer<'static>>,
    anchors: Vec<CertificateDer<'static>>,
    clock: Arc<Clock>,
) -> Result<Arc<ClientConfig>, TlsError> {
    let certified = CertifiedKey::new(chain, key);
    certified.keys_match()?;
    let mut roots = RootCertStore::empty();
    for anchor in anchors {
        roots.add(anchor)?;
    }
    let builder = ClientConfig::builder_with_details(Arc::new(provider()), clock);
    let mut config = builder
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_client_cert_resolver(Arc::new(Always(Arc::new(certified))));
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// The suite of SHA-256 first: handshakes hash a lot, which processors do for SHA-256 and do not for
/// SHA-384, and its AES-128 is what every TLS 1.3 speaks (RFC 8446 §9.1). Paths that verified before
/// are known again.
fn provider() -> CryptoProvider {
    let mut provider = aws_lc_rs::default_provider();
    let is_preferred = |suite| suite == CipherSuite::TLS13_AES_128_GCM_SHA256;
    provider.cipher_suites.sort_by_key(|suite| !is_preferred(suite.suite()));
    provider.signature_verification_algorithms.all = PATH_ALGORITHMS;
    provider
}

/// The validity of the certificate that a server proved itself with.
pub(crate) fn witness(server: &[CertificateDer<'_>]) -> Validity {
    let nothing = Validity { not_before: Timestamp::MAX, not_after: Timestamp::EPOCH };
    server.first().and_then(|leaf| facts(leaf).ok()).map_or(nothing, |facts| facts.validity)
}
