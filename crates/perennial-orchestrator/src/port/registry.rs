//! The registry: things, certificates, and what is attached to what.

use async_trait::async_trait;
use perennial_core::{
    certificate::Certificate,
    ids::{CertificateId, RotationId, ThingName},
    time::Timestamp,
};

use super::PortError;

/// Gives an incoming certificate what the outgoing one has, and activates it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolment {
    /// The rotation.
    pub rotation_id: RotationId,
    /// The thing to attach to.
    pub thing: ThingName,
    /// Whose policies to copy; must be ACTIVE still, or the enrolment fails permanently.
    pub outgoing: CertificateId,
    /// The certificate to attach and activate.
    pub incoming: CertificateId,
}

/// Withdraws a certificate from a thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retirement {
    /// The rotation.
    pub rotation_id: RotationId,
    /// The thing to detach from.
    pub thing: ThingName,
    /// The certificate: detached from the thing, and if it was the thing's alone, detached from its
    /// policies, deactivated, and deleted after the grace. One that is gone is retired.
    pub certificate_id: CertificateId,
}

/// Things and certificates.
#[async_trait]
pub trait Registry: Send + Sync {
    /// What is known of each certificate; `None` for one that is not registered.
    async fn describe(&self, ids: &[CertificateId]) -> Result<Vec<Option<Certificate>>, PortError>;

    /// The things that each certificate is attached to.
    async fn things_of(&self, ids: &[CertificateId]) -> Result<Vec<Vec<ThingName>>, PortError>;

    /// The ACTIVE certificates attached to each thing, the latest first.
    async fn certificates_of(
        &self,
        things: &[ThingName],
    ) -> Result<Vec<Vec<Certificate>>, PortError>;

    /// Carries out enrolments, all in one go; live sessions notice.
    async fn enroll(&self, batch: Vec<Enrolment>, now: Timestamp) -> Vec<Result<(), PortError>>;

    /// Carries out retirements, all in one go; live sessions are cut.
    async fn retire(&self, batch: Vec<Retirement>, now: Timestamp) -> Vec<Result<(), PortError>>;
}
