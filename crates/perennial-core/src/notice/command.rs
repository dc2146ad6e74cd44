//! What a notice wants done.

use serde::{Deserialize, Serialize};

/// Whom to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recipient {
    /// Those who are told first.
    First,
    /// Those who are told when the first did not acknowledge, or cannot be reached.
    Second,
}

impl Recipient {
    /// Both.
    pub const ALL: [Self; 2] = [Self::First, Self::Second];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Second => "second",
        }
    }
}

/// Why people are told of a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Occasion {
    /// There is one.
    Opening,
    /// More happened, or it matters more than it did.
    Update,
    /// Nobody acknowledged it.
    Escalation,
    /// It is over.
    Closing,
}

impl Occasion {
    /// All.
    pub const ALL: [Self; 4] = [Self::Opening, Self::Update, Self::Escalation, Self::Closing];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Opening => "opening",
            Self::Update => "update",
            Self::Escalation => "escalation",
            Self::Closing => "closing",
        }
    }
}

/// One thing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Command {
    /// Tell people of the notice as it is now.
    Tell {
        /// Whom.
        to: Recipient,
        /// Why.
        occasion: Occasion,
    },
}
