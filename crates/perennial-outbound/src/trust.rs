//! Whom we trust: the system's authorities, and those of one more file.

use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use tracing::warn;

/// Authorities that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error(
    "the trust anchors in {path} cannot be used: {reason}; it has to hold CA certificates in PEM"
)]
pub struct TrustError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
}

/// The system's authorities, and those in `extra`.
pub(crate) fn anchors(extra: Option<&Path>) -> Result<RootCertStore, TrustError> {
    let mut roots = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    for error in system.errors {
        warn!(%error, "an authority of the system cannot be read");
    }
    // Among a system's authorities there are odd ones; the rest is trusted nevertheless.
    let _ = roots.add_parsable_certificates(system.certs);
    if let Some(path) = extra {
        let failed = |reason: String| TrustError { path: path.to_owned(), reason };
        for anchor in self::extra(path)? {
            roots.add(anchor).map_err(|error| failed(error.to_string()))?;
        }
    }
    Ok(roots)
}

/// The authorities in a file.
pub(crate) fn extra(path: &Path) -> Result<Vec<CertificateDer<'static>>, TrustError> {
    let failed = |reason: String| TrustError { path: path.to_owned(), reason };
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let anchors = read.map_err(|error| failed(error.to_string()))?;
    if anchors.is_empty() { Err(failed("there is none".to_owned())) } else { Ok(anchors) }
}
