//! Mitigation tasks: begun, shown, listed, cancelled.

use std::collections::BTreeMap;

use perennial_core::{
    audit::{CheckName, MitigationTarget},
    ids::{AuditTaskId, FindingId},
    time::Timestamp,
};
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    super::{findings, tasks as audit_tasks},
    actions::{self, MitigationAction},
};
use crate::{
    Store, StoreError,
    events::{self, count},
    row::{from_json, to_json},
};

/// The most mitigation tasks in progress at once.
const MAX_TASKS: i64 = 10;
/// The most actions for one check's findings.
const MAX_ACTIONS_A_CHECK: usize = 5;

/// How far a mitigation task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "AWS's names say it")]
pub enum MitigationStatus {
    InProgress,
    Completed,
    Failed,
    Canceled,
}

/// How many findings of a check came how far: `TaskStatisticsForAuditCheck`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "AWS's names say it")]
pub struct FindingCounts {
    pub total_findings_count: u64,
    pub failed_findings_count: u64,
    pub succeeded_findings_count: u64,
    pub skipped_findings_count: u64,
    pub canceled_findings_count: u64,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MitigationRequest {
    /// The task's id, which the caller gives.
    pub task_id: String,
    /// Which findings.
    pub target: MitigationTarget,
    /// For each check the names of actions, taken in this order.
    pub audit_check_to_actions_mapping: BTreeMap<CheckName, Vec<String>>,
    /// The same token again is the same request.
    pub client_request_token: String,
    /// Ours: takes actions that cut devices off, too.
    #[serde(default)]
    pub forced: bool,
}

/// A mitigation task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MitigationTask {
    /// What was asked for.
    #[serde(flatten)]
    pub request: MitigationRequest,
    /// How far it is.
    pub task_status: MitigationStatus,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// The actions as they were when it began.
    pub actions_definition: Vec<MitigationAction>,
    /// What became of the findings.
    pub task_statistics: BTreeMap<CheckName, FindingCounts>,
}

impl MitigationStatus {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "IN_PROGRESS",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
            Self::Canceled => "CANCELED",
        }
    }
}

impl Store {
    /// Starts a task (`StartAuditMitigationActionsTask`); it is in progress when this returns.
    ///
    /// # Errors
    /// [`StoreError::Exists`] for an id with another token and for a token with another id,
    /// [`StoreError::Refused`] for a target
    /// or mapping that says nothing, [`StoreError::NotFound`] for an action, finding or audit task,
    /// [`StoreError::LimitExceeded`] for an eleventh task at once.
    pub async fn start_mitigation(
        &self,
        request: MitigationRequest,
        now: Timestamp,
    ) -> Result<MitigationTask, StoreError> {
        self.write(move |connection| start(connection, request, now)).await
    }

    /// A task (`DescribeAuditMitigationActionsTask`).
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn mitigation_task(&self, id: String) -> Result<MitigationTask, StoreError> {
        self.read(move |connection| existing(connection, &id)).await
    }

    /// Tasks that began in the span, by their start, behind `after`, at most `limit`
    /// (`ListAuditMitigationActionsTasks`).
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub async fn mitigation_tasks(
        &self,
        (from, to): (Timestamp, Timestamp),
        (audit_task, finding, status): (
            Option<AuditTaskId>,
            Option<FindingId>,
            Option<MitigationStatus>,
        ),
        after: Option<(Timestamp, String)>,
        limit: usize,
    ) -> Result<Vec<MitigationTask>, StoreError> {
        self.read(move |connection| {
            let (at, id) = after.unwrap_or((Timestamp::from_millis(i64::MIN), String::new()));
            let mut statement = connection.prepare_cached(
                "SELECT task FROM mitigation_tasks t WHERE started_at >= ? AND started_at < ? \
                 AND (started_at, id) > (?, ?) AND status = COALESCE(?, status) \
                 AND (?6 IS NULL OR audit_task = ?6) AND (?7 IS NULL OR EXISTS (SELECT 1 \
                 FROM mitigation_executions e WHERE e.finding = ?7 AND e.task = t.id)) \
                 ORDER BY started_at, id LIMIT ?8",
            )?;
            let rows = statement.query_map(
                params![
                    from.as_millis(),
                    to.as_millis(),
                    at.as_millis(),
                    id,
                    status.map(MitigationStatus::as_str),
                    audit_task.map(|id| id.as_bytes().to_vec()),
                    finding.map(|id| id.as_bytes().to_vec()),
                    count(limit)
                ],
                |row| row.get::<_, String>(0),
            )?;
            rows.map(|text| from_json("mitigation task", &text?)).collect()
        })
        .await
    }

