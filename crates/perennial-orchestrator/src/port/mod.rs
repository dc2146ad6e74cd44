//! Ports: what the ring asks of the world, in batches. One trait a file.
//!
//! A verb gets a batch and answers item by item in the same order. Every verb is idempotent, since
//! the ring repeats what it is not sure of. An error says only whether to try again; when to is the
//! core's business.

mod audit;
mod authority;
mod clock;
mod journal;
mod messaging;
mod notifier;
mod registry;

pub use audit::{Audit, ToRotate};
pub use authority::{Authority, Delivery, IssueOutcome, IssueRequest, ProofClaim};
pub use clock::{Clock, Entropy};
pub use journal::{
    CommandId, Commit, Fact, FactId, HistoryEntry, Journal, NewRotation, OutboxCommand, StepRecord,
    Stored,
};
pub use messaging::{Messaging, Publication, Reach};
pub use notifier::{Notification, Notifier};
pub use registry::{Enrolment, Registry, Retirement};

use perennial_core::rotation::{Fault, FaultKind};

/// A verb that did not work.
#[derive(Debug, thiserror::Error)]
#[error("{source}")]
pub struct PortError {
    /// Whether to try again.
    pub kind: FaultKind,
    /// Why.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

impl PortError {
    /// An error that may go away by itself.
    pub fn retryable(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { kind: FaultKind::Retryable, source: source.into() }
    }

    /// An error that will not go away.
    pub fn permanent(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { kind: FaultKind::Permanent, source: source.into() }
    }

    /// What the core is told: the whole chain of causes in one line.
    pub fn fault(&self) -> Fault {
        let mut reason = self.source.to_string();
        let mut cause = self.source.source();
        while let Some(error) = cause {
            reason = format!("{reason}: {error}");
            cause = error.source();
        }
        Fault { kind: self.kind, reason }
    }
}
