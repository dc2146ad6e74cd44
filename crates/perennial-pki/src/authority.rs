//! The built-in authority: a root and an issuing CA, made at first start, kept as four files.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use aws_lc_rs::rand::SecureRandom;
use perennial_core::{
    certificate::Validity,
    time::{Timestamp, days},
};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyUsagePurpose,
};
use rustls_pki_types::CertificateDer;

use crate::{
    CertificateFormatError, IssueError, LoadKeyError, PemError, PublicKey, Serial, SerialError,
    SignError, SigningKey, WriteNewError,
    certificate::{self, CaFacts},
    certificates_from_pem, file,
    issue::date,
    pem_of_certificate,
    profile::{self, whole_seconds},
};

const ROOT_KEY: &str = "root.key";
const ROOT: &str = "root.pem";
const ISSUING_KEY: &str = "issuing.key";
const ISSUING: &str = "issuing.pem";

/// A root certificate and the issuing CA below it, ready to sign.
pub struct Authority {
    root: CertificateDer<'static>,
    issuing: CertificateDer<'static>,
    issuing_validity: Validity,
    issuer: Issuer<'static, SigningKey>,
}

/// How long the authority's own certificates last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// The root's.
    pub root_for: Duration,
    /// The issuing CA's; cut short where the root ends.
    pub issuing_for: Duration,
}

impl Default for Lifetimes {
    /// 20 years and 10 years.
    fn default() -> Self {
        Self { root_for: days(20 * 365), issuing_for: days(10 * 365) }
    }
}

/// Why there is no authority.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// The folder or a file in it cannot be used.
    #[error("the authority's {path} cannot be used: {source}")]
    Io {
        /// The folder or file.
        path: PathBuf,
        /// What the file system said.
        source: io::Error,
    },
    /// Files are there that do not make an authority, and making the others would replace it.
    #[error(
        "the authority in {folder} is incomplete: {present} without {missing}; bring the missing \
         file back, or move the folder away to begin with another authority"
    )]
    Incomplete {
        /// The folder.
        folder: PathBuf,
        /// A file that is there.
        present: &'static str,
        /// The file that it needs.
        missing: &'static str,
    },
    /// A file could not be written.
    #[error(transparent)]
    Write(#[from] WriteNewError),
    /// A key could not be read.
    #[error(transparent)]
    Key(#[from] LoadKeyError),
    /// A certificate file is not PEM.
    #[error("{path}: {source}; bring it back from a backup")]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: PemError,
    },
    /// A certificate is none, or not one of an authority.
    #[error("{path}: {source}; bring it back from a backup")]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: CertificateFormatError,
    },
    /// A certificate has another key than the key file.
    #[error(
        "{path} is not the certificate of the key beside it: bring back from a backup the two that \
         go together"
    )]
    NotItsKey {
        /// The certificate's file.
        path: PathBuf,
    },
    /// The issuing certificate is not the root's.
    #[error(
        "{path} was not signed by the root beside it: bring back from a backup the two that go \
         together"
    )]
    NotItsRoot {
        /// The certificate's file.
        path: PathBuf,
    },
    /// A certificate could not be made.
    #[error("the authority's certificate could not be made: {0}")]
    Issue(#[from] IssueError),
    /// A key could not be made.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// There was no serial number.
    #[error(transparent)]
    Serial(#[from] SerialError),
}

impl Authority {
    /// Opens the authority in `folder`, or makes it, with the usual [`Lifetimes`].
    ///
    /// # Errors
    /// As [`Self::open_or_create_for`].
    pub fn open_or_create(
        folder: &Path,
        now: Timestamp,
        random: &dyn SecureRandom,
    ) -> Result<Self, AuthorityError> {
        Self::open_or_create_for(&Lifetimes::default(), folder, now, random)
    }

    /// Opens the authority in `folder`, or makes it.
    ///
    /// The files are `root.key`, `root.pem`, `issuing.key` and `issuing.pem`, made in this order,
    /// each durable before the next. A crash leaves the first few, from which the next start goes
    /// on. `root.key` is needed only to make `issuing.pem`: it may then be kept elsewhere.
    ///
    /// # Errors
    /// [`AuthorityError::Incomplete`] when files are missing that cannot be made without
    /// replacing others; no file is ever overwritten. The other variants say what cannot be read
    /// or written, or does not fit together.
    pub fn open_or_create_for(
        lifetimes: &Lifetimes,
        folder: &Path,
        now: Timestamp,
        random: &dyn SecureRandom,
    ) -> Result<Self, AuthorityError> {
        let files = Files::in_folder(folder)?;
        files.check()?;
        files.remove_leftovers()?;
        if !files.has(ISSUING)? {
            files.make(lifetimes, now, random)?;
        }
        files.open()
    }

    /// The root certificate.
    pub fn root(&self) -> &CertificateDer<'static> {
        &self.root
    }

    /// The issuing CA's certificate: what to send after a leaf, and what a broker may trust
    /// directly.
    pub fn issuing(&self) -> &CertificateDer<'static> {
        &self.issuing
    }

    /// The root certificate in PEM: the anchor that devices trust.
    pub fn root_pem(&self) -> String {
        pem_of_certificate(&self.root)
    }

    /// The issuing CA's certificate in PEM: the chain that goes with a leaf.
    pub fn chain_pem(&self) -> String {
        pem_of_certificate(&self.issuing)
    }

    /// When the issuing CA's certificate may be used.
    pub fn issuing_validity(&self) -> Validity {
        self.issuing_validity
    }

    pub(crate) fn issuer(&self) -> &Issuer<'static, SigningKey> {
        &self.issuer
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Authority({:?})", self.issuer.key())
    }
}

