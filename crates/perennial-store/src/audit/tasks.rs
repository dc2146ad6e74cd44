//! Audit tasks: started, run in turn, listed, cancelled; their end is told in its transaction.

use perennial_core::{
    audit::{AuditTask, CheckName, Notification, TaskStatus, TaskType},
    ids::AuditTaskId,
    time::Timestamp,
};
use perennial_orchestrator::port::{Clock, Fact};
use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::json;

use super::account::{configuration, refused};
use crate::{
    Store, StoreError,
    events::{self, count},
    journal, notices,
    row::{from_json, to_json},
};

/// The most on-demand tasks in progress at once.
const MAX_ON_DEMAND: i64 = 10;

/// Which tasks to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskFilter {
    /// Started at this time or later.
    pub from: Option<Timestamp>,
    /// Started before this time.
    pub to: Option<Timestamp>,
    /// Only of this type.
    pub task_type: Option<TaskType>,
    /// Only of this status.
    pub task_status: Option<TaskStatus>,
    /// Behind the task with this start and id: the last of the page before.
    pub after: Option<(Timestamp, AuditTaskId)>,
}

impl Store {
    /// Starts a task that runs these checks, which must be enabled (`StartOnDemandAuditTask`).
    /// It is in progress when this returns; it runs in its turn.
    ///
    /// # Errors
    /// [`StoreError::Refused`] with the check that cannot run, [`StoreError::LimitExceeded`] for
    /// an eleventh task at once.
    pub async fn start_audit(
        &self,
        id: AuditTaskId,
        names: Vec<String>,
        now: Timestamp,
    ) -> Result<AuditTask, StoreError> {
        self.write(move |connection| {
            let configuration = configuration(connection)?.unwrap_or_default();
            let checks = configuration.runnable(&names).map_err(refused)?;
            start_on_demand(connection, id, &checks, now)
        })
        .await
    }

    /// Audits now whatever is enabled, and answers how that ended.
    ///
    /// # Errors
    /// [`StoreError`] as for [`start_audit`](Self::start_audit), or when the store fails half-way.
    pub async fn run_audit(
        &self,
        id: AuditTaskId,
        clock: &dyn Clock,
    ) -> Result<AuditTask, StoreError> {
        let claimed = self.claim_audit(id);
        let now = clock.now();
        self.write(move |connection| {
            let enabled = configuration(connection)?.unwrap_or_default().enabled();
            start_on_demand(connection, id, &enabled, now)
        })
        .await?;
        let ended = self.run_claimed(id, clock).await;
        drop(claimed);
        ended
    }

    /// A task (`DescribeAuditTask`).
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn audit_task(&self, id: AuditTaskId) -> Result<AuditTask, StoreError> {
        self.read(move |connection| existing(connection, id)).await
    }

    /// Tasks that `filter` selects, the earliest first, at most `limit` (`ListAuditTasks`).
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub async fn list_audit_tasks(
        &self,
        filter: TaskFilter,
        limit: usize,
    ) -> Result<Vec<AuditTask>, StoreError> {
        self.read(move |connection| list(connection, &filter, limit)).await
    }

    /// Audit tasks, the latest first, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub async fn audit_tasks(&self, limit: usize) -> Result<Vec<AuditTask>, StoreError> {
        self.read(move |connection| {
            let mut statement = connection
                .prepare_cached("SELECT task FROM audit_tasks ORDER BY started_at DESC LIMIT ?")?;
            let rows = statement.query_map([count(limit)], |row| row.get::<_, String>(0))?;
            rows.map(|task| from_json("audit task", &task?)).collect()
        })
        .await
    }

    /// Stops a task in progress (`CancelAuditTask`): no further page is looked at.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or [`StoreError::Refused`] when it is over.
    pub async fn cancel_audit(&self, id: AuditTaskId, now: Timestamp) -> Result<(), StoreError> {
        let account = self.settings.audit.account.clone();
        self.write(move |connection| {
            let mut task = existing(connection, id)?;
            task.cancel(now).map_err(refused)?;
            end(connection, &task, &account, now)
        })
        .await
    }

    /// Marks tasks that an earlier run left in progress as failed; answers how many.
    ///
    /// # Errors
    /// [`StoreError`] when that cannot be written.
    pub async fn fail_interrupted_audits(&self, now: Timestamp) -> Result<usize, StoreError> {
        let account = self.settings.audit.account.clone();
        self.write(move |connection| {
            let interrupted = in_progress(connection, 1000)?;
            for id in &interrupted {
                let mut task = existing(connection, *id)?;
                for check in task.audit_details.clone().into_keys() {
                    // A check that had completed stays completed.
                    let _ = task.fail_check(check, "the server stopped meanwhile", now);
                }
                end_as(connection, &task, (&account, TaskStatus::Failed), now)?;
            }
            Ok(interrupted.len())
        })
        .await
    }

    /// The task in progress that began first and that nobody runs.
    pub(super) async fn next_audit_task(&self) -> Result<Option<AuditTaskId>, StoreError> {
        let waiting = self.read(|connection| in_progress(connection, 100)).await?;
        let running = self.audits.running.lock();
        Ok(waiting.into_iter().find(|id| !running.contains(id)))
    }

    /// Messages about audits that ended and were not handed on, the earliest first.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub async fn audit_notifications(
        &self,
        limit: usize,
    ) -> Result<Vec<(i64, String)>, StoreError> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id, message FROM audit_notifications ORDER BY id LIMIT ?",
            )?;
            let rows = statement.query_map([count(limit)], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Forgets a message that was handed on, and takes in that people are to be told of its audit.
    ///
    /// # Errors
    /// [`StoreError`] when that cannot be written; it is then handed on again.
    pub async fn audit_notified(&self, id: i64, now: Timestamp) -> Result<(), StoreError> {
        let settings = self.settings.clone();
        self.write(move |connection| {
            let message: Option<String> = connection
                .prepare_cached("DELETE FROM audit_notifications WHERE id = ? RETURNING message")?
                .query_row([id], |row| row.get(0))
                .optional()?;
            let Some(message) = message else { return Ok(()) };
            let told: Notification = from_json("audit notification", &message)?;
            notices::take_in(connection, &settings.notices, &[told.fact()], now)
        })
        .await
    }
}

