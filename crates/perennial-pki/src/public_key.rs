//! Public keys: which are accepted, and checking signatures with them.

use std::{fmt, ops::Range};

use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use perennial_core::ids::Digest;

use crate::{
    der::{self, NotDer, Reader},
    sha256,
};

/// The kind and size of a key that Perennial accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyAlgorithm {
    /// ECDSA on NIST P-256 (secp256r1).
    EcP256,
    /// ECDSA on NIST P-384 (secp384r1).
    EcP384,
    /// ECDSA on NIST P-521 (secp521r1).
    EcP521,
    /// RSA.
    Rsa {
        /// The modulus' size in bits, 2,048 to 8,192.
        bits: u16,
    },
}

impl fmt::Display for KeyAlgorithm {
    /// The protocol's names: `EC_P256`, `EC_P384`, `EC_P521`, `RSA_2048` and so on.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EcP256 => f.write_str("EC_P256"),
            Self::EcP384 => f.write_str("EC_P384"),
            Self::EcP521 => f.write_str("EC_P521"),
            Self::Rsa { bits } => write!(f, "RSA_{bits}"),
        }
    }
}

/// Why a public key is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublicKeyError {
    /// Not a SubjectPublicKeyInfo (RFC 5280 §4.1.2.7).
    #[error("the public key is not a well-formed SubjectPublicKeyInfo")]
    Malformed,
    /// A kind of key that is not accepted.
    #[error("the key is neither EC on P-256, P-384 or P-521 nor RSA; use P-256")]
    Unsupported,
    /// An RSA key of the wrong size.
    #[error("the RSA key has {bits} bits; 2048 to 8192 are accepted")]
    RsaSize {
        /// Its size in bits.
        bits: usize,
    },
}

impl From<NotDer> for PublicKeyError {
    fn from(_: NotDer) -> Self {
        Self::Malformed
    }
}

/// The hash under a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

/// A public key of an accepted kind.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    spki: Vec<u8>,
    key: Range<usize>,
    algorithm: KeyAlgorithm,
}

impl PublicKey {
    /// Reads a DER SubjectPublicKeyInfo; nothing may follow it.
    ///
    /// # Errors
    /// [`PublicKeyError`] says why the key is not accepted.
    pub fn from_spki(spki: &[u8]) -> Result<Self, PublicKeyError> {
        let mut fields = der::only(spki, der::SEQUENCE)?.inside();
        let kind = fields.expect(der::SEQUENCE)?.content;
        let key = fields.whole_octet_bits()?;
        fields.finish()?;
        let algorithm = algorithm(kind, key)?;
        Ok(Self { spki: spki.to_vec(), key: spki.len() - key.len()..spki.len(), algorithm })
    }

    /// The SubjectPublicKeyInfo in DER.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// SHA-256 of the SubjectPublicKeyInfo.
    pub fn digest(&self) -> Digest {
        Digest::from_bytes(sha256(&self.spki))
    }

    /// Its kind and size.
    pub fn algorithm(&self) -> KeyAlgorithm {
        self.algorithm
    }

    /// The hash this key signs with, when it is the signer's choice: the curve's own, and
    /// SHA-256 for RSA.
    pub(crate) fn natural_hash(&self) -> Hash {
        match self.algorithm {
            KeyAlgorithm::EcP256 | KeyAlgorithm::Rsa { .. } => Hash::Sha256,
            KeyAlgorithm::EcP384 => Hash::Sha384,
            KeyAlgorithm::EcP521 => Hash::Sha512,
        }
    }

    /// The content of the key's BIT STRING: an EC point or an RSAPublicKey.
    pub(crate) fn key_bits(&self) -> &[u8] {
        &self.spki[self.key.clone()]
    }

    /// Whether `signature` over `message` is this key's. ECDSA as ASN.1, RSA as PKCS#1 v1.5.
    ///
    /// `None` when the key does not go with that hash.
    pub(crate) fn verifies(&self, hash: Hash, message: &[u8], signature: &[u8]) -> Option<bool> {
        let algorithm = verification(self.algorithm, hash)?;
        let key = UnparsedPublicKey::new(algorithm, self.key_bits());
        Some(key.verify(message, signature).is_ok())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({} {})", self.algorithm, self.digest())
    }
}

