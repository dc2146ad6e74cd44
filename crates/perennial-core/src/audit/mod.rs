//! Device Defender's audit: checks over what the registry knows, and the findings they make.
//!
//! Each check is a pure function from facts to [`NonCompliance`]; [`CheckName::descriptor`] says
//! what is known of it beforehand. Where a check looks (a range of an index) is decided here too,
//! how it is walked is the store's. Names, reason codes and severities are AWS IoT Device
//! Defender's; what is ours is named so.

mod configuration;
pub mod connections;
mod descriptor;
mod finding;
pub mod hygiene;
mod key_quality;
mod mitigation;
mod name;
mod notification;
pub mod policies;
mod reason;
mod resource;
pub mod revocation;
pub mod roca;
mod schedule;
mod scheduled;
mod suppression;
mod task;
mod threshold;
pub mod validity;

pub use configuration::{
    AccountConfiguration, CheckConfiguration, ConfigurationError, ConfigurationUpdate,
    NotificationTarget,
};
pub use descriptor::{ConfigurationKey, Descriptor};
pub use finding::{Finding, MAX_RELATED, NonCompliance};
pub use key_quality::{Blocklist, BlocklistError, KeyPrint, KeyQuality};
pub use mitigation::{
    ActionParams, ActionType, CertificateAction, HeldBy, MitigationTarget, Plan, PolicyTemplate,
    Refusal, Remedy, plan,
};
pub use name::{CheckName, UnknownCheckName};
pub use notification::Notification;
pub use reason::{ReasonCode, Severity, UnknownReasonCode};
pub use resource::{IssuerCertificate, PolicyVersion, Resource, ResourceIdentifier, ResourceType};
pub use schedule::{Schedule, ScheduleError};
pub use scheduled::{DayOfMonth, DayOfWeek, Frequency, Recurrence, RecurrenceError};
pub use suppression::{Suppression, SuppressionError};
pub use task::{
    AuditTask, CheckDetails, CheckRunStatus, Counted, TaskError, TaskStatistics, TaskStatus,
    TaskType,
};
pub use threshold::{Threshold, ThresholdError};
pub use validity::Candidates;
