//! A key that is made for somebody else and handed out: the one kind that can be written out.

use aws_lc_rs::{
    encoding::{AsDer as _, Pkcs8V1Der},
    rsa::{KeyPair as RsaKeyPair, KeySize},
};
use zeroize::Zeroizing;

use crate::{
    CsrDer, SignError, SigningKey,
    der::{self, NotDer},
    key::Pair,
    pem,
};

/// The name in certificates whose holder nobody named.
pub(crate) const NOBODY: &str = "Perennial IoT Certificate";

/// An RSA key of 2048 bits, as AWS IoT's `CreateKeysAndCertificate` gives it, on its way to its
/// holder. It signs its CSR and is gone when it is handed out.
///
/// Keys of our own and of agents are [`SigningKey`], which has no way out.
pub struct HandedOutKey {
    key: SigningKey,
    private: Zeroizing<String>,
}

impl HandedOutKey {
    /// Makes a key. Takes a processor for a tenth of a second or so.
    ///
    /// # Errors
    /// [`SignError`] when the provider fails.
    pub fn generate() -> Result<Self, SignError> {
        let failed = SignError { doing: "made a key" };
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| failed)?;
        let pkcs8: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| failed)?;
        let pkcs1 = pkcs1(pkcs8.as_ref()).map_err(|NotDer| failed)?;
        let private = pem::encode("RSA PRIVATE KEY", pkcs1);
        let key = SigningKey::from_pair(Pair::Rsa(pair)).ok_or(failed)?;
        Ok(Self { key, private })
    }

    /// A CSR for it that names nobody.
    ///
    /// # Errors
    /// [`SignError`] when the provider fails.
    pub fn certificate_request(&self) -> Result<CsrDer, SignError> {
        self.key.certificate_request(NOBODY)
    }

    /// The public half in PEM.
    pub fn public_pem(&self) -> String {
        pem::encode("PUBLIC KEY", self.key.public_key().spki()).to_string()
    }

    /// Hands the key out, as PKCS#1 PEM in a buffer that wipes itself.
    pub fn into_private_pem(self) -> Zeroizing<String> {
        self.private
    }
}

/// The RSAPrivateKey inside of a PrivateKeyInfo (RFC 5208 §5).
fn pkcs1(pkcs8: &[u8]) -> Result<&[u8], NotDer> {
    let mut fields = der::only(pkcs8, der::SEQUENCE)?.inside();
    fields.expect(der::INTEGER)?;
    fields.expect(der::SEQUENCE)?;
    Ok(fields.expect(der::OCTET_STRING)?.content)
}
