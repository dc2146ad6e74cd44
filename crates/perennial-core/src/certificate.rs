//! A registered certificate: its status, which changes of status are lawful, and its validity.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{ids::CertificateId, time::Timestamp};

/// Whether a certificate authenticates. Only [`Active`](Self::Active) does.
///
/// Names as AWS IoT's `CertificateStatus`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CertificateStatus {
    /// Authenticates.
    Active,
    /// Does not authenticate; may be made active again.
    Inactive,
    /// Does not authenticate, for good.
    Revoked,
    /// Presented by a device but not yet accepted by anybody.
    PendingActivation,
}

/// A change of status that is not lawful.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a certificate that is {from} cannot become {to}")]
pub struct UnlawfulTransition {
    /// The status it has.
    pub from: CertificateStatus,
    /// The status that was asked for.
    pub to: CertificateStatus,
}

impl CertificateStatus {
    /// Every status.
    pub const ALL: [Self; 4] =
        [Self::Active, Self::Inactive, Self::Revoked, Self::PendingActivation];

    /// The status after a change to `to`; asking for the status it has is lawful and changes nothing.
    ///
    /// Stricter than AWS IoT: nothing leaves REVOKED, and nothing enters PENDING_ACTIVATION.
    ///
    /// # Errors
    /// [`UnlawfulTransition`] when the change is not lawful.
    pub fn transition(self, to: Self) -> Result<Self, UnlawfulTransition> {
        let lawful = match (self, to) {
            (from, to) if from == to => true,
            (Self::Revoked, _) | (_, Self::PendingActivation) => false,
            (Self::Active | Self::Inactive | Self::PendingActivation, _) => true,
        };
        if lawful { Ok(to) } else { Err(UnlawfulTransition { from: self, to }) }
    }

    /// AWS IoT's name for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Inactive => "INACTIVE",
            Self::Revoked => "REVOKED",
            Self::PendingActivation => "PENDING_ACTIVATION",
        }
    }
}

impl fmt::Display for CertificateStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no certificate status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no certificate status: use ACTIVE, INACTIVE, REVOKED or PENDING_ACTIVATION")]
pub struct UnknownStatus(String);

impl FromStr for CertificateStatus {
    type Err = UnknownStatus;
    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        let found = Self::ALL.into_iter().find(|status| status.as_str() == text);
        found.ok_or_else(|| UnknownStatus(text.to_owned()))
    }
}

/// When a certificate may be used (RFC 5280 §4.1.2.5), both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Validity {
    /// The first moment of use.
    pub not_before: Timestamp,
    /// The last moment of use.
    pub not_after: Timestamp,
}

impl Validity {
    /// Whether `now` lies inside.
    pub fn contains(self, now: Timestamp) -> bool {
        self.not_before <= now && now <= self.not_after
    }
}

/// What the registry says of a certificate, without its DER.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Certificate {
    /// SHA-256 of its DER.
    pub certificate_id: CertificateId,
    /// Whether it authenticates.
    pub status: CertificateStatus,
    /// When it may be used.
    pub validity: Validity,
    /// When it was registered.
    pub created_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::{CertificateStatus::*, *};

    #[test]
    fn only_these_changes_of_status_are_lawful() {
        let mut lawful = Vec::new();

        for from in CertificateStatus::ALL {
            for to in CertificateStatus::ALL {
                if from != to && from.transition(to).is_ok() {
                    lawful.push((from, to));
                }
            }
        }

        assert_eq!(
            lawful,
            [
                (Active, Inactive),
                (Active, Revoked),
                (Inactive, Active),
                (Inactive, Revoked),
                (PendingActivation, Active),
                (PendingActivation, Inactive),
                (PendingActivation, Revoked),
            ]
        );
    }

    #[test]
    fn a_status_reads_back_from_its_own_name() {
        for status in CertificateStatus::ALL {
            assert_eq!(status.as_str().parse(), Ok(status));
        }
        assert!("active".parse::<CertificateStatus>().is_err());
    }
}
