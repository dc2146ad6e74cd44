//! The device log: what is recorded of devices, and of which of them.
//!
//! Names, levels and targets are AWS IoT's (AWS IoT Core Developer Guide, "CloudWatch Logs AWS IoT
//! log entries").

mod level;
mod levels;
mod record;
mod target;

pub use level::{LogLevel, Severity};
pub use levels::{Levels, Speaker};
pub use record::{LoggedEvent, Protocol, Record};
pub use target::{LogTarget, LogTargetError, TargetType};
