//! The audit: finds certificates that want rotating.

use async_trait::async_trait;
use perennial_core::{
    ids::{AuditTaskId, CertificateId},
    time::Timestamp,
};

use super::PortError;

/// Examines every certificate.
#[async_trait]
pub trait Audit: Send + Sync {
    /// Runs the configured checks as task `id`. When it returns the findings are durable, and the
    /// fact that the task completed is in the inbox, written in the same transaction as its end.
    async fn run_scheduled(&self, id: AuditTaskId, now: Timestamp) -> Result<(), PortError>;

    /// When a scheduled audit started last.
    async fn last_scheduled(&self) -> Result<Option<Timestamp>, PortError>;

    /// Certificates that the task found wanting and that a rotation mends, above `after`, in
    /// order, at most `limit`.
    async fn to_rotate(
        &self,
        task: AuditTaskId,
        after: Option<CertificateId>,
        limit: usize,
    ) -> Result<Vec<CertificateId>, PortError>;
}