/// The (key, hash) pairs that are accepted.
///
/// P-256 goes with SHA-256 only (rcgen #448: another pair makes a certificate with a broken key
/// there). The larger curves take SHA-256 too, since `openssl req` uses it for every key.
fn verification(key: KeyAlgorithm, hash: Hash) -> Option<&'static dyn VerificationAlgorithm> {
    Some(match (key, hash) {
        (KeyAlgorithm::EcP256, Hash::Sha256) => &signature::ECDSA_P256_SHA256_ASN1,
        (KeyAlgorithm::EcP384, Hash::Sha256) => &signature::ECDSA_P384_SHA256_ASN1,
        (KeyAlgorithm::EcP384, Hash::Sha384) => &signature::ECDSA_P384_SHA384_ASN1,
        (KeyAlgorithm::EcP521, Hash::Sha256) => &signature::ECDSA_P521_SHA256_ASN1,
        (KeyAlgorithm::EcP521, Hash::Sha384) => &signature::ECDSA_P521_SHA384_ASN1,
        (KeyAlgorithm::EcP521, Hash::Sha512) => &signature::ECDSA_P521_SHA512_ASN1,
        (KeyAlgorithm::Rsa { .. }, Hash::Sha256) => &signature::RSA_PKCS1_2048_8192_SHA256,
        (KeyAlgorithm::Rsa { .. }, Hash::Sha384) => &signature::RSA_PKCS1_2048_8192_SHA384,
        (KeyAlgorithm::Rsa { .. }, Hash::Sha512) => &signature::RSA_PKCS1_2048_8192_SHA512,
        (KeyAlgorithm::EcP256, Hash::Sha384 | Hash::Sha512)
        | (KeyAlgorithm::EcP384, Hash::Sha512) => return None,
    })
}

// Object identifiers as their DER content: RFC 5480 §2.1.1 and RFC 8017 appendix A.1.
const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const SECP256R1: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const SECP384R1: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
const SECP521R1: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x23];
const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

fn algorithm(kind: &[u8], key: &[u8]) -> Result<KeyAlgorithm, PublicKeyError> {
    let mut fields = Reader::new(kind);
    match fields.expect(der::OID)?.content {
        EC_PUBLIC_KEY => ec(fields, key),
        RSA_ENCRYPTION => rsa(fields, key),
        _ => Err(PublicKeyError::Unsupported),
    }
}

fn ec(mut parameters: Reader<'_>, point: &[u8]) -> Result<KeyAlgorithm, PublicKeyError> {
    let (algorithm, point_len) = match parameters.expect(der::OID)?.content {
        SECP256R1 => (KeyAlgorithm::EcP256, 65),
        SECP384R1 => (KeyAlgorithm::EcP384, 97),
        SECP521R1 => (KeyAlgorithm::EcP521, 133),
        _ => return Err(PublicKeyError::Unsupported),
    };
    parameters.finish()?;
    // Uncompressed points only (SEC 1 §2.3.3); whether it is on the curve, verifying tells.
    if point.len() == point_len && point.first() == Some(&4) {
        Ok(algorithm)
    } else {
        Err(PublicKeyError::Malformed)
    }
}

fn rsa(mut parameters: Reader<'_>, key: &[u8]) -> Result<KeyAlgorithm, PublicKeyError> {
    if !parameters.expect(der::NULL)?.content.is_empty() {
        return Err(PublicKeyError::Malformed);
    }
    parameters.finish()?;
    let mut fields = der::only(key, der::SEQUENCE)?.inside();
    let bits = bit_len(fields.expect(der::INTEGER)?.content)?;
    fields.expect(der::INTEGER)?;
    fields.finish()?;
    match u16::try_from(bits) {
        Ok(bits @ 2048..=8192) => Ok(KeyAlgorithm::Rsa { bits }),
        Ok(_) | Err(_) => Err(PublicKeyError::RsaSize { bits }),
    }
}

/// The bits of a positive INTEGER's content, which must be minimal (X.690 §8.3.2).
fn bit_len(integer: &[u8]) -> Result<usize, PublicKeyError> {
    let magnitude = match integer {
        [0, rest @ ..] if matches!(rest, [0x80..=0xff, ..]) => rest,
        [1..=0x7f, ..] => integer,
        _ => return Err(PublicKeyError::Malformed),
    };
    let unused = magnitude.first().map_or(0, |first| first.leading_zeros() as usize);
    Ok(magnitude.len() * 8 - unused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bits_of_an_integer_are_counted_and_an_ill_formed_one_is_refused() {
        assert_eq!(bit_len(&[1]), Ok(1));
        assert_eq!(bit_len(&[0x7f, 0]), Ok(15));
        assert_eq!(bit_len(&[0, 0x80]), Ok(8));
        for bad in [&[][..], &[0], &[0, 1], &[0, 0, 0x80], &[0x80, 0]] {
            assert_eq!(bit_len(bad), Err(PublicKeyError::Malformed), "{bad:02x?}");
        }
    }
}
