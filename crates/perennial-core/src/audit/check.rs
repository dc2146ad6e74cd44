//! The checks over device certificates: what each finds, and where to look for it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::threshold::Threshold;
use crate::{
    certificate::{Certificate, CertificateStatus},
    time::Timestamp,
};

/// A check by AWS IoT Device Defender's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum CheckName {
    /// Expires within the threshold, or has expired.
    #[serde(rename = "DEVICE_CERTIFICATE_EXPIRING_CHECK")]
    DeviceCertificateExpiring,
    /// Was registered at least the threshold ago.
    #[serde(rename = "DEVICE_CERTIFICATE_AGE_CHECK")]
    DeviceCertificateAge,
}

/// A text that names no check.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no audit check here: use DEVICE_CERTIFICATE_EXPIRING_CHECK or \
     DEVICE_CERTIFICATE_AGE_CHECK"
)]
pub struct UnknownCheckName(String);

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Severity {
    /// `LOW`.
    Low,
    /// `MEDIUM`.
    Medium,
    /// `HIGH`.
    High,
    /// `CRITICAL`.
    Critical,
}

/// Why a certificate fails a check, by AWS's code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ReasonCode {
    /// Still valid, but expires within the threshold.
    CertificateApproachingExpiration,
    /// Not valid any more.
    CertificatePastExpiration,
    /// Registered at least the threshold ago.
    CertificatePastAgeThreshold,
}

/// That a certificate fails a check, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NonCompliance {
    /// The reason's code.
    pub reason_code: ReasonCode,
    /// The reason in words.
    pub reason: &'static str,
    /// How bad that is.
    pub severity: Severity,
}

/// A check with the threshold it is configured with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Check {
    /// Which check.
    pub name: CheckName,
    /// How near the end, or how old.
    pub threshold: Threshold,
}

/// The certificates that can fail a check: a range of an index over the ACTIVE ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Candidates {
    /// Those whose validity ends at this time or before.
    NotAfterUpTo(Timestamp),
    /// Those registered at this time or before.
    CreatedUpTo(Timestamp),
}

impl CheckName {
    /// Every check.
    pub const ALL: [Self; 2] = [Self::DeviceCertificateExpiring, Self::DeviceCertificateAge];

    /// AWS's name for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DeviceCertificateExpiring => "DEVICE_CERTIFICATE_EXPIRING_CHECK",
            Self::DeviceCertificateAge => "DEVICE_CERTIFICATE_AGE_CHECK",
        }
    }

    /// The threshold unless another is configured: 30 days to expiry, 365 days of age.
    pub const fn default_threshold(self) -> Threshold {
        match self {
            Self::DeviceCertificateExpiring => Threshold::EXPIRY,
            Self::DeviceCertificateAge => Threshold::AGE,
        }
    }
}

impl ReasonCode {
    /// AWS's name for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CertificateApproachingExpiration => "CERTIFICATE_APPROACHING_EXPIRATION",
            Self::CertificatePastExpiration => "CERTIFICATE_PAST_EXPIRATION",
            Self::CertificatePastAgeThreshold => "CERTIFICATE_PAST_AGE_THRESHOLD",
        }
    }

    /// What it means, in words.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::CertificateApproachingExpiration => "The certificate expires soon.",
            Self::CertificatePastExpiration => "The certificate has expired and is still active.",
            Self::CertificatePastAgeThreshold => "The certificate is older than it should become.",
        }
    }

    /// How bad AWS rates it.
    pub const fn severity(self) -> Severity {
        match self {
            Self::CertificateApproachingExpiration | Self::CertificatePastExpiration => {
                Severity::Medium
            }
            Self::CertificatePastAgeThreshold => Severity::Low,
        }
    }
}

impl Check {
    /// The check with its default threshold.
    pub const fn with_defaults(name: CheckName) -> Self {
        Self { name, threshold: name.default_threshold() }
    }

    /// Whether `certificate` fails; only an ACTIVE one can.
    pub fn examine(&self, certificate: &Certificate, now: Timestamp) -> Option<NonCompliance> {
        let in_scope = certificate.status == CertificateStatus::Active;
        if !in_scope || !self.candidates(now).include(certificate) {
            return None;
        }
        let reason_code = match self.name {
            CheckName::DeviceCertificateAge => ReasonCode::CertificatePastAgeThreshold,
            CheckName::DeviceCertificateExpiring if certificate.validity.not_after < now => {
                ReasonCode::CertificatePastExpiration
            }
            CheckName::DeviceCertificateExpiring => ReasonCode::CertificateApproachingExpiration,
        };
        let (reason, severity) = (reason_code.in_words(), reason_code.severity());
        Some(NonCompliance { reason_code, reason, severity })
    }

    /// Where to look at `now`: every ACTIVE certificate in this range fails, and no other.
    pub fn candidates(&self, now: Timestamp) -> Candidates {
        let span = self.threshold.as_duration();
        match self.name {
            CheckName::DeviceCertificateExpiring => Candidates::NotAfterUpTo(now + span),
            CheckName::DeviceCertificateAge => Candidates::CreatedUpTo(now - span),
        }
    }
}

impl Candidates {
    /// Whether `certificate` lies in the range.
    pub fn include(self, certificate: &Certificate) -> bool {
        match self {
            Self::NotAfterUpTo(last) => certificate.validity.not_after <= last,
            Self::CreatedUpTo(last) => certificate.created_at <= last,
        }
    }
}

impl fmt::Display for CheckName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for CheckName {
    type Err = UnknownCheckName;
    fn from_str(text: &str) -> Result<Self, UnknownCheckName> {
        let found = Self::ALL.into_iter().find(|name| name.as_str() == text);
        found.ok_or_else(|| UnknownCheckName(text.to_owned()))
    }
}
