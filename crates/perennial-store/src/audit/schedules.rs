//! Scheduled audits: a few rows, and which of them is due.

use std::collections::BTreeSet;

use perennial_core::{
    audit::{AuditTask, CheckName, DayOfMonth, DayOfWeek, Frequency, Recurrence, TaskType},
    ids::AuditTaskId,
    registry::Tags,
    time::Timestamp,
};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    DAILY,
    account::{configuration, refused},
    tasks,
};
use crate::{
    Store, StoreError, events,
    row::{from_json, to_json},
    tags,
};

/// The most scheduled audits in an account.
const MAX_SCHEDULED: i64 = 5;

/// One scheduled audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScheduledAudit {
    /// Its name.
    pub name: String,
    /// When it runs.
    #[serde(flatten)]
    pub recurrence: Recurrence,
    /// What it runs.
    pub target_check_names: BTreeSet<CheckName>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Store {
    /// Makes a scheduled audit (`CreateScheduledAudit`).
    ///
    /// # Errors
    /// [`StoreError::Refused`] for a bad name, a disabled check, days that do not go with the
    /// frequency; [`StoreError::Exists`]; [`StoreError::LimitExceeded`] for a sixth.
    pub async fn create_scheduled_audit(
        &self,
        name: String,
        recurrence: Recurrence,
        checks: Vec<String>,
        tags: Tags,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            check_name(&name)?;
            let checks = runnable(connection, &checks)?;
            if find(connection, &name)?.is_some() {
                return Err(StoreError::Exists { what: "scheduled audit", name, id: None });
            }
            let count: i64 = connection
                .prepare_cached("SELECT COUNT(*) FROM scheduled_audits")?
                .query_row([], |row| row.get(0))?;
            if count >= MAX_SCHEDULED {
                let what = "scheduled audits in an account";
                return Err(StoreError::limit(5, what));
            }
            insert(connection, &name, (recurrence, &checks), now)?;
            tags::give(connection, (tags::SCHEDULED_AUDIT, &name), &tags, now)
        })
        .await
    }

    /// A scheduled audit (`DescribeScheduledAudit`).
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn scheduled_audit(&self, name: String) -> Result<ScheduledAudit, StoreError> {
        self.read(move |connection| existing(connection, &name)).await
    }

    /// Every scheduled audit by name (`ListScheduledAudits`): there are at most five.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub async fn scheduled_audits(&self) -> Result<Vec<ScheduledAudit>, StoreError> {
        self.read(all).await
    }

    /// Changes what is given (`UpdateScheduledAudit`).
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or [`StoreError::Refused`] as when making one.
    pub async fn update_scheduled_audit(
        &self,
        name: String,
        frequency: Option<Frequency>,
        (day_of_month, day_of_week): (Option<DayOfMonth>, Option<DayOfWeek>),
        checks: Option<Vec<String>>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            let kept = existing(connection, &name)?;
            let monthly = |it: Frequency| it == Frequency::Monthly;
            let weekly = |it: Frequency| matches!(it, Frequency::Weekly | Frequency::Biweekly);
            let frequency = frequency.unwrap_or(kept.recurrence.frequency);
            let kept_month = kept.recurrence.day_of_month.filter(|_| monthly(frequency));
            let kept_week = kept.recurrence.day_of_week.filter(|_| weekly(frequency));
            let (month, week) = (day_of_month.or(kept_month), day_of_week.or(kept_week));
            let recurrence = Recurrence::new(frequency, month, week).map_err(refused)?;
            let checks = match checks {
                Some(names) => runnable(connection, &names)?,
                None => kept.target_check_names,
            };
            write(connection, &name, (recurrence, &checks))?;
            let body = json!({ "scheduledAuditName": name, "recurrence": recurrence });
            events::append(connection, "audit.rescheduled", &body, now)
        })
        .await
    }

    /// Deletes a scheduled audit (`DeleteScheduledAudit`).
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn delete_scheduled_audit(
        &self,
        name: String,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            existing(connection, &name)?;
            connection
                .prepare_cached("DELETE FROM scheduled_audits WHERE name = ?")?
                .execute([&name])?;
            tags::clear_named(connection, tags::SCHEDULED_AUDIT, &name)?;
            let body = json!({ "scheduledAuditName": name });
            events::append(connection, "audit.unscheduled", &body, now)
        })
        .await
    }

    /// Starts a task, under an id drawn for it, for each scheduled audit that is due and has none
    /// in progress.
    pub(super) async fn start_due_audits(
        &self,
        draw: &(dyn Fn() -> AuditTaskId + Sync),
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let settings = self.settings.audit.clone();
        let due = self
            .read(move |connection| {
                let mut due = Vec::new();
                for audit in all(connection)? {
                    let last = last_started(connection, &audit.name)?;
                    let recurrence = audit.recurrence;
                    let next = if audit.name == DAILY && recurrence == Recurrence::DAILY {
                        settings.daily.next_after(last, now)
                    } else {
                        recurrence.next_after(last, audit.created_at, now)
                    };
                    if next <= now {
                        due.push(audit);
                    }
                }
                Ok(due)
            })
            .await?;
        for audit in due {
            let id = draw();
            self.write(move |connection| start(connection, id, &audit, now)).await?;
        }
        Ok(())
    }
}