/// The folder and what is in it.
struct Files {
    folder: PathBuf,
}

impl Files {
    fn in_folder(folder: &Path) -> Result<Self, AuthorityError> {
        use std::os::unix::fs::DirBuilderExt as _;
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|source| AuthorityError::Io { path: folder.to_owned(), source })?;
        Ok(Self { folder: folder.to_owned() })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn has(&self, name: &str) -> Result<bool, AuthorityError> {
        let path = self.path(name);
        path.try_exists().map_err(|source| AuthorityError::Io { path, source })
    }

    /// Refuses what no crash of ours leaves behind: a file without one that came before it.
    fn check(&self) -> Result<(), AuthorityError> {
        // Once issuing.pem is there, root.key is no longer needed.
        let needed: &[_] = if self.has(ISSUING)? {
            &[(ISSUING, ISSUING_KEY), (ISSUING, ROOT)]
        } else {
            &[(ISSUING_KEY, ROOT), (ISSUING_KEY, ROOT_KEY), (ROOT, ROOT_KEY)]
        };
        for &(present, missing) in needed {
            if self.has(present)? && !self.has(missing)? {
                let folder = self.folder.clone();
                return Err(AuthorityError::Incomplete { folder, present, missing });
            }
        }
        Ok(())
    }

    fn remove_leftovers(&self) -> Result<(), AuthorityError> {
        for path in [ROOT_KEY, ROOT, ISSUING_KEY, ISSUING].map(|name| self.path(name)) {
            if let Err(source) = file::remove_leftover(&path) {
                return Err(AuthorityError::Io { path, source });
            }
        }
        Ok(())
    }

    /// Makes what is missing, in the order that [`Self::check`] relies upon.
    fn make(
        &self,
        lifetimes: &Lifetimes,
        now: Timestamp,
        random: &dyn SecureRandom,
    ) -> Result<(), AuthorityError> {
        let root_key = self.key_or_new(ROOT_KEY)?;
        let now = whole_seconds(now);
        if !self.has(ROOT)? {
            let not_after = whole_seconds(now + lifetimes.root_for);
            let validity = Validity { not_before: now, not_after };
            self.make_root(&root_key, validity, Serial::draw(random)?)?;
        }
        let (root, facts) = self.ca(ROOT)?;
        if facts.key != *root_key.public_key() {
            return Err(AuthorityError::NotItsKey { path: self.path(ROOT) });
        }
        let issuer = issuer(&root, root_key)?;
        let validity =
            profile::validity(lifetimes.issuing_for, Duration::ZERO, facts.validity, now)?;
        self.make_issuing(&issuer, validity, Serial::draw(random)?)
    }

