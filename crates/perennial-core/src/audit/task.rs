//! An audit task: which checks it runs, how far each is, and how it may end.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::CheckName;
use crate::{ids::AuditTaskId, time::Timestamp};

/// What started a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TaskType {
    /// Somebody asked for it.
    OnDemandAuditTask,
    /// Its schedule.
    ScheduledAuditTask,
}

/// How far a task is; all but the first are final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TaskStatus {
    /// Checks are running.
    InProgress,
    /// Every check ended, and at least one did not fail.
    Completed,
    /// Every check failed to run.
    Failed,
    /// Somebody stopped it.
    Canceled,
}

/// How far one check of a task is; all but the first are final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CheckRunStatus {
    /// Looking.
    InProgress,
    /// What it looks at is not there yet; used in counts only, checks here look at what is there.
    WaitingForDataCollection,
    /// Nothing was found.
    CompletedCompliant,
    /// Something was found.
    CompletedNonCompliant,
    /// It could not run.
    Failed,
    /// Its task was stopped.
    Canceled,
}

/// How far one check is, and how many resources it has counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckDetails {
    /// How far it is.
    pub check_run_status: CheckRunStatus,
    /// Resources in the check's scope.
    pub total: u64,
    /// Of those, the ones that failed, the muted ones apart.
    pub non_compliant: u64,
    /// Those that failed and are muted.
    #[serde(default)]
    pub suppressed: u64,
    /// Why it could not run, as a code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// What there is to say of it, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl TaskType {
    /// AWS's name for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OnDemandAuditTask => "ON_DEMAND_AUDIT_TASK",
            Self::ScheduledAuditTask => "SCHEDULED_AUDIT_TASK",
        }
    }
}

impl TaskStatus {
    /// AWS's name for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "IN_PROGRESS",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
            Self::Canceled => "CANCELED",
        }
    }
}

impl CheckDetails {
    /// A check in this status that has counted nothing.
    const fn of(check_run_status: CheckRunStatus) -> Self {
        Self {
            check_run_status,
            total: 0,
            non_compliant: 0,
            suppressed: 0,
            error_code: None,
            message: None,
        }
    }
}

/// What a check has counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counted {
    /// Resources in its scope.
    pub total: u64,
    /// Those that failed, the muted ones apart.
    pub non_compliant: u64,
    /// Those that failed and are muted.
    pub suppressed: u64,
    /// What there is to say of it.
    pub message: Option<String>,
}

/// How many checks of a task are how far: `TaskStatistics`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "AWS's names say it")]
pub struct TaskStatistics {
    pub total_checks: usize,
    pub in_progress_checks: usize,
    pub waiting_for_data_collection_checks: usize,
    pub compliant_checks: usize,
    pub non_compliant_checks: usize,
    pub failed_checks: usize,
    pub canceled_checks: usize,
}

/// A change that a task's state does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TaskError {
    /// A task without checks.
    #[error("an audit task needs at least one check")]
    NoChecks,
    /// The task is over.
    #[error("audit task {0} is {1:?} and cannot change any more")]
    Ended(AuditTaskId, TaskStatus),
    /// The check does not run (any more) in this task.
    #[error("{1} is not in progress in audit task {0}")]
    NotRunning(AuditTaskId, CheckName),
    /// More failed than there are.
    #[error("{failed} resources cannot fail a check over {total}")]
    Counts {
        /// How many were in scope.
        total: u64,
        /// How many were said to have failed.
        failed: u64,
    },
}

/// One run of some checks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditTask {
    /// Its id.
    pub task_id: AuditTaskId,
    /// What started it.
    pub task_type: TaskType,
    /// How far it is.
    pub task_status: TaskStatus,
    /// The scheduled audit that started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled_audit_name: Option<String>,
    /// When it started.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How far each check is.
    pub audit_details: BTreeMap<CheckName, CheckDetails>,
}

impl AuditTask {
    /// A task that starts to run `checks`.
    ///
    /// # Errors
    /// [`TaskError::NoChecks`] when there are none.
    pub fn start(
        task_id: AuditTaskId,
        task_type: TaskType,
        checks: &[CheckName],
        now: Timestamp,
    ) -> Result<Self, TaskError> {
        if checks.is_empty() {
            return Err(TaskError::NoChecks);
        }
        let running = CheckDetails::of(CheckRunStatus::InProgress);
        Ok(Self {
            task_id,
            task_type,
            task_status: TaskStatus::InProgress,
            scheduled_audit_name: None,
            started_at: now,
            ended_at: None,
            audit_details: checks.iter().map(|check| (*check, running.clone())).collect(),
        })
    }

