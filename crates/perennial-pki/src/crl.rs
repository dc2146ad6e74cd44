//! Revocation lists (RFC 5280 §5): read, and believed only with their issuer's signature.

use perennial_core::{
    audit::revocation::{Revocation, RevocationList, SerialNumber},
    ids::Digest,
    time::Timestamp,
};
use x509_parser::{
    extensions::{ParsedExtension, X509Extension},
    prelude::FromDer,
    revocation_list::CertificateRevocationList,
    x509::ReasonCode,
};

use crate::{PemError, certificate::read, pem, sha256, signature};

/// The longest list that is read, in bytes: some millions of entries.
const MAX_LEN: usize = 128 * 1024 * 1024;

/// A list that is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CrlError {
    /// Too long.
    #[error("the revocation list has {len} bytes; at most {MAX_LEN} are read")]
    TooLong {
        /// Its length.
        len: usize,
    },
    /// Neither DER nor PEM of a list.
    #[error("not a revocation list in DER or PEM (X509 CRL): {reason}")]
    Malformed {
        /// What is wrong.
        reason: String,
    },
    /// PEM of something else.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// Says something that has to be understood and is not.
    #[error("the revocation list is a delta, indirect or partial one, which is not supported: {0}")]
    Unsupported(String),
    /// From nobody known, or not signed by them.
    #[error(
        "the revocation list of {issuer} is not signed by an authority known here that may sign \
         revocation lists"
    )]
    Unsigned {
        /// Whose it says it is.
        issuer: String,
    },
}

/// Reads a list in DER or PEM that one of `authorities`, certificates in DER, has signed.
///
/// # Errors
/// [`CrlError`] says why it is not believed.
pub fn read_crl(octets: &[u8], authorities: &[&[u8]]) -> Result<RevocationList, CrlError> {
    if octets.len() > MAX_LEN {
        return Err(CrlError::TooLong { len: octets.len() });
    }
    let unpacked = match std::str::from_utf8(octets) {
        Ok(text) if text.contains("-----BEGIN") => {
            Some(pem::only_block(text, &["X509 CRL"], "X509 CRL")?.contents)
        }
        Ok(_) | Err(_) => None,
    };
    let der = unpacked.as_ref().map_or(octets, |contents| contents.as_slice());
    let (rest, list) = CertificateRevocationList::from_der(der)
        .map_err(|error| CrlError::Malformed { reason: error.to_string() })?;
    if !rest.is_empty() {
        let reason = format!("{} bytes follow it", rest.len());
        return Err(CrlError::Malformed { reason });
    }
    list.extensions().iter().try_for_each(check_extension)?;
    if !authorities.iter().any(|authority| signed_by(&list, authority)) {
        return Err(CrlError::Unsigned { issuer: list.issuer().to_string() });
    }
    Ok(contents(&list))
}

fn signed_by(list: &CertificateRevocationList<'_>, authority: &[u8]) -> bool {
    let Ok(certificate) = read(authority) else { return false };
    let may_sign = match certificate.key_usage() {
        Ok(usage) => usage.is_none_or(|usage| usage.value.crl_sign()),
        Err(_) => false,
    };
    let signed = (&list.signature_algorithm, &list.signature_value);
    may_sign
        && certificate.subject().as_raw() == list.issuer().as_raw()
        && signature::verify(list.tbs_cert_list.as_ref(), signed, certificate.public_key()).is_ok()
}

/// A list with a critical extension that is not understood must not be used (RFC 5280 §5.2).
fn check_extension(extension: &X509Extension<'_>) -> Result<(), CrlError> {
    let whole =
        if let ParsedExtension::IssuingDistributionPoint(point) = extension.parsed_extension() {
            !point.indirect_crl && point.only_some_reasons.is_none()
        } else {
            !extension.critical
        };
    if whole { Ok(()) } else { Err(CrlError::Unsupported(extension.oid.to_id_string())) }
}

fn contents(list: &CertificateRevocationList<'_>) -> RevocationList {
    let at = |time: x509_parser::time::ASN1Time| Timestamp::from_secs(time.timestamp());
    let entries = list.iter_revoked_certificates().filter(|entry| {
        // Only a delta list takes one off again.
        entry.reason_code().is_none_or(|(_, code)| code != ReasonCode::RemoveFromCRL)
    });
    RevocationList {
        issuer: Digest::from_bytes(sha256(list.issuer().as_raw())),
        this_update: at(list.last_update()),
        next_update: list.next_update().map(at),
        entries: entries
            .map(|entry| Revocation {
                serial: SerialNumber::new(entry.raw_serial()),
                revoked_at: at(entry.revocation_date),
            })
            .collect(),
    }
}
