//! The notifier: tells people.

use async_trait::async_trait;
use perennial_core::{
    ids::{RotationId, ThingName},
    rotation::Notice,
    time::Timestamp,
};

use super::PortError;

/// A notice and what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// The rotation.
    pub rotation_id: RotationId,
    /// Its thing.
    pub thing: ThingName,
    /// When the certificate in use ends.
    pub ends_at: Timestamp,
    /// What happened.
    pub notice: Notice,
}

/// Tells people.
#[async_trait]
pub trait Notifier: Send + Sync {
    /// Passes notices on; answers each in order.
    async fn notify(&self, batch: Vec<Notification>, now: Timestamp) -> Vec<Result<(), PortError>>;
}
