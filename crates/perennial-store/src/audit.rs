//! Audits: checks walked along an index, page by page, so that other writers get their turn.

use async_trait::async_trait;
use aws_lc_rs::digest::{SHA256, digest};
use perennial_core::{
    audit::{AuditTask, Candidates, Check, CheckName, Finding, TaskStatus, TaskType},
    certificate::Certificate,
    ids::{AuditTaskId, CertificateId, FindingId},
    time::Timestamp,
};
use perennial_orchestrator::port::{Audit, Fact, PortError};
use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::json;

use crate::{
    Store, StoreError,
    events::{self, count},
    journal,
    row::{self, CERTIFICATE, from_json, to_json},
};

/// How many certificates are examined, and findings written, at once.
const PAGE: usize = 2000;

/// What audits check.
#[derive(Debug, Clone)]
pub struct AuditSettings {
    /// The checks, each with its threshold; a scheduled audit runs all.
    pub checks: Vec<Check>,
}

impl Default for AuditSettings {
    /// Certificates about to expire, within Device Defender's 30 days.
    fn default() -> Self {
        Self { checks: vec![Check::with_defaults(CheckName::DeviceCertificateExpiring)] }
    }
}

#[async_trait]
impl Audit for Store {
    async fn run_scheduled(&self, id: AuditTaskId, now: Timestamp) -> Result<(), PortError> {
        Ok(self.run_audit(id, TaskType::ScheduledAuditTask, now).await.map(drop)?)
    }

    async fn last_scheduled(&self) -> Result<Option<Timestamp>, PortError> {
        let job = |connection: &Connection| {
            // One that was cut short does not count: its slot is still owed an audit.
            let sql = "SELECT started_at FROM audit_tasks WHERE scheduled = 1 \
                AND json_extract(task, '$.taskStatus') <> 'FAILED' \
                ORDER BY started_at DESC LIMIT 1";
            let last =
                connection.prepare_cached(sql)?.query_row([], |row| row.get(0)).optional()?;
            Ok(last.map(Timestamp::from_millis))
        };
        Ok(self.read(job).await?)
    }

    async fn to_rotate(
        &self,
        task: AuditTaskId,
        after: Option<CertificateId>,
        limit: usize,
    ) -> Result<Vec<CertificateId>, PortError> {
        let job = move |connection: &Connection| {
            let after = after.map_or_else(Vec::new, |id| id.as_bytes().to_vec());
            let mut statement = connection.prepare_cached(
                "SELECT DISTINCT certificate_id FROM findings \
                 WHERE task = ? AND certificate_id > ? ORDER BY certificate_id LIMIT ?",
            )?;
            let rows = statement
                .query_map(params![task.as_bytes(), after, count(limit)], |row| row.get(0))?;
            Ok(rows.map(|id| id.map(CertificateId::from_bytes)).collect::<Result<_, _>>()?)
        };
        Ok(self.read(job).await?)
    }
}

impl Store {
    /// Runs every configured check as task `id` and answers how it ended.
    ///
    /// # Errors
    /// [`StoreError`] when the store fails half-way; the task is then marked FAILED at next start.
    pub async fn run_audit(
        &self,
        id: AuditTaskId,
        task_type: TaskType,
        now: Timestamp,
    ) -> Result<AuditTask, StoreError> {
        let names: Vec<CheckName> = self.settings.audit.checks.iter().map(|it| it.name).collect();
        let started = AuditTask::start(id, task_type, &names, now);
        let mut task = started.map_err(|error| StoreError::Refused(error.to_string()))?;
        let beginning = task.clone();
        self.write(move |connection| insert_task(connection, &beginning, now)).await?;
        for check in &self.settings.audit.checks {
            let total = self.read(count_active).await?;
            let non_compliant = self.run_check(id, *check, now).await?;
            task.complete_check(check.name, (total, non_compliant), now)
                .map_err(|error| StoreError::Refused(error.to_string()))?;
        }
        let ended = task.clone();
        self.write(move |connection| end_task(connection, &ended, now)).await?;
        Ok(task)
    }

    async fn run_check(
        &self,
        task: AuditTaskId,
        check: Check,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let (mut after, mut found) = (None, 0);
        loop {
            let page =
                self.read(move |connection| candidates(connection, &check, after, now)).await?;
            let Some(last) = page.last() else { return Ok(found) };
            after = Some(place(&check, last, now));
            let findings: Vec<Finding> = page
                .iter()
                .filter_map(|certificate| {
                    let id = certificate.certificate_id;
                    let why = check.examine(certificate, now)?;
                    let ids = (finding_id(task, check.name, id), task);
                    Some(Finding::new(ids, check.name, id, why, now))
                })
                .collect();
            found += findings.len() as u64;
            self.write(move |connection| insert_findings(connection, &findings)).await?;
        }
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

    /// Findings of a task whose certificate is above `after`, in order, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub async fn findings(
        &self,
        task: AuditTaskId,
        after: Option<CertificateId>,
        limit: usize,
    ) -> Result<Vec<Finding>, StoreError> {
        self.read(move |connection| {
            let after = after.map_or_else(Vec::new, |id| id.as_bytes().to_vec());
            let mut statement = connection.prepare_cached(
                "SELECT finding FROM findings WHERE task = ? AND certificate_id > ? \
                 ORDER BY certificate_id, check_name LIMIT ?",
            )?;
            let rows = statement
                .query_map(params![task.as_bytes(), after, count(limit)], |row| {
                    row.get::<_, String>(0)
                })?;
            rows.map(|finding| from_json("finding", &finding?)).collect()
        })
        .await
    }

