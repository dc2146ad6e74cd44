//! Private keys: they sign and show their public key, never their octets.

use std::{fmt, path::Path, sync::Arc};

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der},
    rand::SystemRandom,
    rsa::{KeyPair as RsaKeyPair, KeySize},
    signature::{self, EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair as _},
};
use rcgen::{CertificateParams, DistinguishedName, DnType, PublicKeyData, SignatureAlgorithm};

use crate::{
    CsrDer, KeyAlgorithm, PublicKey, WriteNewError, file,
    key_file::{self, LoadKeyError},
};

/// A private key on a curve or of RSA. Cloning shares it.
///
/// Signatures are ECDSA in ASN.1 with the curve's own hash (P-256 SHA-256, P-384 SHA-384,
/// P-521 SHA-512) or RSA PKCS#1 v1.5 with SHA-256.
#[derive(Clone)]
pub struct SigningKey {
    pub(crate) pair: Arc<Pair>,
    public: PublicKey,
}

/// The provider's key pair.
pub(crate) enum Pair {
    Ec(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

/// The provider could not use or make a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cryptographic provider failed while it {doing}")]
pub struct SignError {
    /// What it was doing.
    pub(crate) doing: &'static str,
}

impl SigningKey {
    /// A fresh key on P-256.
    ///
    /// # Errors
    /// [`SignError`] when the random source or the provider fails.
    pub fn generate_p256() -> Result<Self, SignError> {
        Self::generate(&signature::ECDSA_P256_SHA256_ASN1_SIGNING)
    }

    /// A fresh key on P-384.
    ///
    /// # Errors
    /// [`SignError`] when the random source or the provider fails.
    pub fn generate_p384() -> Result<Self, SignError> {
        Self::generate(&signature::ECDSA_P384_SHA384_ASN1_SIGNING)
    }

    /// A fresh RSA key of 2048 bits, for signatures whose readers know nothing else. Takes a
    /// processor for a tenth of a second or so.
    ///
    /// # Errors
    /// [`SignError`] when the provider fails.
    pub fn generate_rsa() -> Result<Self, SignError> {
        let failed = SignError { doing: "made a key" };
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| failed)?;
        Self::from_pair(Pair::Rsa(pair)).ok_or(failed)
    }

    fn generate(curve: &'static EcdsaSigningAlgorithm) -> Result<Self, SignError> {
        let failed = SignError { doing: "made a key" };
        let pair = EcdsaKeyPair::generate(curve).map_err(|_| failed)?;
        Self::from_pair(Pair::Ec(pair)).ok_or(failed)
    }

    /// Reads a key from a PEM file: PKCS#8, or as `openssl` writes them, SEC1 and PKCS#1.
    ///
    /// # Errors
    /// [`LoadKeyError`] when the file cannot be read or holds no key of an accepted kind.
    pub fn load(path: &Path) -> Result<Self, LoadKeyError> {
        key_file::load(path)
    }

    /// Writes the key to the new file `path` as PKCS#8 PEM, mode 0600, durable when this returns.
    ///
    /// # Errors
    /// [`WriteNewError::Exists`] rather than overwriting a file, [`WriteNewError::Io`] when the
    /// file system refuses.
    pub fn write_new(&self, path: &Path) -> Result<(), WriteNewError> {
        file::write_new(path, key_file::encode(&self.pair, path)?.as_bytes(), 0o600)
    }

    /// The public half.
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// Its kind and size.
    pub fn key_algorithm(&self) -> KeyAlgorithm {
        self.public.algorithm()
    }

    /// Signs `message`.
    ///
    /// # Errors
    /// [`SignError`] when the provider fails.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        match &*self.pair {
            Pair::Ec(pair) => sign_ec(pair, message),
            Pair::Rsa(pair) => sign_rsa(pair, &signature::RSA_PKCS1_SHA256, message),
        }
    }

    /// A CSR for this key that names `common_name` and asks for nothing else.
    ///
    /// # Errors
    /// [`SignError`] when the provider fails.
    pub fn certificate_request(&self, common_name: &str) -> Result<CsrDer, SignError> {
        let failed = SignError { doing: "signed a CSR" };
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, common_name);
        let csr = params.serialize_request(self).map_err(|_| failed)?;
        CsrDer::from_der(csr.der().to_vec()).map_err(|_| failed)
    }

    /// The key of a provider's pair; `None` when it is of no accepted kind.
    pub(crate) fn from_pair(pair: Pair) -> Option<Self> {
        let spki: PublicKeyX509Der<'_> = match &pair {
            Pair::Ec(pair) => pair.public_key().as_der(),
            Pair::Rsa(pair) => pair.public_key().as_der(),
        }
        .ok()?;
        let public = PublicKey::from_spki(spki.as_ref()).ok()?;
        Some(Self { pair: Arc::new(pair), public })
    }
}

impl Pair {
    /// The key as PKCS#8, in a buffer that wipes itself.
    pub(crate) fn to_pkcs8(&self) -> Option<Pkcs8Octets> {
        match self {
            Self::Ec(pair) => pair.to_pkcs8v1().ok().map(Pkcs8Octets::Ec),
            Self::Rsa(pair) => pair.as_der().ok().map(Pkcs8Octets::Rsa),
        }
    }
}

/// PKCS#8 octets; both kinds wipe themselves when dropped.
pub(crate) enum Pkcs8Octets {
    Ec(aws_lc_rs::pkcs8::Document),
    Rsa(Pkcs8V1Der<'static>),
}

impl AsRef<[u8]> for Pkcs8Octets {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Ec(octets) => octets.as_ref(),
            Self::Rsa(octets) => octets.as_ref(),
        }
    }
}

pub(crate) fn sign_ec(pair: &EcdsaKeyPair, message: &[u8]) -> Result<Vec<u8>, SignError> {
    let signed = pair.sign(&SystemRandom::new(), message);
    signed.map(|octets| octets.as_ref().to_vec()).map_err(|_| SignError { doing: "signed" })
}

pub(crate) fn sign_rsa(
    pair: &RsaKeyPair,
    encoding: &'static dyn signature::RsaEncoding,
    message: &[u8],
) -> Result<Vec<u8>, SignError> {
    let mut octets = vec![0; pair.public_modulus_len()];
    let signed = pair.sign(encoding, &SystemRandom::new(), message, &mut octets);
    signed.map(|()| octets).map_err(|_| SignError { doing: "signed" })
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.key_algorithm())
    }
}

impl PublicKeyData for PublicKey {
    fn subject_public_key_info(&self) -> Vec<u8> {
        self.spki().to_vec()
    }

    fn der_bytes(&self) -> &[u8] {
        self.key_bits()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        match self.algorithm() {
            KeyAlgorithm::EcP256 => &rcgen::PKCS_ECDSA_P256_SHA256,
            KeyAlgorithm::EcP384 => &rcgen::PKCS_ECDSA_P384_SHA384,
            KeyAlgorithm::EcP521 => &rcgen::PKCS_ECDSA_P521_SHA512,
            KeyAlgorithm::Rsa { .. } => &rcgen::PKCS_RSA_SHA256,
        }
    }
}

impl PublicKeyData for SigningKey {
    fn subject_public_key_info(&self) -> Vec<u8> {
        self.public.spki().to_vec()
    }

    fn der_bytes(&self) -> &[u8] {
        self.public.key_bits()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        PublicKeyData::algorithm(&self.public)
    }
}

impl rcgen::SigningKey for SigningKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Self::sign(self, message).map_err(|_| rcgen::Error::RemoteKeyError)
    }
}
