//! Issuing: decide everything, let the intent be recorded, then sign.

use perennial_core::{
    certificate::Validity,
    ids::{CertificateId, Digest, ThingName},
    time::Timestamp,
};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose,
    SanType,
};
use rustls_pki_types::CertificateDer;
use time::OffsetDateTime;

use crate::{
    Authority, Profile, PublicKey, PublicKeyError, Serial, ServerNames, ServerProfile, VerifiedCsr,
    handed_out::NOBODY,
    pem_of_certificate,
    profile::{thing_uri, validity},
    sha256,
};

/// Why no certificate is issued.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IssueError {
    /// The issuing certificate is not valid at the time.
    #[error("the issuing certificate is valid from {} to {} (seconds since 1970), not at {}; \
             correct the clock or make another authority",
            issuer.not_before.as_secs(), issuer.not_after.as_secs(), now.as_secs())]
    IssuerNotValid {
        /// The issuing certificate's validity.
        issuer: Validity,
        /// The time of issuing.
        now: Timestamp,
    },
    /// The certificate would have ended when it was made.
    #[error("a certificate that ends at {} would be over at {} (seconds since 1970); \
             give the profile a longer validity or make another authority",
            not_after.as_secs(), now.as_secs())]
    NoTimeLeft {
        /// When it would end.
        not_after: Timestamp,
        /// The time of issuing.
        now: Timestamp,
    },
    /// The intent was made for another issuing certificate.
    #[error("the recorded intent reaches beyond the issuing certificate: prepare it anew")]
    OutlivesIssuer,
    /// The intent's key is not one.
    #[error("the recorded intent has no usable public key: {0}")]
    Key(#[from] PublicKeyError),
    /// A server certificate for nobody.
    #[error("a server certificate needs a DNS name or an IP address")]
    NoServerName,
    /// A server's DNS name that cannot be one.
    #[error("{name:?} is no DNS name: it must be ASCII, punycode if need be")]
    ServerName {
        /// The name.
        name: String,
    },
    /// The signer failed.
    #[error("the certificate could not be signed: {reason}")]
    Signer {
        /// What the signer said.
        reason: String,
    },
}

/// Everything that was decided about a certificate before it is signed: what the store records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// The device it is for.
    pub thing: ThingName,
    /// Its serial number.
    pub serial: Serial,
    /// When it may be used, in whole seconds.
    pub validity: Validity,
    /// The SubjectPublicKeyInfo in DER.
    pub spki: Vec<u8>,
}

/// A certificate that is decided and may be signed once its intent is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    thing: ThingName,
    serial: Serial,
    validity: Validity,
    key: PublicKey,
}

impl Prepared {
    /// The device it is for.
    pub fn thing(&self) -> &ThingName {
        &self.thing
    }

    /// Its serial number.
    pub fn serial(&self) -> Serial {
        self.serial
    }

    /// When it may be used.
    pub fn validity(&self) -> Validity {
        self.validity
    }

    /// SHA-256 of its key's SubjectPublicKeyInfo.
    pub fn spki_digest(&self) -> Digest {
        self.key.digest()
    }

    /// What to record before signing; [`Authority::resume`] takes it back.
    pub fn intent(&self) -> Intent {
        Intent {
            thing: self.thing.clone(),
            serial: self.serial,
            validity: self.validity,
            spki: self.key.spki().to_vec(),
        }
    }
}

/// A signed certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// The certificate in DER.
    pub der: CertificateDer<'static>,
    /// SHA-256 of the DER.
    pub certificate_id: CertificateId,
    /// Its serial number.
    pub serial: Serial,
    /// When it may be used.
    pub validity: Validity,
    /// SHA-256 of its key's SubjectPublicKeyInfo.
    pub spki_digest: Digest,
}

impl Issued {
    /// The certificate as one PEM block.
    pub fn pem(&self) -> String {
        pem_of_certificate(&self.der)
    }
}

impl Authority {
    /// Decides a device's certificate: its subject is `thing`, whatever the CSR says.
    ///
    /// # Errors
    /// [`IssueError`] when the issuing certificate is not valid now or nothing would be left.
    pub fn prepare(
        &self,
        csr: VerifiedCsr,
        profile: &Profile,
        thing: &ThingName,
        serial: Serial,
        now: Timestamp,
    ) -> Result<Prepared, IssueError> {
        let issuer = self.issuing_validity();
        let validity = validity(profile.validity_for, profile.backdate, issuer, now)?;
        Ok(Prepared { thing: thing.clone(), serial, validity, key: csr.into_public_key() })
    }

