//! The checks of authorities and of revocation: what an issuer withdrew and is still active here.

use std::time::Duration;

use super::{
    Blocklist, IssuerCertificate, KeyQuality, NonCompliance, ReasonCode, Resource,
    ResourceIdentifier, Threshold, validity::expiry,
};
use crate::{
    certificate::{CertificateStatus, Validity},
    ids::{CertificateId, Digest},
    time::{Timestamp, days},
};

/// The serial number of a certificate, most significant octet first, without leading zeros.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SerialNumber(Vec<u8>);

impl SerialNumber {
    /// The number in these octets, of which leading zeros say nothing.
    pub fn new(octets: &[u8]) -> Self {
        Self(octets.iter().copied().skip_while(|octet| *octet == 0).collect())
    }

    /// Its octets.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// One certificate that its issuer withdrew (RFC 5280 §5.1.2.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// Its serial number.
    pub serial: SerialNumber,
    /// Since when.
    pub revoked_at: Timestamp,
}

/// A certificate revocation list whose signature was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationList {
    /// SHA-256 of its issuer's name in DER.
    pub issuer: Digest,
    /// When it was made.
    pub this_update: Timestamp,
    /// When the next one will be made.
    pub next_update: Option<Timestamp>,
    /// What it withdraws.
    pub entries: Vec<Revocation>,
}

/// What audits want to know of a device certificate, read from its DER once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateNotes {
    /// SHA-256 of its issuer's name in DER.
    pub issuer: Digest,
    /// Its serial number; with the issuer's name it names the certificate (RFC 5280 §4.1.2.2).
    pub serial: SerialNumber,
    /// SHA-256 of its SubjectPublicKeyInfo.
    pub spki_digest: Digest,
    /// What is known of its key.
    pub key: KeyQuality,
}

/// What is known of an authority whose certificates devices have, or could have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorityFacts {
    /// SHA-256 of its certificate.
    pub certificate_id: CertificateId,
    /// Whether it may be used to register certificates.
    pub status: CertificateStatus,
    /// Its subject in words.
    pub subject: String,
    /// SHA-256 of its subject in DER: what its certificates have as issuer.
    pub subject_digest: Digest,
    /// SHA-256 of its issuer's name in DER.
    pub issuer_digest: Digest,
    /// Its serial number.
    pub serial: SerialNumber,
    /// When it may be used.
    pub validity: Validity,
    /// What is known of its key.
    pub key: KeyQuality,
    /// How long the device certificates live that it issues here; `None` when it issues none.
    pub issues_for: Option<Duration>,
}

impl AuthorityFacts {
    fn is_active(&self) -> bool {
        self.status == CertificateStatus::Active
    }

    fn resource(&self) -> ResourceIdentifier {
        ResourceIdentifier::CaCertificateId(self.certificate_id)
    }

    /// `CA_CERTIFICATE_EXPIRING_CHECK`: ends within 30 days, or has ended.
    pub fn expiring(&self, now: Timestamp) -> Option<NonCompliance> {
        let reason = expiry(self.validity, Threshold::EXPIRY, now).filter(|_| self.is_active())?;
        let mut finding = NonCompliance::new(self.resource(), reason);
        let ends = self.validity.not_after.as_millis();
        finding.resource = finding.resource.with("EXPIRATION_TIME", ends);
        Some(finding)
    }

    /// `CA_CERTIFICATE_KEY_QUALITY_CHECK`.
    pub fn weak_key(&self, listed: &Blocklist) -> Option<NonCompliance> {
        self.is_active().then(|| self.key.examine(self.resource(), listed)).flatten()
    }

    /// `REVOKED_CA_CERTIFICATE_STILL_ACTIVE_CHECK`; `revoked` is what its issuer's list says of it.
    pub fn revoked(&self, revoked: Option<&Revocation>) -> Option<NonCompliance> {
        let revoked = revoked.filter(|_| self.is_active())?;
        let finding = NonCompliance::new(self.resource(), ReasonCode::CertificateRevokedByIssuer);
        Some(since(finding, revoked))
    }

    /// `INTERMEDIATE_CA_REVOKED_FOR_ACTIVE_DEVICE_CERTIFICATES_CHECK`: it was withdrawn, whatever
    /// its status here, and some ACTIVE device certificates are from it: the first few of them.
    pub fn revoked_intermediate(
        &self,
        revoked: Option<&Revocation>,
        issued: &[CertificateId],
    ) -> Option<NonCompliance> {
        let revoked = revoked.filter(|_| !issued.is_empty())?;
        let resource = ResourceIdentifier::IssuerCertificateIdentifier(IssuerCertificate {
            issuer_certificate_subject: self.subject.clone(),
            issuer_id: self.issuer_digest.to_string(),
            issuer_certificate_serial_number: hex::encode(self.serial.as_bytes()),
        });
        let finding = NonCompliance::new(resource, ReasonCode::IntermediateCaRevokedByIssuer);
        let related =
            |id: &CertificateId| Resource::new(ResourceIdentifier::DeviceCertificateId(*id));
        Some(issued.iter().fold(since(finding, revoked), |it, id| it.relating(related(id))))
    }

    /// Ours: it ends before a certificate that it issues now should, or within 30 days of that.
    /// Certificates are then cut short, and rotations come ever more often until none is possible.
    pub fn too_little_life(&self, now: Timestamp) -> Option<NonCompliance> {
        let issues_for = self.issues_for.filter(|_| self.is_active())?;
        let needed = now + issues_for + days(30).min(issues_for);
        (self.validity.not_after < needed).then(|| {
            let reason = ReasonCode::IssuerEndsBeforeItsCertificates;
            let mut finding = NonCompliance::new(self.resource(), reason);
            finding.resource = finding
                .resource
                .with("EXPIRATION_TIME", self.validity.not_after.as_millis())
                .with("ISSUES_FOR_DAYS", issues_for.as_secs() / 86_400);
            finding
        })
    }
}

/// `REVOKED_DEVICE_CERTIFICATE_STILL_ACTIVE_CHECK` of an ACTIVE certificate that is on the list.
pub fn revoked(certificate: CertificateId, revoked_at: Timestamp) -> NonCompliance {
    let resource = ResourceIdentifier::DeviceCertificateId(certificate);
    let mut finding = NonCompliance::new(resource, ReasonCode::CertificateRevokedByIssuer);
    finding.resource = finding.resource.with("REVOCATION_TIME", revoked_at.as_millis());
    finding
}

fn since(mut finding: NonCompliance, revoked: &Revocation) -> NonCompliance {
    let at = revoked.revoked_at.as_millis();
    finding.resource = finding.resource.with("REVOCATION_TIME", at);
    finding
}
