//! Device Defender's audit: checks over certificates, and the findings they make.
//!
//! A [`Check`] is pure: it says which certificates could fail it ([`Candidates`], a range of an
//! index) and, of one certificate, whether it does. Names, reason codes and severities are AWS
//! IoT Device Defender's.

mod check;
mod finding;
mod schedule;
mod task;
mod threshold;

pub use check::{
    Candidates, Check, CheckName, NonCompliance, ReasonCode, Severity, UnknownCheckName,
};
pub use finding::Finding;
pub use schedule::{Schedule, ScheduleError};
pub use task::{AuditTask, CheckDetails, CheckRunStatus, TaskError, TaskStatus, TaskType};
pub use threshold::{Threshold, ThresholdError};
