//! Certificates in PEM, as requests carry them.

use perennial_pki::certificate_from_pem;
use rustls::pki_types::CertificateDer;
use serde::{Deserialize, Deserializer, de::Error as _};

use crate::{ApiError, Code};

/// AWS's limit for a `CertificatePem`, in characters.
const MAX_LEN: usize = 65_536;

/// One certificate, not read yet.
pub(crate) struct Pem(String);

impl<'de> Deserialize<'de> for Pem {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let len = text.chars().count();
        if (1..=MAX_LEN).contains(&len) {
            return Ok(Self(text));
        }
        Err(D::Error::custom(format!("1 to {MAX_LEN} characters are expected, not {len}")))
    }
}

impl Pem {
    /// The certificate's DER.
    ///
    /// # Errors
    /// `CertificateValidationException` when there is not exactly one.
    pub(crate) fn der(&self) -> Result<CertificateDer<'static>, ApiError> {
        certificate_from_pem(&self.0)
            .map_err(|error| ApiError::new(Code::CertificateValidationException, error.to_string()))
    }
}
