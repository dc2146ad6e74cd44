//! Device Defender's audit: its configuration, tasks, findings, schedules and suppressions.

mod configuration;
mod findings;
mod resource;
mod schedules;
mod suppressions;
mod tasks;

use crate::described::Operation;

/// The operations of the audit.
pub(super) fn operations() -> Vec<Operation> {
    [
        configuration::operations(),
        tasks::operations(),
        findings::operations(),
        schedules::operations(),
        suppressions::operations(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
