//! Levels: how much is recorded, and how grave what is recorded is.

use serde::{Deserialize, Serialize};

/// How much is recorded: what is at least this grave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "AWS's names say it")]
pub enum LogLevel {
    // The less is recorded, the earlier.
    Disabled,
    Error,
    Warn,
    Info,
    Debug,
}

/// How grave it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// What was asked for was not done.
    Error,
    /// It was done, and somebody should look.
    Warn,
    /// It was done.
    Info,
}

impl LogLevel {
    /// Whether that is recorded.
    pub fn records(self, severity: Severity) -> bool {
        let least = match severity {
            Severity::Error => Self::Error,
            Severity::Warn => Self::Warn,
            Severity::Info => Self::Info,
        };
        self >= least
    }
}
