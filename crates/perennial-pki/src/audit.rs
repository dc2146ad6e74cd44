//! What audits want to know of certificates: whom they are from, and what their keys are like.

use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};
use perennial_core::{
    audit::{
        KeyPrint, KeyQuality,
        revocation::{AuthorityFacts, CertificateNotes, SerialNumber},
    },
    certificate::CertificateStatus,
    ids::{CertificateId, Digest},
};
use x509_parser::{public_key::PublicKey, x509::SubjectPublicKeyInfo};

use crate::{
    CertificateFormatError,
    certificate::{read, validity},
    sha256,
};

/// What audits want to know of a device certificate in DER; its signature is not checked.
///
/// # Errors
/// [`CertificateFormatError`] when it cannot be read.
pub fn notes(der: &[u8]) -> Result<CertificateNotes, CertificateFormatError> {
    let certificate = read(der)?;
    Ok(CertificateNotes {
        issuer: Digest::from_bytes(sha256(certificate.issuer().as_raw())),
        serial: SerialNumber::new(certificate.raw_serial()),
        spki_digest: Digest::from_bytes(sha256(certificate.public_key().raw)),
        key: key_quality(certificate.public_key()),
    })
}

/// What audits want to know of an authority's certificate in DER, which is in `status` and issues
/// certificates that live for `issues_for`, if any.
///
/// # Errors
/// [`CertificateFormatError`] when it cannot be read.
pub fn authority_facts(
    der: &[u8],
    status: CertificateStatus,
    issues_for: Option<Duration>,
) -> Result<AuthorityFacts, CertificateFormatError> {
    let certificate = read(der)?;
    Ok(AuthorityFacts {
        certificate_id: CertificateId::from_bytes(sha256(der)),
        status,
        subject: certificate.subject().to_string(),
        subject_digest: Digest::from_bytes(sha256(certificate.subject().as_raw())),
        issuer_digest: Digest::from_bytes(sha256(certificate.issuer().as_raw())),
        serial: SerialNumber::new(certificate.raw_serial()),
        validity: validity(&certificate),
        key: key_quality(certificate.public_key()),
        issues_for,
    })
}

/// Only RSA keys have the weaknesses that audits know.
fn key_quality(key: &SubjectPublicKeyInfo<'_>) -> KeyQuality {
    match key.parsed() {
        Ok(PublicKey::RSA(rsa)) => {
            let modulus: Vec<u8> = rsa.modulus.iter().copied().skip_while(|it| *it == 0).collect();
            KeyQuality::of_rsa(&modulus, print(&modulus))
        }
        Ok(_) | Err(_) => KeyQuality::default(),
    }
}

/// The last 80 bits of SHA-1 over the line that `openssl x509 -noout -modulus` prints.
fn print(modulus: &[u8]) -> KeyPrint {
    let mut context = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    context.update(b"Modulus=");
    let digits = hex::encode_upper(modulus);
    context.update(digits.strip_prefix('0').unwrap_or(&digits).as_bytes());
    context.update(b"\n");
    let mut print = [0; 10];
    for (to, from) in print.iter_mut().zip(context.finish().as_ref().iter().skip(10)) {
        *to = *from;
    }
    KeyPrint(print)
}
