//! What a certificate says of itself: for the registry and for policy variables.

use std::collections::BTreeMap;

use perennial_core::{
    certificate::Validity,
    ids::{CertificateId, Digest},
    policy,
    time::Timestamp,
};
use x509_parser::{
    certificate::X509Certificate,
    extensions::GeneralName,
    prelude::FromDer,
    x509::{SubjectPublicKeyInfo, X509Name},
};

use crate::{
    PublicKey, PublicKeyError, sha256,
    signature::{self, SignatureProblem},
};

/// A certificate's contents by AWS IoT's names for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFacts {
    /// SHA-256 of the DER.
    pub certificate_id: CertificateId,
    /// The subject's values by attribute, in the order of the certificate: `CommonName`,
    /// `OrganizationalUnit` and so on (AWS IoT's "Certificate policy variables").
    pub subject: BTreeMap<String, Vec<String>>,
    /// The issuer's values, likewise.
    pub issuer: BTreeMap<String, Vec<String>>,
    /// The alternative names by kind: `RFC822Name`, `DNSName`, `UniformResourceIdentifier`,
    /// `IPAddress`, `RegisteredID`.
    pub subject_alternative_name: BTreeMap<String, Vec<String>>,
    /// The serial number in lower-case hexadecimal digits, without leading zeros.
    pub serial_number: String,
    /// When it may be used.
    pub validity: Validity,
    /// SHA-256 of its SubjectPublicKeyInfo.
    pub spki_digest: Digest,
}

impl From<CertificateFacts> for policy::CertificateFacts {
    /// What of it policies may ask for.
    fn from(facts: CertificateFacts) -> Self {
        Self {
            subject: facts.subject,
            issuer: facts.issuer,
            subject_alternative_name: facts.subject_alternative_name,
            serial_number: facts.serial_number,
        }
    }
}

/// Octets that are not the certificate they should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateFormatError {
    /// Not X.509 in DER.
    #[error("not an X.509 certificate in DER: {reason}")]
    Malformed {
        /// What is wrong.
        reason: String,
    },
    /// Something follows the certificate.
    #[error("{len} bytes follow the certificate")]
    Trailing {
        /// How many bytes.
        len: usize,
    },
    /// Not an authority's certificate.
    #[error("not an authority's certificate: CA:TRUE or the key usage keyCertSign is missing")]
    NotAnAuthority,
    /// Its key is of no accepted kind.
    #[error(transparent)]
    Key(#[from] PublicKeyError),
}

/// Reads a certificate in DER; its signature is not checked.
///
/// # Errors
/// [`CertificateFormatError`] when it cannot be read.
pub fn facts(der: &[u8]) -> Result<CertificateFacts, CertificateFormatError> {
    let certificate = read(der)?;
    Ok(CertificateFacts {
        certificate_id: CertificateId::from_bytes(sha256(der)),
        subject: names(certificate.subject()),
        issuer: names(certificate.issuer()),
        subject_alternative_name: alternative_names(&certificate),
        serial_number: certificate.tbs_certificate.serial.to_str_radix(16),
        validity: validity(&certificate),
        spki_digest: Digest::from_bytes(sha256(certificate.public_key().raw)),
    })
}

/// The id of a certificate in DER.
pub fn certificate_id(der: &[u8]) -> CertificateId {
    CertificateId::from_bytes(sha256(der))
}

/// The public key of a certificate in DER; its signature is not checked.
///
/// # Errors
/// [`CertificateFormatError`] when it cannot be read or its key is of a kind not accepted here.
pub fn public_key(der: &[u8]) -> Result<PublicKey, CertificateFormatError> {
    Ok(PublicKey::from_spki(read(der)?.public_key().raw)?)
}

/// What of an authority's certificate matters to the authority.
pub(crate) struct CaFacts {
    pub(crate) validity: Validity,
    pub(crate) key: PublicKey,
}

pub(crate) fn ca_facts(der: &[u8]) -> Result<CaFacts, CertificateFormatError> {
    let certificate = read(der)?;
    let usage = certificate.key_usage().ok().flatten();
    if !certificate.is_ca() || !usage.is_some_and(|usage| usage.value.key_cert_sign()) {
        return Err(CertificateFormatError::NotAnAuthority);
    }
    let key = PublicKey::from_spki(certificate.public_key().raw)?;
    Ok(CaFacts { validity: validity(&certificate), key })
}

