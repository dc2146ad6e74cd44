//! Private keys as PEM files: PKCS#8, SEC1 (`EC PRIVATE KEY`) and PKCS#1 (`RSA PRIVATE KEY`).

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use aws_lc_rs::{
    rsa::KeyPair as RsaKeyPair,
    signature::{self, EcdsaKeyPair},
};
use zeroize::Zeroizing;

use crate::{
    PemError, SigningKey, WriteNewError,
    key::Pair,
    pem::{self, Block},
};

/// Why a key file gives no key.
#[derive(Debug, thiserror::Error)]
pub enum LoadKeyError {
    /// The file cannot be read.
    #[error("the key file {path} cannot be read: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the file system said.
        source: io::Error,
    },
    /// The file is not PEM.
    #[error("the key file {path} is not PEM: {source}")]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: PemError,
    },
    /// There is no private key in it, or one with a passphrase.
    #[error(
        "the key file {path} holds no private key in the clear; convert it with \
         `openssl pkcs8 -topk8 -nocrypt`"
    )]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// The key is of no accepted kind.
    #[error(
        "the key in {path} is neither EC on P-256, P-384 or P-521 nor RSA of 2048 to 8192 bits"
    )]
    Unsupported {
        /// The file.
        path: PathBuf,
    },
}

pub(crate) fn load(path: &Path) -> Result<SigningKey, LoadKeyError> {
    let read = fs::read(path).map(Zeroizing::new);
    let octets = read.map_err(|source| LoadKeyError::Read { path: path.to_owned(), source })?;
    self::read(&octets, path)
}

/// The key in what a file holds; `path` is for the error.
pub(crate) fn read(octets: &[u8], path: &Path) -> Result<SigningKey, LoadKeyError> {
    let text = str::from_utf8(octets).unwrap_or_default();
    let blocks =
        pem::blocks(text).map_err(|source| LoadKeyError::Pem { path: path.to_owned(), source })?;
    // `openssl ecparam -genkey` writes EC PARAMETERS before the key.
    let key = blocks.iter().find(|block| is_private_key(block));
    let key = key.ok_or_else(|| LoadKeyError::NoKey { path: path.to_owned() })?;
    let pair = ec(&key.contents).or_else(|| rsa(&key.contents));
    let loaded = pair.and_then(SigningKey::from_pair);
    loaded.ok_or_else(|| LoadKeyError::Unsupported { path: path.to_owned() })
}

fn is_private_key(block: &Block<'_>) -> bool {
    matches!(block.label, "PRIVATE KEY" | "EC PRIVATE KEY" | "RSA PRIVATE KEY")
}

fn ec(der: &[u8]) -> Option<Pair> {
    let curves = [
        &signature::ECDSA_P256_SHA256_ASN1_SIGNING,
        &signature::ECDSA_P384_SHA384_ASN1_SIGNING,
        &signature::ECDSA_P521_SHA512_ASN1_SIGNING,
    ];
    let found = curves.iter().find_map(|curve| EcdsaKeyPair::from_private_key_der(curve, der).ok());
    found.map(Pair::Ec)
}

fn rsa(der: &[u8]) -> Option<Pair> {
    RsaKeyPair::from_pkcs8(der).or_else(|_| RsaKeyPair::from_der(der)).ok().map(Pair::Rsa)
}

/// The key as PKCS#8 PEM, in a buffer that wipes itself.
pub(crate) fn encode(pair: &Pair, path: &Path) -> Result<Zeroizing<String>, WriteNewError> {
    let octets = pair.to_pkcs8().ok_or_else(|| WriteNewError::Io {
        path: path.to_owned(),
        source: io::Error::other("the cryptographic provider could not write the key out"),
    })?;
    Ok(pem::encode("PRIVATE KEY", octets.as_ref()))
}
