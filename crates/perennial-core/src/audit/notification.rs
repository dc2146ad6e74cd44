//! What is told when an audit ends: the JSON that Device Defender publishes through SNS.

use serde::{Deserialize, Serialize};

use super::{AuditTask, CheckName, CheckRunStatus, TaskStatus, TaskType};
use crate::{ids::AuditTaskId, notice::Fact};

/// The message (schema `arn:aws:iot:::schema:auditnotification/1.0`). It names no certificate: who
/// reads it lists the findings of the task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notification {
    account_id: String,
    task_id: AuditTaskId,
    task_status: TaskStatus,
    task_type: TaskType,
    #[serde(skip_serializing_if = "Option::is_none")]
    scheduled_audit_name: Option<String>,
    failed_checks_count: usize,
    canceled_checks_count: usize,
    non_compliant_checks_count: usize,
    compliant_checks_count: usize,
    total_checks_count: usize,
    /// Milliseconds since the epoch, where the API has seconds.
    task_start_time: i64,
    audit_details: Vec<Details>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    check_name: CheckName,
    check_run_status: CheckRunStatus,
    non_compliant_resources_count: u64,
    suppressed_non_compliant_resources_count: u64,
    total_resources_count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<String>,
}

impl Notification {
    /// The message about a task that ended in the account.
    pub fn of(task: &AuditTask, account: &str) -> Self {
        let counts = task.statistics();
        let details = task.audit_details.iter().map(|(check_name, it)| Details {
            check_name: *check_name,
            check_run_status: it.check_run_status,
            non_compliant_resources_count: it.non_compliant,
            suppressed_non_compliant_resources_count: it.suppressed,
            total_resources_count: it.total,
            message: it.message.clone(),
            error_code: it.error_code.clone(),
        });
        Self {
            account_id: account.to_owned(),
            task_id: task.task_id,
            task_status: task.task_status,
            task_type: task.task_type,
            scheduled_audit_name: task.scheduled_audit_name.clone(),
            failed_checks_count: counts.failed_checks,
            canceled_checks_count: counts.canceled_checks,
            non_compliant_checks_count: counts.non_compliant_checks,
            compliant_checks_count: counts.compliant_checks,
            total_checks_count: counts.total_checks,
            task_start_time: task.started_at.as_millis(),
            audit_details: details.collect(),
        }
    }

    /// What people are to be told of it.
    pub fn fact(&self) -> Fact {
        Fact::AuditCompleted {
            task: self.task_id,
            schedule: self.scheduled_audit_name.clone(),
            status: self.task_status,
            non_compliant_checks: self.non_compliant_checks_count,
            failed_checks: self.failed_checks_count,
            total_checks: self.total_checks_count,
        }
    }
}
