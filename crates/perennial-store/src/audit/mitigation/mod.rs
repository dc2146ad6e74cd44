//! Mitigation: actions, the tasks that take them for findings, and what becomes of each.

mod actions;
mod executions;
mod holders;
mod run;
mod tasks;

pub use actions::MitigationAction;
pub use executions::{Execution, ExecutionStatus};
pub use run::{Remedies, RemedyError};
pub use tasks::{FindingCounts, MitigationRequest, MitigationStatus, MitigationTask};
