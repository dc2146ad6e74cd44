//! The audit: runs checks in tasks, and names the certificates that want rotating.

use async_trait::async_trait;
use perennial_core::{
    ids::{AuditTaskId, CertificateId},
    time::Timestamp,
};

use super::{Clock, PortError};

/// A certificate that an audit found wanting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToRotate {
    /// Where it stands in the task's list; the next page begins behind the last one's.
    pub place: i64,
    /// The certificate.
    pub certificate_id: CertificateId,
}

/// Examines what the registry knows.
#[async_trait]
pub trait Audit: Send + Sync {
    /// Starts a task, under an id that `draw` draws, for each scheduled audit that is due.
    async fn start_due(
        &self,
        draw: &(dyn Fn() -> AuditTaskId + Sync),
        now: Timestamp,
    ) -> Result<(), PortError>;

    /// The task whose turn it is: the first in progress that nobody runs.
    async fn next_task(&self) -> Result<Option<AuditTaskId>, PortError>;

    /// Runs a task. When it has completed the findings are durable, and the fact that it did is in
    /// the inbox, written in the same transaction as its end.
    async fn run(&self, task: AuditTaskId, clock: &dyn Clock) -> Result<(), PortError>;

    /// Certificates that a rotation mends and that nobody muted, of the task's findings, behind
    /// the place `after`, at most `limit`. A certificate that failed two checks comes twice.
    async fn to_rotate(
        &self,
        task: AuditTaskId,
        after: i64,
        limit: usize,
    ) -> Result<Vec<ToRotate>, PortError>;
}
