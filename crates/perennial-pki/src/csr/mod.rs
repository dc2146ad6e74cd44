//! Certificate signing requests (PKCS#10, RFC 2986): [`CsrDer`] is bytes, [`VerifiedCsr`] is proof.

mod fields;
mod request;

use perennial_core::{
    ids::{Digest, ThingName},
    message::{MAX_CSR_LEN, RefusalCode},
};

use crate::{
    PemError, PublicKeyError,
    der::NotDer,
    pem,
    public_key::{KeyAlgorithm, PublicKey},
    sha256,
};
use fields::Fields;

const LABEL: &str = "CERTIFICATE REQUEST";

/// A CSR's octets, of which nothing has been checked but their number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsrDer(Vec<u8>);

/// What a CSR may say.
#[derive(Debug, Clone, Copy, Default)]
pub struct Expectation<'a> {
    /// The thing whose CSR it must be; `None` when any name will do. A CSR that names nobody is
    /// accepted in either case, since the subject comes from the registry.
    pub common_name: Option<&'a str>,
}

/// A CSR that is well-formed, was signed by its own key, has a key of an accepted kind and asks
/// for nothing that a device may not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedCsr {
    public_key: PublicKey,
    thing: Option<ThingName>,
    digest: Digest,
}

/// Why a CSR is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CsrError {
    /// Longer than [`MAX_CSR_LEN`].
    #[error("the CSR is {len} bytes long; at most {MAX_CSR_LEN} are accepted")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// Not PEM.
    #[error("the CSR is not PEM: {0}")]
    Pem(#[from] PemError),
    /// Not PKCS#10 in DER.
    #[error("the CSR is not PKCS#10 in DER: {at} is malformed, cut short or followed by more")]
    Malformed {
        /// The part that could not be read.
        at: &'static str,
    },
    /// The key is not accepted.
    #[error("the CSR's key is refused: {0}")]
    Key(#[from] PublicKeyError),
    /// The signature's algorithm does not go with the key.
    #[error(
        "the CSR is signed with an algorithm that is not accepted for {key}; use ECDSA with \
         SHA-256 or RSA PKCS#1 with SHA-256"
    )]
    SignatureAlgorithm {
        /// The CSR's key.
        key: KeyAlgorithm,
    },
    /// The signature is not the key's.
    #[error("the CSR's signature does not verify with the CSR's own key")]
    BadSignature,
    /// It asks for more than a device may have.
    #[error("the CSR asks for {what}, which a device may not have; leave it out")]
    ForbiddenRequest {
        /// What it asks for.
        what: &'static str,
    },
    /// It names somebody else.
    #[error("the CSR names {found:?}, not this device; name {expected:?} or nobody")]
    WrongSubject {
        /// The name it has, at most 128 characters of it.
        found: String,
        /// The name it should have.
        expected: String,
    },
}

impl CsrError {
    /// What the device is told, for a machine.
    pub fn refusal(&self) -> RefusalCode {
        match self {
            Self::TooLong { .. } | Self::Pem(_) | Self::Malformed { .. } => {
                RefusalCode::MalformedCsr
            }
            Self::Key(PublicKeyError::Malformed) => RefusalCode::MalformedCsr,
            Self::Key(PublicKeyError::Unsupported | PublicKeyError::RsaSize { .. }) => {
                RefusalCode::WeakKey
            }
            Self::SignatureAlgorithm { .. } | Self::BadSignature => RefusalCode::BadCsrSignature,
            Self::ForbiddenRequest { .. } => RefusalCode::ForbiddenRequest,
            Self::WrongSubject { .. } => RefusalCode::WrongSubject,
        }
    }
}

impl CsrDer {
    /// Takes the CSR out of its one PEM block, `CERTIFICATE REQUEST` or, as old tools write it,
    /// `NEW CERTIFICATE REQUEST`.
    ///
    /// # Errors
    /// [`CsrError::TooLong`] over [`MAX_CSR_LEN`] bytes of PEM, [`CsrError::Pem`] when it is none.
    pub fn from_pem(text: &str) -> Result<Self, CsrError> {
        if text.len() > MAX_CSR_LEN {
            return Err(CsrError::TooLong { len: text.len() });
        }
        let block = pem::only_block(text, &[LABEL, "NEW CERTIFICATE REQUEST"], LABEL)?;
        Ok(Self(block.contents.to_vec()))
    }

