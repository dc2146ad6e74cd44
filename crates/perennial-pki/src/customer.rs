//! The customer's own CA: what is checked before it, or a certificate of it, is registered.
//!
//! AWS IoT: "Register your CA certificate", "Register a client certificate".

use perennial_core::{
    certificate::Validity,
    ids::{CertificateId, Digest, RegistrationCode},
    time::Timestamp,
};
use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage, anchor_from_trusted_cert};
use x509_parser::{certificate::X509Certificate, x509::X509Version};

use crate::{
    CertificateFormatError, PublicKey, PublicKeyError,
    certificate::{self, verify_signature},
    sha256,
    signature::SignatureProblem,
};

/// A certificate that was checked, and what the registry keeps of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registrable {
    /// SHA-256 of the DER.
    pub certificate_id: CertificateId,
    /// SHA-256 of its subject's DER; what it issued names it.
    pub subject_digest: Digest,
    /// SHA-256 of its issuer's name in DER.
    pub issuer_digest: Digest,
    /// SHA-256 of its SubjectPublicKeyInfo.
    pub spki_digest: Digest,
    /// When it may be used.
    pub validity: Validity,
}

/// Why a certificate may not be registered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistrationRefused {
    /// It cannot be read.
    #[error("the certificate cannot be read: {0}")]
    Format(#[from] CertificateFormatError),
    /// Its key is of a kind or size that is not accepted.
    #[error("the certificate's key is not accepted: {0}")]
    Key(#[from] PublicKeyError),
    /// Not an authority's, where one is wanted.
    #[error(
        "the certificate is not an authority's: CA:TRUE or the key usage keyCertSign is missing"
    )]
    NotAnAuthority,
    /// An authority's, where a device's is wanted.
    #[error("the certificate is an authority's: a device's certificate must not have CA:TRUE")]
    AnAuthority,
    /// Another name issued it.
    #[error("the issuer of the certificate does not match the subject of the CA certificate")]
    OtherIssuer,
    /// Another key signed it.
    #[error("the signature of the certificate does not verify with the CA certificate's key")]
    BadSignature,
    /// Signed by an algorithm that no handshake accepts.
    #[error(
        "the certificate is signed by an algorithm that is not accepted with the CA certificate's \
         key, {0}: use SHA-256, SHA-384 or SHA-512, with ECDSA, RSA, or RSASSA-PSS with a salt as \
         long as its hash"
    )]
    SignatureAlgorithm(String),
    /// The verification certificate names another code.
    #[error("the common name of the verification certificate is not the registration code")]
    OtherCode,
    /// Its time has not come.
    #[error("the certificate is valid from {} on (seconds since 1970), not yet", .0.as_secs())]
    NotYetValid(Timestamp),
    /// Its time is over.
    #[error("the certificate ended at {} (seconds since 1970)", .0.as_secs())]
    Expired(Timestamp),
    /// The broker could not authenticate a device with it.
    #[error("no device could connect with the certificate: {0}")]
    Unusable(String),
}

/// Checks a certificate that its holder says is an authority's: that it is one, has a key that is
/// accepted, and is valid `now`.
///
/// # Errors
/// [`RegistrationRefused`] names the first check that failed.
pub fn check_ca(der: &[u8], now: Timestamp) -> Result<Registrable, RegistrationRefused> {
    let certificate = certificate::read(der)?;
    let usage = certificate.key_usage().ok().flatten();
    // RFC 5280 §4.2.1.3: a certificate that has the extension must say keyCertSign in it.
    if !certificate.is_ca() || usage.is_some_and(|usage| !usage.value.key_cert_sign()) {
        return Err(RegistrationRefused::NotAnAuthority);
    }
    PublicKey::from_spki(certificate.public_key().raw)?;
    anchor_from_trusted_cert(&CertificateDer::from(der)).map_err(unusable)?;
    let registrable = registrable(&certificate, der);
    check_time(registrable.validity, now)?;
    Ok(registrable)
}

/// Checks that who brings a CA has its key: the CA signed a certificate that names the
/// registration code.
///
/// # Errors
/// [`RegistrationRefused`] names the first check that failed.
pub fn check_possession(
    ca_der: &[u8],
    verification_der: &[u8],
    code: &RegistrationCode,
) -> Result<(), RegistrationRefused> {
    let verification = certificate::read(verification_der)?;
    check_signature(&verification, ca_der)?;
    let mut names = verification.subject().iter_common_name();
    let named = names.next().and_then(|name| name.as_str().ok()).unwrap_or_default();
    // As AWS IoT, in digits of either case.
    let same = named.eq_ignore_ascii_case(&code.to_string()) && names.next().is_none();
    if same { Ok(()) } else { Err(RegistrationRefused::OtherCode) }
}