/// Whether `certificate` was issued in `issuer`'s name and signed by its key.
pub(crate) fn is_signed_by(certificate: &[u8], issuer: &[u8]) -> bool {
    let (Ok(certificate), Ok(issuer)) = (read(certificate), read(issuer)) else { return false };
    certificate.issuer().as_raw() == issuer.subject().as_raw()
        && verify_signature(&certificate, issuer.public_key()).is_ok()
}

/// Whether `key` signed the certificate.
pub(crate) fn verify_signature(
    certificate: &X509Certificate<'_>,
    key: &SubjectPublicKeyInfo<'_>,
) -> Result<(), SignatureProblem> {
    let message = certificate.tbs_certificate.as_ref();
    let signed = (&certificate.signature_algorithm, &certificate.signature_value);
    signature::verify(message, signed, key)
}

pub(crate) fn read(der: &[u8]) -> Result<X509Certificate<'_>, CertificateFormatError> {
    let read = X509Certificate::from_der(der);
    let (rest, certificate) =
        read.map_err(|error| CertificateFormatError::Malformed { reason: error.to_string() })?;
    if !rest.is_empty() {
        return Err(CertificateFormatError::Trailing { len: rest.len() });
    }
    Ok(certificate)
}

pub(crate) fn validity(certificate: &X509Certificate<'_>) -> Validity {
    let validity = certificate.validity();
    Validity {
        not_before: Timestamp::from_secs(validity.not_before.timestamp()),
        not_after: Timestamp::from_secs(validity.not_after.timestamp()),
    }
}

fn names(name: &X509Name<'_>) -> BTreeMap<String, Vec<String>> {
    let mut names = BTreeMap::<_, Vec<_>>::new();
    for attribute in name.iter_attributes() {
        let key = attribute_name(&attribute.attr_type().to_id_string());
        if let (Some(key), Ok(value)) = (key, attribute.as_str()) {
            names.entry(key.to_owned()).or_default().push(value.to_owned());
        }
    }
    names
}

/// AWS IoT's name of a distinguished name's attribute; those it has no name for are left out.
fn attribute_name(oid: &str) -> Option<&'static str> {
    Some(match oid {
        "2.5.4.3" => "CommonName",
        "2.5.4.4" => "Surname",
        "2.5.4.5" => "SerialNumber",
        "2.5.4.6" => "Country",
        "2.5.4.7" => "LocalityName",
        "2.5.4.8" => "State",
        "2.5.4.10" => "Organization",
        "2.5.4.11" => "OrganizationalUnit",
        "2.5.4.12" => "Title",
        "2.5.4.42" => "GivenName",
        "2.5.4.43" => "Initials",
        "2.5.4.44" => "GenerationQualifier",
        "2.5.4.46" => "DistinguishedNameQualifier",
        "2.5.4.65" => "Pseudonym",
        _ => return None,
    })
}

fn alternative_names(certificate: &X509Certificate<'_>) -> BTreeMap<String, Vec<String>> {
    let mut names = BTreeMap::<_, Vec<_>>::new();
    let extension = certificate.subject_alternative_name().ok().flatten();
    for name in extension.iter().flat_map(|extension| &extension.value.general_names) {
        if let Some((key, value)) = alternative_name(name) {
            names.entry(key.to_owned()).or_default().push(value);
        }
    }
    names
}

fn alternative_name(name: &GeneralName<'_>) -> Option<(&'static str, String)> {
    match name {
        GeneralName::RFC822Name(text) => Some(("RFC822Name", (*text).to_owned())),
        GeneralName::DNSName(text) => Some(("DNSName", (*text).to_owned())),
        GeneralName::URI(text) => Some(("UniformResourceIdentifier", (*text).to_owned())),
        GeneralName::IPAddress(octets) => Some(("IPAddress", address(octets)?)),
        GeneralName::RegisteredID(oid) => Some(("RegisteredID", oid.to_id_string())),
        GeneralName::OtherName(..)
        | GeneralName::X400Address(_)
        | GeneralName::DirectoryName(_)
        | GeneralName::EDIPartyName(_)
        | GeneralName::Invalid(..) => None,
    }
}

fn address(octets: &[u8]) -> Option<String> {
    use std::net::{Ipv4Addr, Ipv6Addr};
    let four = <[u8; 4]>::try_from(octets).map(|octets| Ipv4Addr::from(octets).to_string());
    let six = <[u8; 16]>::try_from(octets).map(|octets| Ipv6Addr::from(octets).to_string());
    four.or(six).ok()
}
