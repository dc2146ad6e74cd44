//! The rules: when notices are updated, escalated, held back and closed.

use std::time::Duration;

use super::QuietHours;
use crate::time::days;

/// The spans that bound a notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// How long after a notice was told to tell what came since; doubles each time.
    pub update_for: Duration,
    /// The longest pause between two updates.
    pub max_update_for: Duration,
    /// How long after a notice was told to escalate it unless somebody acknowledged it; never, when
    /// there is nobody to escalate to.
    pub escalate_for: Option<Duration>,
    /// How long nothing must have happened for a notice to be closed.
    pub close_for: Duration,
    /// How long a notice stays open at most, though things go on happening: then it is closed, and
    /// what comes next opens another.
    pub max_open_for: Duration,
    /// For how long before a certificate's end nothing about it is held back.
    pub urgent_for: Duration,
    /// When people are only told what cannot wait.
    pub quiet: Option<QuietHours>,
}

/// Why those are no rules.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RulesError {
    /// A span that would make somebody be told without end.
    #[error("{0} must be at least a second")]
    TooShort(&'static str),
    /// A notice must be closed some day.
    #[error("{0} must be at most 366 days")]
    TooLong(&'static str),
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            update_for: Duration::from_secs(15 * 60),
            max_update_for: days(1),
            escalate_for: None,
            close_for: Duration::from_secs(12 * 3600),
            max_open_for: days(7),
            urgent_for: days(3),
            quiet: None,
        }
    }
}

impl Rules {
    /// Checks that every notice is told a bounded number of times and is closed.
    ///
    /// # Errors
    /// [`RulesError`] names the span.
    pub fn checked(self) -> Result<Self, RulesError> {
        let spans = [
            ("the span to a notice's first update", self.update_for),
            ("the longest span between updates", self.max_update_for),
            ("the span to escalation", self.escalate_for.unwrap_or(days(1))),
            ("the span after which a notice is closed", self.close_for),
            ("the longest span for which a notice is open", self.max_open_for),
        ];
        for (name, span) in spans {
            if span < Duration::from_secs(1) {
                return Err(RulesError::TooShort(name));
            }
            if span > days(366) {
                return Err(RulesError::TooLong(name));
            }
        }
        Ok(self)
    }

    /// The pause before update number `nth` (counted from 1).
    pub(super) fn pause_before_update(&self, nth: u32) -> Duration {
        let factor = 1u32 << nth.saturating_sub(1).min(20);
        let longest = self.max_update_for.max(self.update_for);
        self.update_for.saturating_mul(factor).min(longest)
    }
}
