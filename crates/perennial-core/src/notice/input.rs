//! What can happen to a notice: facts, in the past tense.

use super::{Fact, Recipient};

/// One fact about the notice of one fold key, open or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Something happened that people are to be told of.
    Happened {
        /// What.
        fact: Box<Fact>,
    },
    /// What the notice is about is over.
    Resolved,
    /// Somebody says that they see to it.
    Acknowledged {
        /// Who.
        by: String,
    },
    /// A message about it did not get through, however often it was tried.
    DeliveryFailed {
        /// To whom.
        to: Recipient,
    },
    /// The time that the notice waits for has come.
    DeadlinePassed,
}

impl Input {
    /// Its name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Happened { .. } => "Happened",
            Self::Resolved => "Resolved",
            Self::Acknowledged { .. } => "Acknowledged",
            Self::DeliveryFailed { .. } => "DeliveryFailed",
            Self::DeadlinePassed => "DeadlinePassed",
        }
    }
}
