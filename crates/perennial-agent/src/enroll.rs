//! The first credential: brought along, or a key made here and its certificate brought later.

use std::{
    fs,
    path::{Path, PathBuf},
};

use perennial_core::ids::ClientId;
use perennial_pki::{LoadKeyError, PemError, SigningKey, certificates_from_pem, facts};
use rustls_pki_types::CertificateDer;

use crate::{
    credential::{ANCHORS, CERTIFICATE},
    disk::{Disk, DiskError},
    document::Document,
    folder::{FIRST, Folder, FolderError},
    keystore::{FileKeyStore, KEY, KeyError, KeyStore as _},
};

/// A credential to start with.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The private key's PEM file.
    pub key: PathBuf,
    /// The certificate in PEM, with its chain behind it.
    pub certificate_pem: String,
    /// What the device trusts, in PEM.
    pub anchors_pem: String,
}

/// Why a device was not enrolled.
#[derive(Debug, thiserror::Error)]
pub enum EnrollError {
    /// It was before.
    #[error("{} holds a device already; move the folder away to enroll another", .0.display())]
    AlreadyEnrolled(PathBuf),
    /// The folder cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The key file cannot be read.
    #[error(transparent)]
    Load(#[from] LoadKeyError),
    /// A file is not certificates in PEM.
    #[error("the {what} cannot be used: {source}")]
    Pem {
        /// Certificate or anchors.
        what: &'static str,
        /// What is wrong.
        source: PemError,
    },
    /// The certificate cannot be read, or is another key's.
    #[error("the certificate does not go with the key in {}", .0.display())]
    NotItsKey(PathBuf),
}

impl From<DiskError> for EnrollError {
    fn from(error: DiskError) -> Self {
        Self::Folder(error.into())
    }
}

/// Puts a credential in place as the device's first one.
///
/// # Errors
/// [`EnrollError`]; a device that is enrolled already stays as it is.
pub fn install(client_id: &ClientId, identity: &Identity, data: &Path) -> Result<(), EnrollError> {
    let folder = fresh(data)?;
    let _lock = folder.lock()?;
    let target = folder.credential(FIRST).join(KEY);
    let key = SigningKey::load(&identity.key)?;
    folder.disk.make_folder(&folder.credential(FIRST))?;
    if target != identity.key && target.exists() {
        fs::remove_file(&target).map_err(DiskError::io("replace", &target))?;
    }
    if !target.exists() {
        key.write_new(&target).map_err(KeyError::from)?;
    }
    finish(&folder, client_id, &identity.certificate_pem, &identity.anchors_pem)
}

/// Makes the first key and returns its CSR in PEM; asked again, the same one.
///
/// # Errors
/// [`EnrollError`] when the device is enrolled already, or the key cannot be stored.
pub fn request(client_id: &ClientId, data: &Path) -> Result<String, EnrollError> {
    let folder = fresh(data)?;
    let _lock = folder.lock()?;
    let keys = FileKeyStore::new(folder);
    keys.ensure_key(FIRST, None)?;
    Ok(keys.csr(FIRST, client_id.as_str())?)
}

/// Adds the certificate to the key that [`request`] made.
///
/// # Errors
/// [`EnrollError`] when there is no such key, or the certificate is another key's.
pub fn complete(
    client_id: &ClientId,
    certificate_pem: &str,
    anchors_pem: &str,
    data: &Path,
) -> Result<(), EnrollError> {
    let folder = fresh(data)?;
    let _lock = folder.lock()?;
    finish(&folder, client_id, certificate_pem, anchors_pem)
}

fn fresh(data: &Path) -> Result<Folder, EnrollError> {
    let folder = Folder::new(data, Disk::default());
    if folder.document_path().exists() {
        return Err(EnrollError::AlreadyEnrolled(data.to_owned()));
    }
    folder.make()?;
    Ok(folder)
}

fn finish(
    folder: &Folder,
    client_id: &ClientId,
    certificate_pem: &str,
    anchors_pem: &str,
) -> Result<(), EnrollError> {
    let certificates = read("certificate", certificate_pem)?;
    read("trust anchors", anchors_pem)?;
    let path = folder.credential(FIRST).join(KEY);
    let key = SigningKey::load(&path)?;
    let leaf = certificates.first().and_then(|leaf| facts(leaf).ok());
    if leaf.is_none_or(|leaf| leaf.spki_digest != key.public_key().digest()) {
        return Err(EnrollError::NotItsKey(path));
    }
    let certificates: String =
        certificates.iter().map(|der| perennial_pki::pem_of_certificate(der)).collect();
    let files = [(CERTIFICATE, certificates), (ANCHORS, anchors_pem.to_owned())];
    folder.write(FIRST, &files.each_ref().map(|(name, text)| (*name, text.as_bytes())))?;
    Ok(folder.write_document(&Document::enrolled(client_id.clone(), FIRST))?)
}

fn read(what: &'static str, pem: &str) -> Result<Vec<CertificateDer<'static>>, EnrollError> {
    certificates_from_pem(pem).map_err(|source| EnrollError::Pem { what, source })
}
