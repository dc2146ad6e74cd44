//! What the API asks of the running system, beside the store.

use perennial_core::ids::CertificateId;

/// The running system, as far as the API's changes must reach it at once.
///
/// What a change sets in motion later (rotations, audits) goes through the inbox and is not asked
/// for here.
pub trait Running: Send + Sync {
    /// Live sessions of these certificates notice that something about them changed: their status,
    /// their policies, their things.
    fn certificates_changed(&self, ids: &[CertificateId]);

    /// Where devices connect: a host name, with `:port` unless that is MQTT's usual 8883.
    fn device_endpoint(&self) -> String;
}