    /// The same task, started by a scheduled audit.
    #[must_use]
    pub fn scheduled_by(self, name: &str) -> Self {
        let scheduled_audit_name = Some(name.to_owned());
        Self { scheduled_audit_name, task_type: TaskType::ScheduledAuditTask, ..self }
    }

    /// Records that `check` has run and what it counted. The last check's end is the task's.
    ///
    /// # Errors
    /// [`TaskError`] when the task or the check is over, or the counts contradict each other.
    pub fn complete_check(
        &mut self,
        check: CheckName,
        counted: Counted,
        now: Timestamp,
    ) -> Result<(), TaskError> {
        let Counted { total, non_compliant, suppressed, message } = counted;
        let failed = non_compliant.saturating_add(suppressed);
        if failed > total {
            return Err(TaskError::Counts { total, failed });
        }
        let status = match non_compliant {
            0 => CheckRunStatus::CompletedCompliant,
            _ => CheckRunStatus::CompletedNonCompliant,
        };
        let of = CheckDetails::of(status);
        self.end_check(check, CheckDetails { total, non_compliant, suppressed, message, ..of }, now)
    }

    /// Records that `check` could not run, and why.
    ///
    /// # Errors
    /// [`TaskError`] when the task or the check is over.
    pub fn fail_check(
        &mut self,
        check: CheckName,
        message: &str,
        now: Timestamp,
    ) -> Result<(), TaskError> {
        let message = Some(message.to_owned());
        let failed = CheckDetails { message, ..CheckDetails::of(CheckRunStatus::Failed) };
        self.end_check(check, failed, now)
    }

    /// Records that `check` was disabled since the task started.
    ///
    /// # Errors
    /// [`TaskError`] when the task or the check is over.
    pub fn disabled_check(&mut self, check: CheckName, now: Timestamp) -> Result<(), TaskError> {
        let error_code = Some("AUDIT_CHECK_DISABLED".to_owned());
        let failed = CheckDetails { error_code, ..CheckDetails::of(CheckRunStatus::Failed) };
        self.end_check(check, failed, now)
    }

    /// Stops the task; checks that have ended keep what they found.
    ///
    /// # Errors
    /// [`TaskError::Ended`] when it is over already.
    pub fn cancel(&mut self, now: Timestamp) -> Result<(), TaskError> {
        self.check_in_progress()?;
        for details in self.audit_details.values_mut() {
            if details.check_run_status == CheckRunStatus::InProgress {
                details.check_run_status = CheckRunStatus::Canceled;
            }
        }
        self.end(TaskStatus::Canceled, now);
        Ok(())
    }

    /// How many of its checks are in this status.
    pub fn count(&self, status: CheckRunStatus) -> usize {
        self.audit_details.values().filter(|check| check.check_run_status == status).count()
    }

    /// How many of its checks are how far.
    pub fn statistics(&self) -> TaskStatistics {
        TaskStatistics {
            total_checks: self.audit_details.len(),
            in_progress_checks: self.count(CheckRunStatus::InProgress),
            waiting_for_data_collection_checks: self
                .count(CheckRunStatus::WaitingForDataCollection),
            compliant_checks: self.count(CheckRunStatus::CompletedCompliant),
            non_compliant_checks: self.count(CheckRunStatus::CompletedNonCompliant),
            failed_checks: self.count(CheckRunStatus::Failed),
            canceled_checks: self.count(CheckRunStatus::Canceled),
        }
    }

    fn check_in_progress(&self) -> Result<(), TaskError> {
        match self.task_status {
            TaskStatus::InProgress => Ok(()),
            ended @ (TaskStatus::Completed | TaskStatus::Failed | TaskStatus::Canceled) => {
                Err(TaskError::Ended(self.task_id, ended))
            }
        }
    }

    fn end_check(
        &mut self,
        check: CheckName,
        outcome: CheckDetails,
        now: Timestamp,
    ) -> Result<(), TaskError> {
        self.check_in_progress()?;
        let running = self
            .audit_details
            .get_mut(&check)
            .filter(|details| details.check_run_status == CheckRunStatus::InProgress);
        *running.ok_or(TaskError::NotRunning(self.task_id, check))? = outcome;
        if self.count(CheckRunStatus::InProgress) == 0 {
            let all_failed = self.count(CheckRunStatus::Failed) == self.audit_details.len();
            self.end(if all_failed { TaskStatus::Failed } else { TaskStatus::Completed }, now);
        }
        Ok(())
    }

    fn end(&mut self, status: TaskStatus, now: Timestamp) {
        self.task_status = status;
        self.ended_at = Some(now);
    }
}
