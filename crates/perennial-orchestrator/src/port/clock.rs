//! The clock and the dice, both passed into the core as facts.

use perennial_core::{
    ids::{AuditTaskId, RotationId},
    time::Timestamp,
};

/// Tells the time.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;
}

/// Draws at random, from a source that nobody can guess.
pub trait Entropy: Send + Sync {
    /// A rotation id that was never drawn before.
    fn rotation_id(&self) -> RotationId;
    /// An audit task id that was never drawn before.
    fn audit_task_id(&self) -> AuditTaskId;
    /// A number uniform over all of `u32`.
    fn draw(&self) -> u32;
}