fn start_on_demand(
    connection: &Connection,
    id: AuditTaskId,
    checks: &[CheckName],
    now: Timestamp,
) -> Result<AuditTask, StoreError> {
    let at_once: i64 = connection
        .prepare_cached(
            "SELECT COUNT(*) FROM audit_tasks WHERE status = 'IN_PROGRESS' \
             AND type = 'ON_DEMAND_AUDIT_TASK'",
        )?
        .query_row([], |row| row.get(0))?;
    if at_once >= MAX_ON_DEMAND {
        return Err(StoreError::limit(10, "on-demand audits at once"));
    }
    let task = AuditTask::start(id, TaskType::OnDemandAuditTask, checks, now).map_err(refused)?;
    insert(connection, &task, now)?;
    Ok(task)
}

fn in_progress(connection: &Connection, limit: usize) -> Result<Vec<AuditTaskId>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT id FROM audit_tasks WHERE status = 'IN_PROGRESS' ORDER BY started_at, id LIMIT ?",
    )?;
    let rows =
        statement.query_map([count(limit)], |row| row.get(0).map(AuditTaskId::from_bytes))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn existing(connection: &Connection, id: AuditTaskId) -> Result<AuditTask, StoreError> {
    let text: Option<String> = connection
        .prepare_cached("SELECT task FROM audit_tasks WHERE id = ?")?
        .query_row([id.as_bytes()], |row| row.get(0))
        .optional()?;
    let text = text.ok_or_else(|| StoreError::not_found("audit task", id))?;
    from_json("audit task", &text)
}

fn list(
    connection: &Connection,
    filter: &TaskFilter,
    limit: usize,
) -> Result<Vec<AuditTask>, StoreError> {
    let (at, id) = filter
        .after
        .map_or((i64::MIN, Vec::new()), |(at, id)| (at.as_millis(), id.as_bytes().to_vec()));
    let mut statement = connection.prepare_cached(
        "SELECT task FROM audit_tasks WHERE started_at >= ? AND started_at < ? \
         AND (started_at, id) > (?, ?) AND type = COALESCE(?, type) \
         AND status = COALESCE(?, status) ORDER BY started_at, id LIMIT ?",
    )?;
    let rows = statement.query_map(
        params![
            filter.from.map_or(i64::MIN, Timestamp::as_millis),
            filter.to.map_or(i64::MAX, Timestamp::as_millis),
            at,
            id,
            filter.task_type.map(TaskType::as_str),
            filter.task_status.map(TaskStatus::as_str),
            count(limit),
        ],
        |row| row.get::<_, String>(0),
    )?;
    rows.map(|task| from_json("audit task", &task?)).collect()
}

pub(super) fn insert(
    connection: &Connection,
    task: &AuditTask,
    now: Timestamp,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO audit_tasks (id, status, type, schedule, started_at, task) \
             VALUES (?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            task.task_id.as_bytes(),
            task.task_status.as_str(),
            task.task_type.as_str(),
            task.scheduled_audit_name,
            task.started_at.as_millis(),
            to_json("audit task", task)?,
        ])?;
    let body = json!({ "taskId": task.task_id, "scheduledAuditName": task.scheduled_audit_name });
    events::append(connection, "audit.started", &body, now)
}

/// Writes how far a task in progress is; answers whether it still is in progress.
pub(super) fn update(connection: &Connection, task: &AuditTask) -> Result<bool, StoreError> {
    let changed = connection
        .prepare_cached("UPDATE audit_tasks SET task = ? WHERE id = ? AND status = 'IN_PROGRESS'")?
        .execute(params![to_json("audit task", task)?, task.task_id.as_bytes()])?;
    Ok(changed > 0)
}

/// Ends a task. What a completed one found is put into the inbox, to be acted upon.
pub(super) fn end(
    connection: &Connection,
    task: &AuditTask,
    account: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    end_as(connection, task, (account, task.task_status), now)
}

fn end_as(
    connection: &Connection,
    task: &AuditTask,
    (account, status): (&str, TaskStatus),
    now: Timestamp,
) -> Result<(), StoreError> {
    let task = &AuditTask { task_status: status, ended_at: Some(now), ..task.clone() };
    connection
        .prepare_cached("UPDATE audit_tasks SET status = ?, task = ? WHERE id = ?")?
        .execute(
            params![status.as_str(), to_json("audit task", task)?, task.task_id.as_bytes(),],
        )?;
    if status == TaskStatus::Completed {
        journal::insert_fact(connection, Fact::AuditCompleted { task: task.task_id })?;
    }
    let message = to_json("audit notification", &Notification::of(task, account))?;
    connection
        .prepare_cached("INSERT INTO audit_notifications (message) VALUES (?)")?
        .execute([&message])?;
    let body = serde_json::from_str(&message).unwrap_or_default();
    let kind = match status {
        TaskStatus::Canceled => "audit.canceled",
        TaskStatus::Failed | TaskStatus::InProgress => "audit.failed",
        TaskStatus::Completed => "audit.completed",
    };
    events::append(connection, kind, &body, now)
}
