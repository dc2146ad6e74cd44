//! A finding: one certificate that failed one check in one audit task.

use serde::{Deserialize, Serialize};

use super::check::{CheckName, NonCompliance, ReasonCode, Severity};
use crate::{
    ids::{AuditTaskId, CertificateId, FindingId},
    time::Timestamp,
};

/// One certificate that failed one check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// Its own id.
    pub finding_id: FindingId,
    /// The task that found it.
    pub task_id: AuditTaskId,
    /// The check that failed.
    pub check_name: CheckName,
    /// The certificate that failed it.
    pub certificate_id: CertificateId,
    /// How bad that is.
    pub severity: Severity,
    /// Why it failed.
    pub reason_code: ReasonCode,
    /// When it was found.
    pub found_at: Timestamp,
}

impl Finding {
    /// The finding of `task_id` that `certificate_id` does not comply with `check_name`.
    pub const fn new(
        (finding_id, task_id): (FindingId, AuditTaskId),
        check_name: CheckName,
        certificate_id: CertificateId,
        why: NonCompliance,
        now: Timestamp,
    ) -> Self {
        let NonCompliance { reason_code, severity, .. } = why;
        Self {
            finding_id,
            task_id,
            check_name,
            certificate_id,
            severity,
            reason_code,
            found_at: now,
        }
    }
}