/// Checks a device's certificate of a registered CA: that the CA signed it, that its key is
/// accepted, and that a device can connect with it `now` (RFC 5280 §6, client authentication).
///
/// # Errors
/// [`RegistrationRefused`] names the first check that failed.
pub fn check_of_ca(
    der: &[u8],
    ca_der: &[u8],
    now: Timestamp,
) -> Result<Registrable, RegistrationRefused> {
    let certificate = certificate::read(der)?;
    check_signature(&certificate, ca_der)?;
    if certificate.is_ca() {
        return Err(RegistrationRefused::AnAuthority);
    }
    let registrable = check_device(&certificate, der, now)?;
    let (leaf, ca) = (CertificateDer::from(der), CertificateDer::from(ca_der));
    let leaf = EndEntityCert::try_from(&leaf).map_err(unusable)?;
    let anchor = anchor_from_trusted_cert(&ca).map_err(unusable)?;
    let anchors = [anchor];
    let secs = u64::try_from(now.as_secs()).unwrap_or(0);
    let time = UnixTime::since_unix_epoch(std::time::Duration::from_secs(secs));
    let usage = KeyUsage::client_auth();
    leaf.verify_for_usage(ALL_VERIFICATION_ALGS, &anchors, &[], time, usage, None, None)
        .map_err(unfit)?;
    Ok(registrable)
}

/// Checks a device's certificate for which the registry alone is to vouch: all that
/// [`check_of_ca`] does, except that nobody's signature on it is verified.
///
/// # Errors
/// [`RegistrationRefused`] names the first check that failed.
pub fn check_alone(der: &[u8], now: Timestamp) -> Result<Registrable, RegistrationRefused> {
    let certificate = certificate::read(der)?;
    let registrable = check_device(&certificate, der, now)?;
    let leaf = CertificateDer::from(der);
    EndEntityCert::try_from(&leaf).map_err(unusable)?;
    Ok(registrable)
}

/// SHA-256 of the name in DER that issued a certificate: of which CAs it may be.
///
/// # Errors
/// [`CertificateFormatError`] when it cannot be read.
pub fn issuer_digest(der: &[u8]) -> Result<Digest, CertificateFormatError> {
    Ok(Digest::from_bytes(sha256(certificate::read(der)?.issuer().as_raw())))
}

fn registrable(certificate: &X509Certificate<'_>, der: &[u8]) -> Registrable {
    Registrable {
        certificate_id: CertificateId::from_bytes(sha256(der)),
        subject_digest: Digest::from_bytes(sha256(certificate.subject().as_raw())),
        issuer_digest: Digest::from_bytes(sha256(certificate.issuer().as_raw())),
        spki_digest: Digest::from_bytes(sha256(certificate.public_key().raw)),
        validity: certificate::validity(certificate),
    }
}

fn check_signature(
    certificate: &X509Certificate<'_>,
    ca_der: &[u8],
) -> Result<(), RegistrationRefused> {
    let ca = certificate::read(ca_der)?;
    if certificate.issuer().as_raw() != ca.subject().as_raw() {
        return Err(RegistrationRefused::OtherIssuer);
    }
    verify_signature(certificate, ca.public_key()).map_err(|problem| match problem {
        SignatureProblem::Algorithm(oid) => RegistrationRefused::SignatureAlgorithm(oid),
        SignatureProblem::Invalid => RegistrationRefused::BadSignature,
    })
}

fn check_device(
    certificate: &X509Certificate<'_>,
    der: &[u8],
    now: Timestamp,
) -> Result<Registrable, RegistrationRefused> {
    if certificate.version() != X509Version::V3 {
        let why = "X.509 version 3 is needed".to_owned();
        return Err(RegistrationRefused::Unusable(why));
    }
    PublicKey::from_spki(certificate.public_key().raw)?;
    check_usage(certificate)?;
    let registrable = registrable(certificate, der);
    check_time(registrable.validity, now)?;
    Ok(registrable)
}

/// What a certificate says of its use must not forbid client authentication.
fn check_usage(certificate: &X509Certificate<'_>) -> Result<(), RegistrationRefused> {
    let extended = certificate.extended_key_usage().map_err(unusable)?;
    if extended.is_some_and(|usage| !usage.value.client_auth && !usage.value.any) {
        return Err(no_client());
    }
    let usage = certificate.key_usage().map_err(unusable)?;
    if usage.is_some_and(|usage| !usage.value.digital_signature()) {
        let why = "its key usage does not have digitalSignature".to_owned();
        return Err(RegistrationRefused::Unusable(why));
    }
    Ok(())
}

fn check_time(validity: Validity, now: Timestamp) -> Result<(), RegistrationRefused> {
    if now < validity.not_before {
        return Err(RegistrationRefused::NotYetValid(validity.not_before));
    }
    if validity.not_after < now {
        return Err(RegistrationRefused::Expired(validity.not_after));
    }
    Ok(())
}

/// Why a certificate does not do for a handshake. `anyExtendedKeyUsage` does not count there.
fn unfit(error: webpki::Error) -> RegistrationRefused {
    if matches!(error, webpki::Error::RequiredEkuNotFoundContext(_)) {
        return no_client();
    }
    unusable(error)
}

fn no_client() -> RegistrationRefused {
    unusable("its extended key usage does not have clientAuth")
}

fn unusable(error: impl ToString) -> RegistrationRefused {
    RegistrationRefused::Unusable(error.to_string())
}
