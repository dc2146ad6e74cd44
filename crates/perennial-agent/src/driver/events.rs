//! What an agent tells whoever watches it.

use std::sync::Arc;

use perennial_core::{
    device::{ConnectFailure, Slot},
    ids::ClientId,
    topic::Kind,
};

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A session is up.
    Connected {
        /// With which credential.
        slot: Slot,
    },
    /// A try to connect failed.
    ConnectFailed {
        /// With which credential.
        slot: Slot,
        /// What it means.
        failure: ConnectFailure,
        /// In words.
        reason: String,
    },
    /// The session is over.
    Disconnected {
        /// Why.
        reason: String,
    },
    /// The machine moved.
    StateChanged {
        /// The state before.
        from: &'static str,
        /// The state now.
        to: &'static str,
    },
    /// The document is durable.
    Persisted {
        /// With this state.
        state: &'static str,
    },
    /// A message was sent; it may not have arrived.
    Sent {
        /// Its kind.
        kind: Kind,
    },
}

/// Called on the agent's own task with each event.
pub type Observer = Arc<dyn Fn(&ClientId, Event) + Send + Sync>;
