//! Our keys as rustls' keys, so that TLS signs without ever seeing private octets.

use std::sync::Arc;

use aws_lc_rs::signature;
use rustls::{
    SignatureAlgorithm, SignatureScheme,
    sign::{CertifiedKey, Signer},
};
use rustls_pki_types::{CertificateDer, SubjectPublicKeyInfoDer};

use crate::{
    KeyAlgorithm, SigningKey,
    key::{Pair, sign_ec, sign_rsa},
};

/// The certificate is not this key's, or there is none.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("the certificate does not go with the key: {0}")]
pub struct NotItsKey(#[from] rustls::Error);

impl SigningKey {
    /// The key as rustls takes it.
    pub fn to_rustls(&self) -> Arc<dyn rustls::sign::SigningKey> {
        Arc::new(self.clone())
    }

    /// Key and chain (the key's own certificate first) as rustls takes them, for a server's
    /// certificate resolver or, through `rustls::sign::SingleCertAndKey`, for a client's.
    ///
    /// # Errors
    /// [`NotItsKey`] when the first certificate has another key or cannot be read.
    pub fn certified(
        &self,
        chain: Vec<CertificateDer<'static>>,
    ) -> Result<Arc<CertifiedKey>, NotItsKey> {
        let certified = CertifiedKey::new(chain, self.to_rustls());
        certified.keys_match()?;
        Ok(Arc::new(certified))
    }

    fn schemes(&self) -> &'static [SignatureScheme] {
        match self.key_algorithm() {
            KeyAlgorithm::EcP256 => &[SignatureScheme::ECDSA_NISTP256_SHA256],
            KeyAlgorithm::EcP384 => &[SignatureScheme::ECDSA_NISTP384_SHA384],
            KeyAlgorithm::EcP521 => &[SignatureScheme::ECDSA_NISTP521_SHA512],
            KeyAlgorithm::Rsa { .. } => &[
                SignatureScheme::RSA_PSS_SHA256,
                SignatureScheme::RSA_PSS_SHA384,
                SignatureScheme::RSA_PSS_SHA512,
                SignatureScheme::RSA_PKCS1_SHA256,
            ],
        }
    }
}

impl rustls::sign::SigningKey for SigningKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let scheme = self.schemes().iter().find(|scheme| offered.contains(scheme))?;
        Some(Box::new(TlsSigner { key: self.clone(), scheme: *scheme }))
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        Some(SubjectPublicKeyInfoDer::from(Self::public_key(self).spki()))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        match self.key_algorithm() {
            KeyAlgorithm::EcP256 | KeyAlgorithm::EcP384 | KeyAlgorithm::EcP521 => {
                SignatureAlgorithm::ECDSA
            }
            KeyAlgorithm::Rsa { .. } => SignatureAlgorithm::RSA,
        }
    }
}

#[derive(Debug)]
struct TlsSigner {
    key: SigningKey,
    scheme: SignatureScheme,
}

impl Signer for TlsSigner {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        let signed = match &*self.key.pair {
            Pair::Ec(pair) => sign_ec(pair, message),
            Pair::Rsa(pair) => sign_rsa(pair, rsa_encoding(self.scheme), message),
        };
        signed.map_err(|error| rustls::Error::General(error.to_string()))
    }

    fn scheme(&self) -> SignatureScheme {
        self.scheme
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "rustls' enum is open; only ours get here")]
fn rsa_encoding(scheme: SignatureScheme) -> &'static dyn signature::RsaEncoding {
    match scheme {
        SignatureScheme::RSA_PSS_SHA256 => &signature::RSA_PSS_SHA256,
        SignatureScheme::RSA_PSS_SHA384 => &signature::RSA_PSS_SHA384,
        SignatureScheme::RSA_PSS_SHA512 => &signature::RSA_PSS_SHA512,
        _ => &signature::RSA_PKCS1_SHA256,
    }
}