    /// Marks tasks that an earlier run left in progress as failed; answers how many.
    ///
    /// # Errors
    /// [`StoreError`] when that cannot be written.
    pub async fn fail_interrupted_audits(&self, now: Timestamp) -> Result<usize, StoreError> {
        self.write(move |connection| fail_interrupted(connection, now)).await
    }
}

fn count_active(connection: &Connection) -> Result<u64, StoreError> {
    let count: i64 = connection
        .prepare_cached(
            "SELECT COUNT(*) FROM certificates INDEXED BY certificates_active_by_end \
             WHERE status = 1",
        )?
        .query_row([], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

/// A place in the index that a check walks along: the indexed time and the certificate.
type Place = (Timestamp, CertificateId);

fn place(check: &Check, certificate: &Certificate, now: Timestamp) -> Place {
    let at = match check.candidates(now) {
        Candidates::NotAfterUpTo(_) => certificate.validity.not_after,
        Candidates::CreatedUpTo(_) => certificate.created_at,
    };
    (at, certificate.certificate_id)
}

fn candidates(
    connection: &Connection,
    check: &Check,
    after: Option<Place>,
    now: Timestamp,
) -> Result<Vec<Certificate>, StoreError> {
    let (column, index, up_to) = match check.candidates(now) {
        Candidates::NotAfterUpTo(up_to) => ("not_after", "certificates_active_by_end", up_to),
        Candidates::CreatedUpTo(up_to) => ("created_at", "certificates_active_by_age", up_to),
    };
    let (at, id) =
        after.map_or((i64::MIN, Vec::new()), |(at, id)| (at.as_millis(), id.as_bytes().to_vec()));
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {CERTIFICATE} FROM certificates INDEXED BY {index} WHERE status = 1 \
         AND {column} <= ? AND ({column}, id) > (?, ?) ORDER BY {column}, id LIMIT ?"
    ))?;
    let mut rows = statement.query(params![up_to.as_millis(), at, id, count(PAGE)])?;
    let mut page = Vec::new();
    while let Some(row) = rows.next()? {
        page.push(row::certificate(row)?);
    }
    Ok(page)
}

/// The same finding of the same task always has the same id.
fn finding_id(task: AuditTaskId, check: CheckName, certificate: CertificateId) -> FindingId {
    let input = [task.as_bytes().as_slice(), certificate.as_bytes(), check.as_str().as_bytes()];
    let mut id = [0; 16];
    id.copy_from_slice(&digest(&SHA256, &input.concat()).as_ref()[..16]);
    FindingId::from_bytes(id)
}

fn insert_findings(connection: &Connection, findings: &[Finding]) -> Result<(), StoreError> {
    let mut insert = connection.prepare_cached(
        "INSERT OR IGNORE INTO findings (task, certificate_id, check_name, finding) \
         VALUES (?, ?, ?, ?)",
    )?;
    for finding in findings {
        insert.execute(params![
            finding.task_id.as_bytes(),
            finding.certificate_id.as_bytes(),
            finding.check_name.as_str(),
            to_json("finding", finding)?,
        ])?;
    }
    Ok(())
}

fn insert_task(
    connection: &Connection,
    task: &AuditTask,
    now: Timestamp,
) -> Result<(), StoreError> {
    let scheduled = task.task_type == TaskType::ScheduledAuditTask;
    connection
        .prepare_cached(
            "INSERT OR IGNORE INTO audit_tasks (id, scheduled, started_at, task) VALUES (?, ?, ?, ?)",
        )?
        .execute(params![
            task.task_id.as_bytes(),
            scheduled,
            task.started_at.as_millis(),
            to_json("audit task", task)?,
        ])?;
    events::append(connection, "audit.started", &json!({ "taskId": task.task_id }), now)
}

/// Ends a task and puts that into the inbox, so that its findings are acted upon.
fn end_task(connection: &Connection, task: &AuditTask, now: Timestamp) -> Result<(), StoreError> {
    update_task(connection, task)?;
    journal::insert_fact(connection, Fact::AuditCompleted { task: task.task_id })?;
    let body = json!({ "taskId": task.task_id, "task": task });
    events::append(connection, "audit.completed", &body, now)
}

fn update_task(connection: &Connection, task: &AuditTask) -> Result<(), StoreError> {
    connection
        .prepare_cached("UPDATE audit_tasks SET task = ? WHERE id = ?")?
        .execute(params![to_json("audit task", task)?, task.task_id.as_bytes()])?;
    Ok(())
}

fn fail_interrupted(connection: &Connection, now: Timestamp) -> Result<usize, StoreError> {
    // Tasks run one after the other: only the latest few can have been cut short.
    let tasks: Vec<String> = connection
        .prepare_cached("SELECT task FROM audit_tasks ORDER BY started_at DESC LIMIT 100")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut failed = 0;
    for text in tasks {
        let mut task: AuditTask = from_json("audit task", &text)?;
        if task.task_status != TaskStatus::InProgress {
            continue;
        }
        let checks: Vec<CheckName> = task.audit_details.keys().copied().collect();
        for check in checks {
            // A check that had completed stays completed.
            let _ = task.fail_check(check, now);
        }
        update_task(connection, &task)?;
        failed += 1;
    }
    Ok(failed)
}
