//! What a device checks of a certificate it was given, before it ever tries it.

use std::time::Duration;

use perennial_core::{
    certificate::Validity, ids::CertificateId, ids::ThingName, message::ErrorCode, time::Timestamp,
};
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};
use x509_parser::{certificate::X509Certificate, extensions::GeneralName};

use crate::{
    PATH_ALGORITHMS, PublicKey, certificate, certificates_from_pem,
    profile::{THING_URI_PREFIX, thing_uri},
    sha256,
};

/// A certificate that this device can use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedCertificate {
    /// SHA-256 of the DER.
    pub certificate_id: CertificateId,
    /// The certificate in DER.
    pub der: CertificateDer<'static>,
    /// The authorities' certificates that came with it, its issuer first.
    pub chain_der: Vec<CertificateDer<'static>>,
    /// When it may be used.
    pub validity: Validity,
}

/// Why a device does not even try a certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateProblem {
    /// Not one certificate in PEM, or its chain is not PEM.
    #[error("what was delivered is not a certificate with its chain in PEM: {reason}")]
    Malformed {
        /// What is wrong.
        reason: String,
    },
    /// Another key's.
    #[error("the certificate is for another key than the one it was asked for")]
    KeyMismatch,
    /// Another device's.
    #[error("the certificate names {found:?}, not {expected}")]
    WrongName {
        /// The name it has.
        found: String,
        /// This device's name.
        expected: ThingName,
    },
    /// Not valid yet.
    #[error("the certificate is valid from {} on, and it is {} (seconds since 1970); \
             is this device's clock right?", not_before.as_secs(), now.as_secs())]
    NotYetValid {
        /// When it begins.
        not_before: Timestamp,
        /// This device's time.
        now: Timestamp,
    },
    /// No longer valid.
    #[error("the certificate ended at {}, and it is {} (seconds since 1970); \
             is this device's clock right?", not_after.as_secs(), now.as_secs())]
    Expired {
        /// When it ended.
        not_after: Timestamp,
        /// This device's time.
        now: Timestamp,
    },
    /// It leads to no trusted authority, or may not authenticate a client.
    #[error("the certificate leads to no authority this device trusts: {reason}")]
    UntrustedChain {
        /// What the path validation said.
        reason: String,
    },
}

impl CertificateProblem {
    /// What the server is told, for a machine.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Malformed { .. } => ErrorCode::Malformed,
            Self::KeyMismatch => ErrorCode::KeyMismatch,
            Self::WrongName { .. } => ErrorCode::WrongName,
            Self::NotYetValid { .. } => ErrorCode::NotYetValid,
            Self::Expired { .. } => ErrorCode::Expired,
            Self::UntrustedChain { .. } => ErrorCode::UntrustedChain,
        }
    }
}

/// Checks that a delivered certificate is in order (one certificate in PEM), for `key`, for
/// `thing`, valid `now`, and leads to one of `anchors` for client authentication (RFC 5280 §6).
///
/// `chain_pem` may be empty when an anchor issued the certificate itself.
///
/// # Errors
/// [`CertificateProblem`] names the first check that failed, in the order above.
pub fn check_device_certificate(
    certificate_pem: &str,
    chain_pem: &str,
    anchors: &[CertificateDer<'_>],
    key: &PublicKey,
    thing: &ThingName,
    now: Timestamp,
) -> Result<CheckedCertificate, CertificateProblem> {
    let (der, chain_der) = read(certificate_pem, chain_pem)?;
    let leaf = certificate::read(&der).map_err(malformed)?;
    let validity = certificate::validity(&leaf);
    if leaf.public_key().raw != key.spki() {
        return Err(CertificateProblem::KeyMismatch);
    }
    check_name(&leaf, thing)?;
    check_time(validity, now)?;
    check_path(&der, &chain_der, anchors, now)?;
    let certificate_id = CertificateId::from_bytes(sha256(&der));
    Ok(CheckedCertificate { certificate_id, der, chain_der, validity })
}

fn malformed(error: impl ToString) -> CertificateProblem {
    CertificateProblem::Malformed { reason: error.to_string() }
}

type Chain = Vec<CertificateDer<'static>>;

fn read(leaf: &str, chain: &str) -> Result<(CertificateDer<'static>, Chain), CertificateProblem> {
    let leaf = certificates_from_pem(leaf).map_err(malformed)?;
    let [leaf] = <[_; 1]>::try_from(leaf)
        .map_err(|several| malformed(format!("{} certificates instead of one", several.len())))?;
    let chain = match chain.trim() {
        "" => Vec::new(),
        chain => certificates_from_pem(chain).map_err(malformed)?,
    };
    Ok((leaf, chain))
}

/// The common name must be the thing's, and so must a thing's URI where there is one.
fn check_name(leaf: &X509Certificate<'_>, thing: &ThingName) -> Result<(), CertificateProblem> {
    let wrong = |found: &str| CertificateProblem::WrongName {
        found: found.chars().take(128).collect(),
        expected: thing.clone(),
    };
    let mut names = leaf.subject().iter_common_name();
    let name = names.next().and_then(|name| name.as_str().ok()).unwrap_or_default();
    if name != thing.as_str() || names.next().is_some() {
        return Err(wrong(name));
    }
    let foreign = thing_uris(leaf).into_iter().find(|uri| *uri != thing_uri(thing));
    foreign.map_or(Ok(()), |uri| Err(wrong(uri)))
}

fn thing_uris<'a>(leaf: &'a X509Certificate<'_>) -> Vec<&'a str> {
    let extension = leaf.subject_alternative_name().ok().flatten();
    let mut uris = Vec::new();
    for name in extension.iter().flat_map(|extension| &extension.value.general_names) {
        if let GeneralName::URI(uri) = name
            && uri.starts_with(THING_URI_PREFIX)
        {
            uris.push(*uri);
        }
    }
    uris
}

fn check_time(validity: Validity, now: Timestamp) -> Result<(), CertificateProblem> {
    if now < validity.not_before {
        return Err(CertificateProblem::NotYetValid { not_before: validity.not_before, now });
    }
    if validity.not_after < now {
        return Err(CertificateProblem::Expired { not_after: validity.not_after, now });
    }
    Ok(())
}

fn check_path(
    leaf: &CertificateDer<'_>,
    chain: &[CertificateDer<'_>],
    anchors: &[CertificateDer<'_>],
    now: Timestamp,
) -> Result<(), CertificateProblem> {
    let untrusted =
        |error: webpki::Error| CertificateProblem::UntrustedChain { reason: error.to_string() };
    let anchors: Result<Vec<TrustAnchor<'_>>, _> =
        anchors.iter().map(anchor_from_trusted_cert).collect();
    let anchors = anchors.map_err(untrusted)?;
    let time =
        UnixTime::since_unix_epoch(Duration::from_secs(now.as_secs().try_into().unwrap_or(0)));
    let leaf = EndEntityCert::try_from(leaf).map_err(malformed)?;
    let usage = KeyUsage::client_auth();
    leaf.verify_for_usage(PATH_ALGORITHMS, &anchors, chain, time, usage, None, None)
        .map(|_path| ())
        .map_err(untrusted)
}
