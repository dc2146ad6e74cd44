//! Mitigation actions and the tasks that take them: kept, listed, cancelled.

use std::collections::BTreeMap;

use perennial_core::{
    audit::{ActionParams, ActionType, CheckName, MitigationTarget},
    ids::{AuditTaskId, FindingId},
    time::Timestamp,
};
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    Store, StoreError,
    events::{self, count},
    row::{from_json, to_json},
    tags,
};

/// The most actions in an account.
const MAX_ACTIONS: i64 = 100;
/// The most mitigation tasks in progress at once.
const MAX_TASKS: i64 = 10;
/// The most actions for one check's findings.
const MAX_ACTIONS_A_CHECK: usize = 5;

/// A mitigation action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MitigationAction {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: String,
    /// The role that AWS would act with; kept and shown.
    pub role_arn: String,
    /// What it does.
    pub action_params: ActionParams,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub modified_at: Timestamp,
}

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
    /// Makes an action (`CreateMitigationAction`).
    ///
    /// # Errors
    /// [`StoreError::Exists`], [`StoreError::LimitExceeded`] for the 101st.
    pub async fn create_mitigation_action(
        &self,
        action: MitigationAction,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            if find_action(connection, &action.name)?.is_some() {
                let name = action.name;
                return Err(StoreError::Exists { what: "mitigation action", name, id: None });
            }
            let count: i64 = connection
                .prepare_cached("SELECT COUNT(*) FROM mitigation_actions")?
                .query_row([], |row| row.get(0))?;
            if count >= MAX_ACTIONS {
                return Err(StoreError::limit(100, "mitigation actions"));
            }
            put_action(connection, &action, now)
        })
        .await
    }

    /// An action (`DescribeMitigationAction`).
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn mitigation_action(&self, name: String) -> Result<MitigationAction, StoreError> {
        self.read(move |connection| existing_action(connection, &name)).await
    }

    /// Actions of `action_type` if given, by name behind `after`, at most `limit`
    /// (`ListMitigationActions`).
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub async fn mitigation_actions(
        &self,
        action_type: Option<ActionType>,
        after: Option<String>,
        limit: usize,
    ) -> Result<Vec<MitigationAction>, StoreError> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT action FROM mitigation_actions WHERE name > ? \
                 AND type = COALESCE(?, type) ORDER BY name LIMIT ?",
            )?;
            let kind = action_type.map(|it| to_json("action type", &it)).transpose()?;
            let bound = params![after.unwrap_or_default(), kind, count(limit)];
            let rows = statement.query_map(bound, |row| row.get::<_, String>(0))?;
            rows.map(|text| from_json("mitigation action", &text?)).collect()
        })
        .await
    }

    /// Changes what is given of an action (`UpdateMitigationAction`).
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Refused`] for parameters of another type.
    pub async fn update_mitigation_action(
        &self,
        name: String,
        role_arn: Option<String>,
        action_params: Option<ActionParams>,
        now: Timestamp,
    ) -> Result<MitigationAction, StoreError> {
        self.write(move |connection| {
            let kept = existing_action(connection, &name)?;
            let action_params = action_params.unwrap_or_else(|| kept.action_params.clone());
            if action_params.action_type() != kept.action_params.action_type() {
                let reason = "an action's type cannot change: make another action".to_owned();
                return Err(StoreError::Refused(reason));
            }
            let role_arn = role_arn.unwrap_or(kept.role_arn);
            let next = MitigationAction { role_arn, action_params, modified_at: now, ..kept };
            put_action(connection, &next, now)?;
            Ok(next)
        })
        .await
    }

    /// Deletes an action, if there is one (`DeleteMitigationAction`). Tasks keep what they took.
    ///
    /// # Errors
    /// [`StoreError`] when that cannot be written.
    pub async fn delete_mitigation_action(
        &self,
        name: String,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            let deleted = connection
                .prepare_cached("DELETE FROM mitigation_actions WHERE name = ?")?
                .execute([&name])?;
            if deleted == 0 {
                return Ok(());
            }
            tags::clear_named(connection, tags::MITIGATION_ACTION, &name)?;
            events::append(connection, "mitigation.action_deleted", &json!({ "name": name }), now)
        })
        .await
    }

    /// Starts a task (`StartAuditMitigationActionsTask`); it is in progress when this returns.
    ///
    /// # Errors
    /// [`StoreError::Exists`] for an id with another token, [`StoreError::Refused`] for a target
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
        self.read(move |connection| existing_task(connection, &id)).await
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

    /// Stops a task (`CancelAuditMitigationActionsTask`); what was done stays done.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or [`StoreError::Refused`] when it is over.
    pub async fn cancel_mitigation(&self, id: String, now: Timestamp) -> Result<(), StoreError> {
        self.write(move |connection| {
            let task = existing_task(connection, &id)?;
            if task.task_status != MitigationStatus::InProgress {
                let reason = format!("mitigation task {id} is over");
                return Err(StoreError::Refused(reason));
            }
            end_task(connection, &task, MitigationStatus::Canceled, now)
        })
        .await
    }
}

fn start(
    connection: &Connection,
    request: MitigationRequest,
    now: Timestamp,
) -> Result<MitigationTask, StoreError> {
    if let Some(earlier) = find_task(connection, &request.task_id)? {
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
    if let Some(id) = request.target.audit_task_id {
        super::tasks::existing(connection, id)?;
    }
    for id in &request.target.finding_ids {
        super::findings::existing(connection, *id)?;
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
    let actions = names.into_iter().map(|name| existing_action(connection, name));
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

pub(super) fn end_task(
    connection: &Connection,
    task: &MitigationTask,
    status: MitigationStatus,
    now: Timestamp,
) -> Result<(), StoreError> {
    let ended = MitigationTask { task_status: status, ended_at: Some(now), ..task.clone() };
    write_task(connection, &ended)?;
    let body = json!({ "taskId": task.request.task_id, "status": status,
        "statistics": task.task_statistics });
    events::append(connection, "mitigation.ended", &body, now)
}

pub(super) fn write_task(connection: &Connection, task: &MitigationTask) -> Result<(), StoreError> {
    connection
        .prepare_cached("UPDATE mitigation_tasks SET status = ?, task = ? WHERE id = ?")?
        .execute(params![
            task.task_status.as_str(),
            to_json("mitigation task", task)?,
            task.request.task_id
        ])?;
    Ok(())
}

fn find_task(connection: &Connection, id: &str) -> Result<Option<MitigationTask>, StoreError> {
    let text: Option<String> = connection
        .prepare_cached("SELECT task FROM mitigation_tasks WHERE id = ?")?
        .query_row([id], |row| row.get(0))
        .optional()?;
    text.map(|text| from_json("mitigation task", &text)).transpose()
}

pub(super) fn existing_task(
    connection: &Connection,
    id: &str,
) -> Result<MitigationTask, StoreError> {
    find_task(connection, id)?.ok_or_else(|| StoreError::not_found("mitigation task", id))
}

fn find_action(
    connection: &Connection,
    name: &str,
) -> Result<Option<MitigationAction>, StoreError> {
    let text: Option<String> = connection
        .prepare_cached("SELECT action FROM mitigation_actions WHERE name = ?")?
        .query_row([name], |row| row.get(0))
        .optional()?;
    text.map(|text| from_json("mitigation action", &text)).transpose()
}

fn existing_action(connection: &Connection, name: &str) -> Result<MitigationAction, StoreError> {
    find_action(connection, name)?.ok_or_else(|| StoreError::not_found("mitigation action", name))
}

fn put_action(
    connection: &Connection,
    action: &MitigationAction,
    now: Timestamp,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO mitigation_actions (name, type, action) VALUES (?, ?, ?)",
        )?
        .execute(params![
            action.name,
            to_json("action type", &action.action_params.action_type())?,
            to_json("mitigation action", action)?
        ])?;
    events::append(connection, "mitigation.action_written", &json!(action), now)
}