    fn make_root(
        &self,
        key: &SigningKey,
        validity: Validity,
        serial: Serial,
    ) -> Result<(), AuthorityError> {
        let params = ca_params("Perennial Root CA", 1, key.public_key(), validity, serial)?;
        let certificate = params.self_signed(key).map_err(unsigned)?;
        self.write(ROOT, certificate.der())
    }

    fn make_issuing(
        &self,
        root: &Issuer<'static, SigningKey>,
        validity: Validity,
        serial: Serial,
    ) -> Result<(), AuthorityError> {
        let key = self.key_or_new(ISSUING_KEY)?;
        let params = ca_params("Perennial Issuing CA", 0, key.public_key(), validity, serial)?;
        let certificate = params.signed_by(&key, root).map_err(unsigned)?;
        self.write(ISSUING, certificate.der())
    }

    fn key_or_new(&self, name: &str) -> Result<SigningKey, AuthorityError> {
        let path = self.path(name);
        if self.has(name)? {
            return Ok(SigningKey::load(&path)?);
        }
        let key = SigningKey::generate_p256()?;
        key.write_new(&path)?;
        Ok(key)
    }

    fn write(&self, name: &str, certificate: &[u8]) -> Result<(), AuthorityError> {
        let pem = pem_of_certificate(certificate);
        Ok(file::write_new(&self.path(name), pem.as_bytes(), 0o644)?)
    }

    fn open(&self) -> Result<Authority, AuthorityError> {
        let (root, _) = self.ca(ROOT)?;
        let (issuing, facts) = self.ca(ISSUING)?;
        let key = SigningKey::load(&self.path(ISSUING_KEY))?;
        if facts.key != *key.public_key() {
            return Err(AuthorityError::NotItsKey { path: self.path(ISSUING) });
        }
        if !certificate::is_signed_by(&issuing, &root) {
            return Err(AuthorityError::NotItsRoot { path: self.path(ISSUING) });
        }
        let issuer = issuer(&issuing, key)?;
        Ok(Authority { root, issuing, issuing_validity: facts.validity, issuer })
    }

    /// One of the two certificates, which must be an authority's.
    fn ca(&self, name: &str) -> Result<(CertificateDer<'static>, CaFacts), AuthorityError> {
        let path = self.path(name);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(source) => return Err(AuthorityError::Io { path, source }),
        };
        let certificate = match certificates_from_pem(&text) {
            Ok(mut certificates) => certificates.swap_remove(0),
            Err(source) => return Err(AuthorityError::Pem { path, source }),
        };
        match certificate::ca_facts(&certificate) {
            Ok(facts) => Ok((certificate, facts)),
            Err(source) => Err(AuthorityError::Certificate { path, source }),
        }
    }
}

/// What an authority's certificate has (RFC 5280 §4.2.1.3, §4.2.1.9).
///
/// The name ends in eight digits of the key, so that two installations' authorities differ.
fn ca_params(
    name: &str,
    path_len: u8,
    key: &PublicKey,
    validity: Validity,
    serial: Serial,
) -> Result<CertificateParams, IssueError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    let digits: String = key.digest().to_string().chars().take(8).collect();
    params.distinguished_name.push(DnType::CommonName, format!("{name} {digits}"));
    params.serial_number = Some(serial.as_bytes().to_vec().into());
    params.not_before = date(validity.not_before)?;
    params.not_after = date(validity.not_after)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(path_len));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn issuer(
    certificate: &CertificateDer<'_>,
    key: SigningKey,
) -> Result<Issuer<'static, SigningKey>, AuthorityError> {
    Issuer::from_ca_cert_der(certificate, key).map_err(|error| unsigned(error).into())
}

fn unsigned(error: rcgen::Error) -> IssueError {
    IssueError::Signer { reason: error.to_string() }
}
