//! How near its end, or how old, a certificate has to be before a check finds it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::days;

/// The span a check measures a certificate against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Duration", into = "Duration")]
pub struct Threshold(Duration);

/// A span that is no threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ThresholdError {
    /// Outside the range that AWS IoT Device Defender takes.
    #[error("a threshold must be 30 to 3652 days, not {0}")]
    Days(u64),
    /// Nothing, or longer than the longest number of days.
    #[error("a threshold must be longer than 0 and at most 3652 days, not {0:?}")]
    Span(Duration),
}

impl Threshold {
    /// The fewest days of `CERT_EXPIRATION_THRESHOLD_IN_DAYS` and `CERT_AGE_THRESHOLD_IN_DAYS`.
    pub const MIN_DAYS: u64 = 30;
    /// The most days of either.
    pub const MAX_DAYS: u64 = 3652;
    /// 30 days: the default for expiry.
    pub const EXPIRY: Self = Self(days(30));
    /// 365 days: the default for age.
    pub const AGE: Self = Self(days(365));

    /// A span known to be in range.
    pub(super) const fn of(span: Duration) -> Self {
        Self(span)
    }

    /// `n` days, as AWS IoT Device Defender takes them.
    ///
    /// # Errors
    /// [`ThresholdError::Days`] unless `n` is from 30 to 3652.
    pub fn days(n: u64) -> Result<Self, ThresholdError> {
        if (Self::MIN_DAYS..=Self::MAX_DAYS).contains(&n) {
            Ok(Self(days(n)))
        } else {
            Err(ThresholdError::Days(n))
        }
    }

    /// Any span, for certificates that live shorter than AWS's smallest threshold: one that lives
    /// 7 days would be found by a threshold of 30 from its first day on.
    ///
    /// # Errors
    /// [`ThresholdError::Span`] when it is zero or over 3652 days.
    pub fn custom(span: Duration) -> Result<Self, ThresholdError> {
        if span.is_zero() || span > days(Self::MAX_DAYS) {
            return Err(ThresholdError::Span(span));
        }
        Ok(Self(span))
    }

    /// The span.
    pub const fn as_duration(self) -> Duration {
        self.0
    }
}

impl TryFrom<Duration> for Threshold {
    type Error = ThresholdError;
    fn try_from(span: Duration) -> Result<Self, ThresholdError> {
        Self::custom(span)
    }
}

impl From<Threshold> for Duration {
    fn from(threshold: Threshold) -> Self {
        threshold.0
    }
}