    /// Takes up a recorded intent again, after a crash between recording and delivery.
    ///
    /// Signing it gives a certificate that is the same but for the bits of the signature, since
    /// ECDSA draws a nonce: record what was signed before it is delivered, and sign only when
    /// nothing is recorded.
    ///
    /// # Errors
    /// [`IssueError::Key`] when the intent is damaged, [`IssueError::OutlivesIssuer`] when the
    /// issuing certificate is another one by now.
    pub fn resume(&self, intent: Intent) -> Result<Prepared, IssueError> {
        let issuer = self.issuing_validity();
        let Intent { thing, serial, validity, spki } = intent;
        if validity.not_before < issuer.not_before || validity.not_after > issuer.not_after {
            return Err(IssueError::OutlivesIssuer);
        }
        Ok(Prepared { thing, serial, validity, key: PublicKey::from_spki(&spki)? })
    }

    /// Signs what was prepared.
    ///
    /// # Errors
    /// [`IssueError::Signer`] when the signer fails.
    pub fn sign(&self, prepared: Prepared) -> Result<Issued, IssueError> {
        let Prepared { thing, serial, validity, key } = prepared;
        let mut params = leaf(serial, validity)?;
        params.distinguished_name.push(DnType::CommonName, thing.as_str());
        params.subject_alt_names =
            vec![SanType::URI(thing_uri(&thing).try_into().map_err(signer)?)];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.signed(params, serial, validity, &key)
    }

    /// Issues a certificate that no thing has yet, for a device whose CSR somebody vouches for.
    ///
    /// Its subject is the CSR's common name as far as a thing may have that name, or else nobody's.
    /// It carries no thing's URI: which thing it is for is what the registry says.
    ///
    /// # Errors
    /// [`IssueError`] when the issuing certificate is not valid now or the signer fails.
    pub fn issue_unattached(
        &self,
        csr: VerifiedCsr,
        profile: &Profile,
        serial: Serial,
        now: Timestamp,
    ) -> Result<Issued, IssueError> {
        let issuer = self.issuing_validity();
        let validity = validity(profile.validity_for, profile.backdate, issuer, now)?;
        let mut params = leaf(serial, validity)?;
        let name = csr.thing().map_or(NOBODY, ThingName::as_str);
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.signed(params, serial, validity, &csr.into_public_key())
    }

    /// Issues a server's own certificate for `key`, reached under `names`.
    ///
    /// # Errors
    /// [`IssueError`] when there is no proper name, the issuing certificate is not valid now or
    /// the signer fails.
    pub fn issue_server(
        &self,
        names: &ServerNames,
        key: &PublicKey,
        profile: &ServerProfile,
        serial: Serial,
        now: Timestamp,
    ) -> Result<Issued, IssueError> {
        let issuer = self.issuing_validity();
        let validity = validity(profile.validity_for, profile.backdate, issuer, now)?;
        let mut params = leaf(serial, validity)?;
        params.distinguished_name.push(DnType::CommonName, first_name(names)?);
        params.subject_alt_names = alternative_names(names)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.signed(params, serial, validity, key)
    }

    fn signed(
        &self,
        params: CertificateParams,
        serial: Serial,
        validity: Validity,
        key: &PublicKey,
    ) -> Result<Issued, IssueError> {
        let certificate = params.signed_by(key, self.issuer()).map_err(signer)?;
        let der = certificate.der().clone();
        let certificate_id = CertificateId::from_bytes(sha256(&der));
        Ok(Issued { der, certificate_id, serial, validity, spki_digest: key.digest() })
    }
}

/// What every end-entity certificate has: RFC 5280 §4.2.1, each field set, none by default.
fn leaf(serial: Serial, validity: Validity) -> Result<CertificateParams, IssueError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.serial_number = Some(serial.as_bytes().to_vec().into());
    params.not_before = date(validity.not_before)?;
    params.not_after = date(validity.not_after)?;
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

pub(crate) fn date(at: Timestamp) -> Result<OffsetDateTime, IssueError> {
    OffsetDateTime::from_unix_timestamp(at.as_secs())
        .map_err(|error| IssueError::Signer { reason: error.to_string() })
}

fn signer(error: rcgen::Error) -> IssueError {
    IssueError::Signer { reason: error.to_string() }
}

fn first_name(names: &ServerNames) -> Result<String, IssueError> {
    let first = names.dns.first().cloned();
    first.or_else(|| names.ip.first().map(ToString::to_string)).ok_or(IssueError::NoServerName)
}

fn alternative_names(names: &ServerNames) -> Result<Vec<SanType>, IssueError> {
    let dns = names.dns.iter().map(|name| {
        let ascii = name.as_str().try_into();
        ascii.map(SanType::DnsName).map_err(|_| IssueError::ServerName { name: name.clone() })
    });
    let ip = names.ip.iter().map(|address| Ok(SanType::IpAddress(*address)));
    dns.chain(ip).collect()
}
