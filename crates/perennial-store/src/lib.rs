//! Registry and journal on SQLite: one writer with group commit, many readers, an event log that
//! shows tampering.
#![warn(missing_docs)]

mod access_keys;
mod actor;
mod attachments;
mod audit;
mod certificates;
mod connections;
mod error;
mod events;
mod intents;
mod journal;
mod migrate;
mod notes;
mod open;
mod page;
mod policies;
mod principals;
mod readers;
mod registry;
mod rotations;
mod row;
mod things;
mod writer;

pub use access_keys::{AccessKey, MAX_ACCESS_KEYS, Secret};
pub use actor::Actor;
pub use attachments::NewUnattached;
pub use audit::{
    AuditFile, AuditSettings, DAILY, Execution, ExecutionStatus, FindingCounts, FindingCursor,
    FindingFilter, MitigationAction, MitigationRequest, MitigationStatus, MitigationTask, Remedies,
    RemedyError, ScheduledAudit, SuppressionPlace, Surroundings, TaskFilter,
};
pub use certificates::{NewCertificate, StoredCertificate};
pub use connections::ConnectionChange;
pub use error::StoreError;
pub use events::{BrokenChain, Event};
pub use intents::{Intent, IntentOutcome, IntentRequest, IssuedCertificate};
pub use open::{OpenError, Settings, Store};
pub use page::{Order, Page};
pub use policies::StoredPolicy;
pub use principals::PrincipalRecord;
pub use rotations::RotationFilter;
