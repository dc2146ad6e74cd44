//! Device Defender's mitigation: actions, and the tasks that take them.

mod actions;
mod forced;
mod tasks;

use crate::described::Operation;

/// The operations of mitigation.
pub(super) fn operations() -> Vec<Operation> {
    [actions::operations(), tasks::operations(), forced::operations()]
        .into_iter()
        .flatten()
        .collect()
}
