//! What the API asks of the running system, beside the store.

use async_trait::async_trait;
use perennial_core::ids::CertificateId;

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

    /// Where devices connect: a host name, with `:port` unless that is MQTT's usual 8883.
    fn device_endpoint(&self) -> String;
}
