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
        add(&mut roots, path).map_err(|reason| TrustError { path: path.to_owned(), reason })?;
    }
    Ok(roots)
}

fn add(roots: &mut RootCertStore, path: &Path) -> Result<(), String> {
    let before = roots.len();
    let read = CertificateDer::pem_file_iter(path).map_err(|error| error.to_string())?;
    for anchor in read {
        roots.add(anchor.map_err(|error| error.to_string())?).map_err(|error| error.to_string())?;
    }
    if roots.len() == before { Err("there is none".to_owned()) } else { Ok(()) }
}
