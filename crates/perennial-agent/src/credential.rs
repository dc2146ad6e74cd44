//! A generation's certificate with its chain, and its trust anchors, as they lie beside its key.

use perennial_core::device::Generation;
use perennial_pki::{PemError, certificates_from_pem};
use rustls_pki_types::CertificateDer;

use crate::{disk::DiskError, folder::Folder};

/// The leaf followed by its chain, as other programs on the device want it.
pub(crate) const CERTIFICATE: &str = "certificate.pem";
pub(crate) const ANCHORS: &str = "anchors.pem";

/// Why a generation's certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// A file cannot be read.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A file is missing.
    #[error("credential {0} has no {1}: enroll the device again")]
    Missing(u64, &'static str),
    /// A file is not certificates in PEM.
    #[error("credential {generation}'s {file} is damaged: {source}")]
    Pem {
        /// Which generation.
        generation: u64,
        /// Which file.
        file: &'static str,
        /// What is wrong.
        source: PemError,
    },
}

/// The leaf followed by its chain.
pub(crate) fn chain(
    folder: &Folder,
    generation: Generation,
) -> Result<Vec<CertificateDer<'static>>, CredentialError> {
    certificates(folder, generation, CERTIFICATE)
}

/// What the generation trusts.
pub(crate) fn anchors(
    folder: &Folder,
    generation: Generation,
) -> Result<Vec<CertificateDer<'static>>, CredentialError> {
    certificates(folder, generation, ANCHORS)
}

fn certificates(
    folder: &Folder,
    generation: Generation,
    file: &'static str,
) -> Result<Vec<CertificateDer<'static>>, CredentialError> {
    let text = folder.read(generation, file)?.unwrap_or_default();
    if text.trim().is_empty() {
        return Err(CredentialError::Missing(generation.0, file));
    }
    let generation = generation.0;
    certificates_from_pem(&text).map_err(|source| CredentialError::Pem { generation, file, source })
}
