//! Running a task: one check after the other, each page by page, with the writer free in between.

use std::sync::Arc;

use perennial_core::{
    audit::{AuditTask, CheckName, Counted, TaskStatus},
    ids::AuditTaskId,
    time::Timestamp,
};
use perennial_orchestrator::port::Clock;
use rusqlite::Connection;

use super::{
    account::{collecting_since, configuration, refused},
    findings::{self, Written},
    look::{self, Context, Place},
    schedules, tasks,
};
use crate::{Store, StoreError};

/// Says that a task is being run by somebody, until it is dropped.
pub(super) struct Claim<'a> {
    store: &'a Store,
    id: AuditTaskId,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.store.audits.running.lock().remove(&self.id);
    }
}

impl Store {
    /// Keeps a task for the caller; `None` when somebody else has it.
    pub(super) fn claim_audit(&self, id: AuditTaskId) -> Option<Claim<'_>> {
        let mine = self.audits.running.lock().insert(id);
        mine.then_some(Claim { store: self, id })
    }

    /// Runs a task that is in progress, unless somebody does; answers how it stands after.
    ///
    /// # Errors
    /// [`StoreError`] when the store fails half-way. The task stays in progress and may be run
    /// again: what was found is not found twice.
    pub async fn run_audit_task(
        &self,
        id: AuditTaskId,
        clock: &dyn Clock,
    ) -> Result<AuditTask, StoreError> {
        let Some(claimed) = self.claim_audit(id) else { return self.audit_task(id).await };
        let ended = self.run_claimed(id, clock).await;
        drop(claimed);
        ended
    }

    /// Runs what is left of a task that the caller has claimed.
    pub(super) async fn run_claimed(
        &self,
        id: AuditTaskId,
        clock: &dyn Clock,
    ) -> Result<AuditTask, StoreError> {
        let mut task = self.audit_task(id).await?;
        let context = Arc::new(self.audit_context(&task).await?);
        for check in task.audit_details.clone().into_keys() {
            if task.task_status != TaskStatus::InProgress {
                break;
            }
            if !context.configuration.is_enabled(check) {
                task.disabled_check(check, clock.now()).map_err(refused)?;
            } else if let Some(counted) = self.run_check(&task, check, &context, clock).await? {
                task.complete_check(check, counted, clock.now()).map_err(refused)?;
            } else {
                // Cancelled meanwhile; that was written already.
                return self.audit_task(id).await;
            }
            self.write_progress(&task, clock.now()).await?;
        }
        self.audit_task(id).await
    }

    async fn write_progress(&self, task: &AuditTask, now: Timestamp) -> Result<(), StoreError> {
        let (task, account) = (task.clone(), self.settings.audit.account.clone());
        self.write(move |connection| {
            // One that was cancelled meanwhile stays so.
            if tasks::update(connection, &task)? && task.task_status != TaskStatus::InProgress {
                tasks::end(connection, &task, &account, now)?;
            }
            Ok(())
        })
        .await
    }

    async fn audit_context(&self, task: &AuditTask) -> Result<Context, StoreError> {
        let surroundings = Arc::clone(&self.audits.surroundings.lock());
        let (settings, task) = (self.settings.audit.clone(), task.clone());
        self.read(move |connection| {
            Ok(Context {
                configuration: configuration(connection)?.unwrap_or_default(),
                collecting_since: collecting_since(connection)?,
                previous_run: previous_run(connection, &task)?,
                now: task.started_at,
                settings,
                surroundings,
            })
        })
        .await
    }

    /// What the check counted; `None` when its task was cancelled meanwhile.
    async fn run_check(
        &self,
        task: &AuditTask,
        check: CheckName,
        context: &Arc<Context>,
        clock: &dyn Clock,
    ) -> Result<Option<Counted>, StoreError> {
        if !check.has_subject() {
            let message = Some("there is nothing of this kind here".to_owned());
            return Ok(Some(Counted { message, ..Counted::default() }));
        }
        let (counting, looking) = (Arc::clone(context), check.descriptor().resource_type);
        let total =
            self.read(move |connection| look::total(connection, looking, &counting)).await?;
        let mut counted = Counted { total, ..Counted::default() };
        let mut place = Some(Place::default());
        while let Some(from) = place {
            let context = Arc::clone(context);
            let looked =
                move |connection: &Connection| look::look(connection, check, &context, &from);
            let (found, next) = self.read(looked).await?;
            place = next;
            let Some(written) = self.write_found(task, check, found, clock.now()).await? else {
                return Ok(None);
            };
            counted.non_compliant += written.counted;
            counted.suppressed += written.suppressed;
            tokio::task::yield_now().await;
        }
        let failed = counted.non_compliant + counted.suppressed;
        counted.total = counted.total.max(failed);
        Ok(Some(counted))
    }

    /// Writes a page's findings; `None` when the task is not in progress any more.
    async fn write_found(
        &self,
        task: &AuditTask,
        check: CheckName,
        found: Vec<perennial_core::audit::NonCompliance>,
        now: Timestamp,
    ) -> Result<Option<Written>, StoreError> {
        if found.is_empty() {
            let id = task.task_id;
            let going = self.read(move |connection| in_progress(connection, id)).await?;
            return Ok(going.then(Written::default));
        }
        let (task, rotate) = (task.clone(), self.settings.audit.rotate.clone());
        self.write(move |connection| {
            if !in_progress(connection, task.task_id)? {
                return Ok(None);
            }
            findings::write(connection, (&task, check), found, &rotate, now).map(Some)
        })
        .await
    }
}

fn in_progress(connection: &Connection, id: AuditTaskId) -> Result<bool, StoreError> {
    Ok(connection
        .prepare_cached("SELECT 1 FROM audit_tasks WHERE id = ? AND status = 'IN_PROGRESS'")?
        .exists([id.as_bytes()])?)
}

/// When the run before of the task's scheduled audit began.
fn previous_run(
    connection: &Connection,
    task: &AuditTask,
) -> Result<Option<Timestamp>, StoreError> {
    let Some(name) = &task.scheduled_audit_name else { return Ok(None) };
    schedules::started_before(connection, name, task.started_at)
}
