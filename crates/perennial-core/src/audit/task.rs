//! An audit task: which checks it runs, how far each is, and how it may end.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::check::CheckName;
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
    /// Nothing was found.
    CompletedCompliant,
    /// Something was found.
    CompletedNonCompliant,
    /// It could not run.
    Failed,
    /// Its task was stopped.
    Canceled,
}

/// How far one check is, and how many certificates it has counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckDetails {
    /// How far it is.
    pub check_run_status: CheckRunStatus,
    /// Certificates in the check's scope.
    pub total: u64,
    /// Of those, the ones that failed.
    pub non_compliant: u64,
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
    #[error("{non_compliant} certificates cannot fail a check over {total}")]
    Counts {
        /// How many were in scope.
        total: u64,
        /// How many were said to have failed.
        non_compliant: u64,
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
        let running = CheckDetails {
            check_run_status: CheckRunStatus::InProgress,
            total: 0,
            non_compliant: 0,
        };
        Ok(Self {
            task_id,
            task_type,
            task_status: TaskStatus::InProgress,
            started_at: now,
            ended_at: None,
            audit_details: checks.iter().map(|check| (*check, running)).collect(),
        })
    }

    /// Records that `check` has run over `total` certificates, of which `non_compliant` failed.
    /// The last check's end is the task's.
    ///
    /// # Errors
    /// [`TaskError`] when the task or the check is over, or the counts contradict each other.
    pub fn complete_check(
        &mut self,
        check: CheckName,
        (total, non_compliant): (u64, u64),
        now: Timestamp,
    ) -> Result<(), TaskError> {
        if non_compliant > total {
            return Err(TaskError::Counts { total, non_compliant });
        }
        let check_run_status = match non_compliant {
            0 => CheckRunStatus::CompletedCompliant,
            _ => CheckRunStatus::CompletedNonCompliant,
        };
        self.end_check(check, CheckDetails { check_run_status, total, non_compliant }, now)
    }

    /// Records that `check` could not run.
    ///
    /// # Errors
    /// [`TaskError`] when the task or the check is over.
    pub fn fail_check(&mut self, check: CheckName, now: Timestamp) -> Result<(), TaskError> {
        let check_run_status = CheckRunStatus::Failed;
        self.end_check(check, CheckDetails { check_run_status, total: 0, non_compliant: 0 }, now)
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