fn start(
    connection: &Connection,
    id: AuditTaskId,
    audit: &ScheduledAudit,
    now: Timestamp,
) -> Result<(), StoreError> {
    let checks: Vec<CheckName> = audit.target_check_names.iter().copied().collect();
    let task = AuditTask::start(id, TaskType::ScheduledAuditTask, &checks, now);
    let task = task.map_err(refused)?.scheduled_by(&audit.name);
    tasks::insert(connection, &task, now)
}

/// When its last run began. One that failed does not count: its day is still owed an audit.
pub(super) fn last_started(
    connection: &Connection,
    name: &str,
) -> Result<Option<Timestamp>, StoreError> {
    started_before(connection, name, Timestamp::MAX)
}

/// When its last run before `now` began.
pub(super) fn started_before(
    connection: &Connection,
    name: &str,
    now: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let last = connection
        .prepare_cached(
            "SELECT started_at FROM audit_tasks WHERE schedule = ? AND status <> 'FAILED' \
             AND started_at < ? ORDER BY started_at DESC LIMIT 1",
        )?
        .query_row(params![name, now.as_millis()], |row| row.get(0))
        .optional()?;
    Ok(last.map(Timestamp::from_millis))
}

/// The checks that some scheduled audit runs.
pub(super) fn used_checks(connection: &Connection) -> Result<BTreeSet<CheckName>, StoreError> {
    Ok(all(connection)?.into_iter().flat_map(|audit| audit.target_check_names).collect())
}

pub(super) fn insert(
    connection: &Connection,
    name: &str,
    (recurrence, checks): (Recurrence, &BTreeSet<CheckName>),
    now: Timestamp,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO scheduled_audits (name, recurrence, checks, created_at) \
             VALUES (?, ?, ?, ?)",
        )?
        .execute(params![
            name,
            to_json("recurrence", &recurrence)?,
            to_json("checks", checks)?,
            now.as_millis(),
        ])?;
    let body = json!({ "scheduledAuditName": name, "recurrence": recurrence });
    events::append(connection, "audit.scheduled", &body, now)
}

/// Has a scheduled audit, if it is there, run these too.
pub(super) fn add_checks(
    connection: &Connection,
    name: &str,
    added: &BTreeSet<CheckName>,
) -> Result<(), StoreError> {
    let Some(audit) = find(connection, name)? else { return Ok(()) };
    let checks = audit.target_check_names.union(added).copied().collect();
    write(connection, name, (audit.recurrence, &checks))
}

fn write(
    connection: &Connection,
    name: &str,
    (recurrence, checks): (Recurrence, &BTreeSet<CheckName>),
) -> Result<(), StoreError> {
    connection
        .prepare_cached("UPDATE scheduled_audits SET recurrence = ?, checks = ? WHERE name = ?")?
        .execute(params![to_json("recurrence", &recurrence)?, to_json("checks", checks)?, name])?;
    Ok(())
}

fn runnable(connection: &Connection, names: &[String]) -> Result<BTreeSet<CheckName>, StoreError> {
    let configuration = configuration(connection)?.unwrap_or_default();
    Ok(configuration.runnable(names).map_err(refused)?.into_iter().collect())
}

fn check_name(name: &str) -> Result<(), StoreError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if (1..=128).contains(&name.len()) && name.chars().all(allowed) {
        return Ok(());
    }
    let reason = "a scheduled audit's name is 1 to 128 letters, digits, '_' and '-'";
    Err(StoreError::Refused(reason.to_owned()))
}

const AUDIT: &str = "SELECT name, recurrence, checks, created_at FROM scheduled_audits";

type Columns = (String, String, String, i64);

fn columns(row: &Row<'_>) -> rusqlite::Result<Columns> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
}

fn read((name, recurrence, checks, created_at): Columns) -> Result<ScheduledAudit, StoreError> {
    Ok(ScheduledAudit {
        name,
        recurrence: from_json("recurrence", &recurrence)?,
        target_check_names: from_json("checks", &checks)?,
        created_at: Timestamp::from_millis(created_at),
    })
}

fn find(connection: &Connection, name: &str) -> Result<Option<ScheduledAudit>, StoreError> {
    let mut statement = connection.prepare_cached(&format!("{AUDIT} WHERE name = ?"))?;
    statement.query_row([name], columns).optional()?.map(read).transpose()
}

fn existing(connection: &Connection, name: &str) -> Result<ScheduledAudit, StoreError> {
    find(connection, name)?.ok_or_else(|| StoreError::not_found("scheduled audit", name))
}

fn all(connection: &Connection) -> Result<Vec<ScheduledAudit>, StoreError> {
    let mut statement = connection.prepare_cached(&format!("{AUDIT} ORDER BY name"))?;
    let rows = statement.query_map([], columns)?;
    rows.map(|row| read(row?)).collect()
}
