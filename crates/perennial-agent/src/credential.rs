//! A generation's certificate, chain and trust anchors as they lie beside its key.

use perennial_core::device::Generation;
use perennial_pki::{PemError, certificates_from_pem};
use rustls_pki_types::CertificateDer;

use crate::{disk::DiskError, folder::Folder};

pub(crate) const CERTIFICATE: &str = "certificate.pem";
pub(crate) const CHAIN: &str = "chain.pem";
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
    let mut certificates = required(folder, generation, CERTIFICATE)?;
    certificates.extend(optional(folder, generation, CHAIN)?);
    Ok(certificates)
}

/// What the generation trusts.
pub(crate) fn anchors(
    folder: &Folder,
    generation: Generation,
) -> Result<Vec<CertificateDer<'static>>, CredentialError> {
    required(folder, generation, ANCHORS)
}

fn required(
    folder: &Folder,
    generation: Generation,
    file: &'static str,
) -> Result<Vec<CertificateDer<'static>>, CredentialError> {
    let found = optional(folder, generation, file)?;
    if found.is_empty() { Err(CredentialError::Missing(generation.0, file)) } else { Ok(found) }
}

fn optional(
    folder: &Folder,
    generation: Generation,
    file: &'static str,
) -> Result<Vec<CertificateDer<'static>>, CredentialError> {
    let text = folder.read(generation, file)?.unwrap_or_default();
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let generation = generation.0;
    certificates_from_pem(&text).map_err(|source| CredentialError::Pem { generation, file, source })
}
