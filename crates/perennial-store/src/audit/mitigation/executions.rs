//! What became of each action on each finding: recorded once, listed.

use perennial_core::{audit::Finding, ids::FindingId, time::Timestamp};
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::{Deserialize, Serialize};

use super::{
    actions::MitigationAction,
    run::RemedyError,
    tasks::{self, MitigationStatus, MitigationTask},
};
use crate::{
    Store, StoreError,
    events::count,
    row::{from_json, to_json},
};

/// What became of one action on one finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "AWS's names say it")]
pub enum ExecutionStatus {
    Completed,
    Failed,
    Skipped,
}

/// One action on one finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Execution {
    /// The task.
    pub task_id: String,
    /// The finding.
    pub finding_id: FindingId,
    /// The action's name.
    pub action_name: String,
    /// The action's id.
    pub action_id: String,
    /// What became of it.
    pub status: ExecutionStatus,
    /// When it began.
    pub start_time: Timestamp,
    /// When it ended.
    pub end_time: Timestamp,
    /// Why it failed, as a code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// Why it failed, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl Store {
    /// What became of a finding in a task, in the order of the actions, behind place `after`, at
    /// most `limit` (`ListAuditMitigationActionsExecutions`).
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub async fn mitigation_executions(
        &self,
        (task, finding): (String, FindingId),
        status: Option<ExecutionStatus>,
        after: Option<i64>,
        limit: usize,
    ) -> Result<Vec<Execution>, StoreError> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT execution FROM mitigation_executions WHERE task = ? AND finding = ? \
                 AND action_no > ? AND status = COALESCE(?, status) ORDER BY action_no LIMIT ?",
            )?;
            let status = status.map(|it| to_json("execution status", &it)).transpose()?;
            let after = after.unwrap_or(-1);
            let bound = params![task, finding.as_bytes(), after, status, count(limit)];
            let rows = statement.query_map(bound, |row| row.get::<_, String>(0))?;
            rows.map(|text| from_json("mitigation execution", &text?)).collect()
        })
        .await
    }
}

/// How an action on a finding stands.
pub(super) enum Standing {
    ToDo,
    Done(ExecutionStatus),
    Canceled,
}

/// The task, the finding, and the number of the action.
pub(super) type Where = (String, [u8; 16], i64);

pub(super) fn standing(
    connection: &Connection,
    (task, finding, number): &Where,
) -> Result<Standing, StoreError> {
    let status: Option<String> = connection
        .prepare_cached(
            "SELECT status FROM mitigation_executions WHERE task = ? AND finding = ? \
             AND action_no = ?",
        )?
        .query_row(params![task, finding, number], |row| row.get(0))
        .optional()?;
    if let Some(status) = status {
        return Ok(Standing::Done(from_json("execution status", &status)?));
    }
    let canceled = tasks::existing(connection, task)?.task_status != MitigationStatus::InProgress;
    Ok(if canceled { Standing::Canceled } else { Standing::ToDo })
}

pub(super) fn execution(
    task: &MitigationTask,
    finding: &Finding,
    action: &MitigationAction,
    outcome: &Option<Result<(), RemedyError>>,
    (start_time, end_time): (Timestamp, Timestamp),
) -> Execution {
    let error = outcome.as_ref().and_then(|it| it.as_ref().err());
    Execution {
        task_id: task.request.task_id.clone(),
        finding_id: finding.finding_id,
        action_name: action.name.clone(),
        action_id: action.id.clone(),
        status: match outcome {
            None => ExecutionStatus::Skipped,
            Some(Ok(())) => ExecutionStatus::Completed,
            Some(Err(_)) => ExecutionStatus::Failed,
        },
        start_time,
        end_time,
        error_code: error.map(|it| it.code.to_owned()),
        message: error.map(ToString::to_string),
    }
}

pub(super) fn record(
    connection: &Connection,
    (task, finding, number): &Where,
    execution: &Execution,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT OR IGNORE INTO mitigation_executions \
             (task, finding, action_no, status, execution) VALUES (?, ?, ?, ?, ?)",
        )?
        .execute(params![
            task,
            finding,
            number,
            to_json("execution status", &execution.status)?,
            to_json("mitigation execution", execution)?
        ])?;
    Ok(())
}
