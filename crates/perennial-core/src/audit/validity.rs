//! The checks of time: which certificates end soon, have ended, or are too old.

use super::{NonCompliance, ReasonCode, ResourceIdentifier, Threshold};
use crate::{
    certificate::{Certificate, CertificateStatus, Validity},
    time::Timestamp,
};

/// The certificates that can fail a check: a range of an index over the ACTIVE ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Candidates {
    /// Those whose validity ends at this time or before.
    NotAfterUpTo(Timestamp),
    /// Those registered at this time or before.
    CreatedUpTo(Timestamp),
}

impl Candidates {
    /// Where `DEVICE_CERTIFICATE_EXPIRING_CHECK` looks: all in this range fail, and no other.
    pub fn expiring(threshold: Threshold, now: Timestamp) -> Self {
        Self::NotAfterUpTo(now + threshold.as_duration())
    }

    /// Where `DEVICE_CERTIFICATE_AGE_CHECK` looks: all in this range fail, and no other.
    pub fn aged(threshold: Threshold, now: Timestamp) -> Self {
        Self::CreatedUpTo(now - threshold.as_duration())
    }

    /// Whether `certificate` lies in the range.
    pub fn include(self, certificate: &Certificate) -> bool {
        match self {
            Self::NotAfterUpTo(last) => certificate.validity.not_after <= last,
            Self::CreatedUpTo(last) => certificate.created_at <= last,
        }
    }
}

/// Why a validity fails an expiring check, if it does.
pub fn expiry(validity: Validity, threshold: Threshold, now: Timestamp) -> Option<ReasonCode> {
    if validity.not_after < now {
        return Some(ReasonCode::CertificatePastExpiration);
    }
    let soon = validity.not_after <= now + threshold.as_duration();
    soon.then_some(ReasonCode::CertificateApproachingExpiration)
}

/// `DEVICE_CERTIFICATE_EXPIRING_CHECK`: whether an ACTIVE certificate ends within the threshold.
pub fn expiring(
    certificate: &Certificate,
    threshold: Threshold,
    now: Timestamp,
) -> Option<NonCompliance> {
    in_scope(certificate)?;
    let reason = expiry(certificate.validity, threshold, now)?;
    let finding = found(certificate, reason);
    let ends = certificate.validity.not_after.as_millis();
    Some(NonCompliance { resource: finding.resource.with("EXPIRATION_TIME", ends), ..finding })
}

/// `DEVICE_CERTIFICATE_AGE_CHECK`: whether an ACTIVE certificate is as old as the threshold.
pub fn aged(
    certificate: &Certificate,
    threshold: Threshold,
    now: Timestamp,
) -> Option<NonCompliance> {
    in_scope(certificate)?;
    let old = Candidates::aged(threshold, now).include(certificate);
    old.then(|| found(certificate, ReasonCode::CertificatePastAgeThreshold))
}

/// Only an ACTIVE certificate can fail: deactivating it mends the finding.
fn in_scope(certificate: &Certificate) -> Option<()> {
    (certificate.status == CertificateStatus::Active).then_some(())
}

fn found(certificate: &Certificate, reason: ReasonCode) -> NonCompliance {
    let resource = ResourceIdentifier::DeviceCertificateId(certificate.certificate_id);
    NonCompliance::new(resource, reason)
}
