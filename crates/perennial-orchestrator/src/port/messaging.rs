//! Messaging: publishes to devices and knows which are connected.

use async_trait::async_trait;
use bytes::Bytes;
use perennial_core::{ids::ClientId, rotation::Presence, topic::Kind};

use super::PortError;

/// A message for a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// The device.
    pub client_id: ClientId,
    /// Which of its topics.
    pub kind: Kind,
    /// The payload.
    pub payload: Bytes,
}

/// How far a message went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// To this many sessions.
    Sessions(usize),
    /// Handed to a broker that does not tell.
    Unknown,
}

/// Talks to devices.
#[async_trait]
pub trait Messaging: Send + Sync {
    /// Publishes with QoS 1; answers each publication in order.
    async fn publish(&self, batch: Vec<Publication>) -> Vec<Result<Reach, PortError>>;

    /// Who is connected now.
    async fn presence(&self, client_ids: &[ClientId]) -> Result<Vec<Presence>, PortError>;
}
