//! The first credential: brought along, or a key made here and its certificate brought later.

use std::{
    fs,
    path::{Path, PathBuf},
};

use perennial_core::{
    ids::{ClientId, IdError, ThingName},
    time::Timestamp,
};
use perennial_pki::{
    CertificateProblem, LoadKeyError, PemError, PublicKey, SigningKey, certificates_from_pem,
    check_device_certificate, facts, pem_of_certificate,
};
use rustls_pki_types::CertificateDer;

use crate::{
    clock::Clock,
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
    /// Whose certificate it is.
    pub issued_by: IssuedBy,
}

/// Whose certificate a device begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IssuedBy {
    /// The server's: it names the device and leads to what the device trusts, as any that the
    /// server delivers.
    Server,
    /// A CA of the operator's own, which names devices as it likes and issued no server.
    OwnCa,
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
    /// The certificate is another key's.
    #[error("the certificate does not go with the key in {}", .0.display())]
    NotItsKey(PathBuf),
    /// There is no key yet.
    #[error("{} has no key to go with a certificate: run `perennial-agent enroll --csr` and have its CSR signed, or bring a key with --key", .0.display())]
    NoKey(PathBuf),
    /// The certificate is not one that the device could go on with.
    #[error("{problem}{}", hint(problem))]
    Certificate {
        /// Why not.
        problem: CertificateProblem,
    },
    /// No server can know the device by this name.
    #[error("client_id {client_id:?} cannot be the name of a thing: {why}")]
    Name {
        /// The client id.
        client_id: ClientId,
        /// What a name may be.
        why: IdError,
    },
}

fn hint(problem: &CertificateProblem) -> &'static str {
    match problem {
        CertificateProblem::WrongName { .. } => {
            "; bring this device's certificate, or correct client_id"
        }
        CertificateProblem::UntrustedChain { .. } => {
            "; --ca is the server's ca.pem, and the certificate comes with its chain. One of a CA of \
             your own is brought with --own-ca"
        }
        CertificateProblem::Malformed { .. }
        | CertificateProblem::KeyMismatch
        | CertificateProblem::NotYetValid { .. }
        | CertificateProblem::Expired { .. } => "",
    }
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
    let Identity { certificate_pem, anchors_pem, issued_by, .. } = identity;
    let brought = Brought::read(certificate_pem, anchors_pem)?;
    brought.check(client_id, (key.public_key(), &identity.key), *issued_by)?;
    folder.disk.make_folder(&folder.credential(FIRST))?;
    if target != identity.key && target.exists() {
        fs::remove_file(&target).map_err(DiskError::io("replace", &target))?;
    }
    if !target.exists() {
        key.write_new(&target).map_err(KeyError::from)?;
    }
    brought.keep(&folder, client_id)
}

/// Makes the first key and returns its CSR in PEM; asked again, the same one.
///
/// # Errors
/// [`EnrollError`] when the device is enrolled already, its name can be no thing's, or the key
/// cannot be stored.
pub fn request(client_id: &ClientId, data: &Path) -> Result<String, EnrollError> {
    thing_of(client_id)?;
    let folder = fresh(data)?;
    let _lock = folder.lock()?;
    let keys = FileKeyStore::new(folder);
    keys.ensure_key(FIRST, None)?;
    Ok(keys.csr(FIRST, client_id.as_str())?)
}

/// Adds the certificate to the key that [`request`] made.
///
/// # Errors
/// [`EnrollError`] when there is no such key, or the certificate is not one to go on with.
pub fn complete(
    client_id: &ClientId,
    certificate_pem: &str,
    anchors_pem: &str,
    issued_by: IssuedBy,
    data: &Path,
) -> Result<(), EnrollError> {
    let folder = fresh(data)?;
    let _lock = folder.lock()?;
    let path = folder.credential(FIRST).join(KEY);
    if !path.exists() {
        return Err(EnrollError::NoKey(data.to_owned()));
    }
    let key = SigningKey::load(&path)?;
    let brought = Brought::read(certificate_pem, anchors_pem)?;
    brought.check(client_id, (key.public_key(), &path), issued_by)?;
    brought.keep(&folder, client_id)
}

fn fresh(data: &Path) -> Result<Folder, EnrollError> {
    let folder = Folder::new(data, Disk::default());
    if folder.document_path().exists() {
        return Err(EnrollError::AlreadyEnrolled(data.to_owned()));
    }
    folder.make()?;
    Ok(folder)
}

fn thing_of(client_id: &ClientId) -> Result<ThingName, EnrollError> {
    ThingName::new(client_id.as_str())
        .map_err(|why| EnrollError::Name { client_id: client_id.clone(), why })
}

/// A certificate that was brought, with its chain, and what to trust.
struct Brought {
    leaf: CertificateDer<'static>,
    chain: Vec<CertificateDer<'static>>,
    anchors: Vec<CertificateDer<'static>>,
}

impl Brought {
    fn read(certificate_pem: &str, anchors_pem: &str) -> Result<Self, EnrollError> {
        let mut certificates = read("certificate", certificate_pem)?.into_iter();
        let anchors = read("trust anchors", anchors_pem)?;
        let none = PemError::NoBlock { wanted: "CERTIFICATE" };
        let none = EnrollError::Pem { what: "certificate", source: none };
        let leaf = certificates.next().ok_or(none)?;
        Ok(Self { leaf, chain: certificates.collect(), anchors })
    }

    /// Whether the device could go on with it. Its time is not looked at: a device goes on with
    /// one that has expired too, since the server may let it in to be rotated.
    fn check(
        &self,
        client_id: &ClientId,
        (key, path): (&PublicKey, &Path),
        issued_by: IssuedBy,
    ) -> Result<(), EnrollError> {
        let thing = thing_of(client_id)?;
        let malformed = |error: perennial_pki::CertificateFormatError| {
            let problem = CertificateProblem::Malformed { reason: error.to_string() };
            EnrollError::Certificate { problem }
        };
        let leaf = facts(&self.leaf).map_err(malformed)?;
        if leaf.spki_digest != key.digest() {
            return Err(EnrollError::NotItsKey(path.to_owned()));
        }
        if issued_by == IssuedBy::OwnCa {
            return Ok(());
        }
        let validity = leaf.validity;
        let now = Clock::new(Timestamp::EPOCH).now();
        let now = now.max(validity.not_before).min(validity.not_after);
        let (pem, chain) = (pem_of_certificate(&self.leaf), pem_of(&self.chain));
        let checked = check_device_certificate(&pem, &chain, &self.anchors, key, &thing, now);
        checked.map(|_| ()).map_err(|problem| EnrollError::Certificate { problem })
    }

    fn keep(&self, folder: &Folder, client_id: &ClientId) -> Result<(), EnrollError> {
        let certificates = pem_of_certificate(&self.leaf) + &pem_of(&self.chain);
        let anchors = pem_of(&self.anchors);
        let files = [(CERTIFICATE, certificates.as_bytes()), (ANCHORS, anchors.as_bytes())];
        folder.write(FIRST, &files)?;
        Ok(folder.write_document(&Document::enrolled(client_id.clone(), FIRST))?)
    }
}

fn pem_of(certificates: &[CertificateDer<'_>]) -> String {
    certificates.iter().map(|der| pem_of_certificate(der)).collect()
}

fn read(what: &'static str, pem: &str) -> Result<Vec<CertificateDer<'static>>, EnrollError> {
    certificates_from_pem(pem).map_err(|source| EnrollError::Pem { what, source })
}