    /// Takes a CSR in DER.
    ///
    /// # Errors
    /// [`CsrError::TooLong`] over [`MAX_CSR_LEN`] bytes.
    pub fn from_der(der: Vec<u8>) -> Result<Self, CsrError> {
        if der.len() > MAX_CSR_LEN {
            Err(CsrError::TooLong { len: der.len() })
        } else {
            Ok(Self(der))
        }
    }

    /// The DER octets.
    pub fn as_der(&self) -> &[u8] {
        &self.0
    }

    /// SHA-256 of the DER octets.
    pub fn digest(&self) -> Digest {
        Digest::from_bytes(sha256(&self.0))
    }

    /// The CSR as one PEM block.
    pub fn to_pem(&self) -> String {
        pem::encode(LABEL, &self.0).to_string()
    }

    /// Checks everything that a CSR must be before anybody acts upon it.
    ///
    /// Requested extensions are read only to refuse those that ask for privileges; none is ever
    /// copied into a certificate.
    ///
    /// # Errors
    /// [`CsrError`] names the first rule that the CSR breaks.
    pub fn verify(self, expectation: &Expectation<'_>) -> Result<VerifiedCsr, CsrError> {
        let fields = Fields::read(&self.0)?;
        let public_key = PublicKey::from_spki(fields.spki)?;
        check_signature(&fields, &public_key)?;
        request::check(fields.attributes, expectation)?;
        check_subject(&fields, expectation)?;
        let thing = thing_named(&fields);
        Ok(VerifiedCsr { public_key, thing, digest: self.digest() })
    }
}

fn check_signature(fields: &Fields<'_>, key: &PublicKey) -> Result<(), CsrError> {
    let refused = CsrError::SignatureAlgorithm { key: key.algorithm() };
    let Some(hash) = fields.hash(key.algorithm()) else { return Err(refused) };
    match key.verifies(hash, fields.info, fields.signature) {
        Some(true) => Ok(()),
        Some(false) => Err(CsrError::BadSignature),
        None => Err(refused),
    }
}

fn check_subject(fields: &Fields<'_>, expectation: &Expectation<'_>) -> Result<(), CsrError> {
    let Some(expected) = expectation.common_name else { return Ok(()) };
    let names =
        fields.common_names().map_err(|NotDer| CsrError::Malformed { at: "the subject" })?;
    let foreign = names.into_iter().find(|name| !name.is_empty() && *name != expected.as_bytes());
    foreign.map_or(Ok(()), |name| Err(wrong_subject(name, expected)))
}

/// The one name of the subject, if it is one that a thing may have.
fn thing_named(fields: &Fields<'_>) -> Option<ThingName> {
    let names = fields.common_names().ok()?;
    let [name] = names[..] else { return None };
    ThingName::new(str::from_utf8(name).ok()?).ok()
}

fn wrong_subject(found: &[u8], expected: &str) -> CsrError {
    let found = String::from_utf8_lossy(found).chars().take(128).collect();
    CsrError::WrongSubject { found, expected: expected.to_owned() }
}

impl VerifiedCsr {
    /// The SubjectPublicKeyInfo in DER.
    pub fn public_key(&self) -> &[u8] {
        self.public_key.spki()
    }

    /// The key's kind and size.
    pub fn key_algorithm(&self) -> KeyAlgorithm {
        self.public_key.algorithm()
    }

    /// SHA-256 of the SubjectPublicKeyInfo.
    pub fn spki_digest(&self) -> Digest {
        self.public_key.digest()
    }

    /// SHA-256 of the CSR's DER.
    pub fn csr_digest(&self) -> Digest {
        self.digest
    }

    /// What the CSR's subject names, as far as it is a name that a thing may have. Its own word.
    pub(crate) fn thing(&self) -> Option<&ThingName> {
        self.thing.as_ref()
    }

    pub(crate) fn into_public_key(self) -> PublicKey {
        self.public_key
    }
}
