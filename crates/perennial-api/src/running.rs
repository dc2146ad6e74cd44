//! What the API asks of the running system, beside the store.

use async_trait::async_trait;
use perennial_core::ids::{CertificateId, ThingName};
use perennial_store::{Shared, StoreError};

/// A change is written, and not everything that runs goes by it yet.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NotInForce(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// The running system, as far as the API's changes must reach it at once.
///
/// What a change sets in motion later (rotations, audits) goes through the inbox and is not asked
/// for here.
#[async_trait]
pub trait Running: Send + Sync {
    /// Live sessions of these certificates notice that something about them changed: their status,
    /// their policies, their things.
    fn certificates_changed(&self, ids: &[CertificateId]);

    /// The next handshake notices that a CA was registered, changed or deleted.
    ///
    /// # Errors
    /// [`NotInForce`]; what was trusted before still is.
    async fn cas_changed(&self) -> Result<(), NotInForce>;

    /// Live sessions of this thing notice that its type, its attributes or its groups changed.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read whose they are.
    async fn thing_changed(&self, thing: ThingName) -> Result<(), StoreError>;

    /// Everybody whose rights come from a policy or a group notices that it changed.
    async fn shared_changed(&self, shared: Shared);

    /// What is recorded of devices goes by the levels that are stored now.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    async fn logging_changed(&self) -> Result<(), StoreError>;

    /// Where devices connect: a host name, with `:port` unless that is MQTT's usual 8883.
    fn device_endpoint(&self) -> String;
}