    /// Stops a task (`CancelAuditMitigationActionsTask`); what was done stays done.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or [`StoreError::Refused`] when it is over.
    pub async fn cancel_mitigation(&self, id: String, now: Timestamp) -> Result<(), StoreError> {
        self.write(move |connection| {
            let task = existing(connection, &id)?;
            if task.task_status != MitigationStatus::InProgress {
                let reason = format!("mitigation task {id} is over");
                return Err(StoreError::Refused(reason));
            }
            end(connection, &task, MitigationStatus::Canceled, now)
        })
        .await
    }
}

fn start(
    connection: &Connection,
    request: MitigationRequest,
    now: Timestamp,
) -> Result<MitigationTask, StoreError> {
    if let Some(earlier) = find(connection, &request.task_id)? {
        let same = earlier.request.client_request_token == request.client_request_token;
        let exists =
            StoreError::Exists { what: "mitigation task", name: request.task_id, id: None };
        return if same { Ok(earlier) } else { Err(exists) };
    }
    let mapping = &request.audit_check_to_actions_mapping;
    let counted = |names: &Vec<String>| (1..=MAX_ACTIONS_A_CHECK).contains(&names.len());
    if !request.target.is_lawful() || mapping.is_empty() || !mapping.values().all(counted) {
        let reason = "name the findings by auditTaskId or by 1 to 25 findingIds, and 1 to 5 \
             actions for each check";
        return Err(StoreError::Refused(reason.to_owned()));
    }
    check_token(connection, &request.client_request_token)?;
    if let Some(id) = request.target.audit_task_id {
        audit_tasks::existing(connection, id)?;
    }
    for id in &request.target.finding_ids {
        findings::existing(connection, *id)?;
    }
    let at_once: i64 = connection
        .prepare_cached("SELECT COUNT(*) FROM mitigation_tasks WHERE status = 'IN_PROGRESS'")?
        .query_row([], |row| row.get(0))?;
    if at_once >= MAX_TASKS {
        return Err(StoreError::limit(10, "mitigation tasks at once"));
    }
    let mut names: Vec<&String> = mapping.values().flatten().collect();
    names.sort_unstable();
    names.dedup();
    let actions = names.into_iter().map(|name| actions::existing(connection, name));
    let task = MitigationTask {
        actions_definition: actions.collect::<Result<_, _>>()?,
        request,
        task_status: MitigationStatus::InProgress,
        started_at: now,
        ended_at: None,
        task_statistics: BTreeMap::new(),
    };
    connection
        .prepare_cached(
            "INSERT INTO mitigation_tasks (id, status, started_at, audit_task, task) \
             VALUES (?, ?, ?, ?, ?)",
        )?
        .execute(params![
            task.request.task_id,
            task.task_status.as_str(),
            now.as_millis(),
            task.request.target.audit_task_id.map(|id| id.as_bytes().to_vec()),
            to_json("mitigation task", &task)?,
        ])?;
    let body = json!({ "taskId": task.request.task_id, "forced": task.request.forced });
    events::append(connection, "mitigation.started", &body, now)?;
    Ok(task)
}

/// A token that stands for a task stands for no other one.
fn check_token(connection: &Connection, token: &str) -> Result<(), StoreError> {
    let earlier: Option<String> = connection
        .prepare_cached(
            "SELECT id FROM mitigation_tasks INDEXED BY mitigation_tasks_by_token \
             WHERE json_extract(task, '$.clientRequestToken') = ?",
        )?
        .query_row([token], |row| row.get(0))
        .optional()?;
    match earlier {
        None => Ok(()),
        Some(id) => {
            let name = format!("of this clientRequestToken, {id},");
            Err(StoreError::Exists { what: "mitigation task", name, id: None })
        }
    }
}

pub(super) fn end(
    connection: &Connection,
    task: &MitigationTask,
    status: MitigationStatus,
    now: Timestamp,
) -> Result<(), StoreError> {
    let ended = MitigationTask { task_status: status, ended_at: Some(now), ..task.clone() };
    write(connection, &ended)?;
    let body = json!({ "taskId": task.request.task_id, "status": status,
        "statistics": task.task_statistics });
    events::append(connection, "mitigation.ended", &body, now)
}

pub(super) fn write(connection: &Connection, task: &MitigationTask) -> Result<(), StoreError> {
    connection
        .prepare_cached("UPDATE mitigation_tasks SET status = ?, task = ? WHERE id = ?")?
        .execute(params![
            task.task_status.as_str(),
            to_json("mitigation task", task)?,
            task.request.task_id
        ])?;
    Ok(())
}

fn find(connection: &Connection, id: &str) -> Result<Option<MitigationTask>, StoreError> {
    let text: Option<String> = connection
        .prepare_cached("SELECT task FROM mitigation_tasks WHERE id = ?")?
        .query_row([id], |row| row.get(0))
        .optional()?;
    text.map(|text| from_json("mitigation task", &text)).transpose()
}

pub(super) fn existing(connection: &Connection, id: &str) -> Result<MitigationTask, StoreError> {
    find(connection, id)?.ok_or_else(|| StoreError::not_found("mitigation task", id))
}
