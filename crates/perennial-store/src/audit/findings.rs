//! Findings: written in batches with what mutes them, listed along whichever index the filter has.

use std::collections::BTreeSet;

use aws_lc_rs::digest::{SHA256, digest};
use perennial_core::{
    audit::{AuditTask, CheckName, Finding, NonCompliance, Resource, ResourceIdentifier},
    ids::{AuditTaskId, CertificateId, FindingId},
    time::{Timestamp, days},
};
use perennial_orchestrator::port::ToRotate;
use rusqlite::{Connection, OptionalExtension as _, ToSql, params};
use serde::{Deserialize, Serialize};

use super::suppressions;
use crate::{
    Store, StoreError,
    events::count,
    row::{from_json, to_json},
};

/// How long findings are kept, in days.
pub(super) const KEPT_FOR_DAYS: u64 = 180;
/// How many rows one page looks at, so that a filter that fits little holds nobody up.
const LOOKED_AT: usize = 20_000;

/// Which findings to list; of a task, or found in a span of time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FindingFilter {
    /// Only this task's.
    pub task: Option<AuditTaskId>,
    /// Only those found from the first time on and before the second.
    pub found: Option<(Timestamp, Timestamp)>,
    /// Only this check's.
    pub check: Option<CheckName>,
    /// Only those about this resource.
    pub resource: Option<ResourceIdentifier>,
    /// Only muted ones, or only the others.
    pub suppressed: Option<bool>,
}

/// A place in a list of findings: what the next page begins behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingCursor {
    check: String,
    at: i64,
    seq: i64,
}

/// Which index a list runs along.
#[derive(Debug, Clone, Copy)]
enum Along {
    Resource,
    Task,
    Check,
    Time,
}

impl Store {
    /// Findings that `filter` selects, at most `limit`, and where the next page begins: `None` at
    /// the end. A page may be short of `limit` and still have a next one (`ListAuditFindings`).
    ///
    /// # Errors
    /// [`StoreError::Refused`] when the span begins before what is kept, or the filter has neither
    /// a task nor a span.
    pub async fn findings(
        &self,
        filter: FindingFilter,
        after: Option<FindingCursor>,
        limit: usize,
        now: Timestamp,
    ) -> Result<(Vec<Finding>, Option<FindingCursor>), StoreError> {
        if filter.task.is_some() == filter.found.is_some() {
            let reason = "list findings by taskId, or by startTime and endTime, not both";
            return Err(StoreError::Refused(reason.to_owned()));
        }
        if filter.found.is_some_and(|(from, _)| from < now - days(KEPT_FOR_DAYS)) {
            let reason = format!("findings are kept for {KEPT_FOR_DAYS} days: begin later");
            return Err(StoreError::Refused(reason));
        }
        self.read(move |connection| list(connection, &filter, after, limit)).await
    }

    /// A finding (`DescribeAuditFinding`).
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn finding(&self, id: FindingId) -> Result<Finding, StoreError> {
        self.read(move |connection| existing(connection, id)).await
    }

    /// Resources related to a finding, from the place `after` on, at most `limit`
    /// (`ListRelatedResourcesForAuditFinding`).
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn related_resources(
        &self,
        id: FindingId,
        after: usize,
        limit: usize,
    ) -> Result<Vec<Resource>, StoreError> {
        let finding = self.finding(id).await?;
        Ok(finding.related.into_iter().skip(after).take(limit).collect())
    }

    /// Certificates that a task found wanting and that are to be rotated, behind `after`.
    pub(super) async fn findings_to_rotate(
        &self,
        task: AuditTaskId,
        after: i64,
        limit: usize,
    ) -> Result<Vec<ToRotate>, StoreError> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT seq, rotates FROM findings INDEXED BY findings_that_rotate \
                 WHERE task = ? AND rotates IS NOT NULL AND seq > ? ORDER BY seq LIMIT ?",
            )?;
            let rows =
                statement.query_map(params![task.as_bytes(), after, count(limit)], |row| {
                    let certificate_id = CertificateId::from_bytes(row.get(1)?);
                    Ok(ToRotate { place: row.get(0)?, certificate_id })
                })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }
}

pub(super) fn existing(connection: &Connection, id: FindingId) -> Result<Finding, StoreError> {
    let text: Option<String> = connection
        .prepare_cached("SELECT finding FROM findings WHERE id = ?")?
        .query_row([id.as_bytes()], |row| row.get(0))
        .optional()?;
    from_json("finding", &text.ok_or_else(|| StoreError::not_found("audit finding", id))?)
}

pub(super) fn list(
    connection: &Connection,
    filter: &FindingFilter,
    after: Option<FindingCursor>,
    limit: usize,
) -> Result<(Vec<Finding>, Option<FindingCursor>), StoreError> {
    let FindingCursor { check, at, seq } =
        after.unwrap_or(FindingCursor { check: String::new(), at: i64::MIN, seq: 0 });
    let (from, to) = filter.found.unwrap_or((Timestamp::from_millis(i64::MIN), Timestamp::MAX));
    let (from, to) = (from.as_millis(), to.as_millis());
    let task = filter.task.map(|id| id.as_bytes().to_vec());
    let wanted = filter.check.map(CheckName::as_str);
    let resource = filter.resource.as_ref().map(ResourceIdentifier::key);
    let along = along(filter);
    let (index, begin, order) = match along {
        Along::Resource => ("findings_by_resource", "resource = ?3 AND seq > ?6", "seq"),
        Along::Task => {
            ("findings_by_task", "task = ?1 AND (check_name, seq) > (?4, ?6)", "check_name, seq")
        }
        Along::Check => {
            ("findings_by_check", "check_name = ?2 AND (found_at, seq) > (?5, ?6)", "found_at, seq")
        }
        Along::Time => ("findings_by_time", "(found_at, seq) > (?5, ?6)", "found_at, seq"),
    };
    // Every parameter is named, so that each way binds the same ones.
    let sql = format!(
        "SELECT check_name, found_at, seq, suppressed, finding, \
         (?1 IS NULL OR task = ?1) AND (?2 IS NULL OR check_name = ?2) \
         AND (?3 IS NULL OR resource = ?3) AND ?4 IS NOT NULL AND ?5 IS NOT NULL AND ?6 >= 0 \
         FROM findings INDEXED BY {index} WHERE {begin} AND found_at >= ?7 AND found_at < ?8 \
         ORDER BY {order} LIMIT {LOOKED_AT}"
    );
    let begin = if let (Along::Task, Some(check_name)) = (along, wanted) {
        // A check's own findings are one stretch of the task's.
        if check.as_str() < check_name { (check_name.to_owned(), 0) } else { (check, seq) }
    } else {
        (check, seq)
    };
    // Behind the last finding before the span, however many began with it.
    let at = if at == i64::MIN { from.saturating_sub(1) } else { at };
    let seq = if at < from { i64::MAX } else { begin.1 };
    let seq = if matches!(along, Along::Task | Along::Resource) { begin.1 } else { seq };
    let bound: [&dyn ToSql; 8] = [&task, &wanted, &resource, &begin.0, &at, &seq, &from, &to];
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(&bound[..])?;
    let (mut page, mut looked_at) = (Vec::new(), 0);
    let mut last = None;
    while let Some(row) = rows.next()? {
        if page.len() == limit {
            return Ok((page, last));
        }
        let check: String = row.get(0)?;
        if let (Along::Task, Some(wanted)) = (along, wanted)
            && check != wanted
        {
            return Ok((page, None));
        }
        looked_at += 1;
        let suppressed: bool = row.get(3)?;
        if row.get::<_, bool>(5)? && filter.suppressed.is_none_or(|it| it == suppressed) {
            page.push(from_json("finding", &row.get::<_, String>(4)?)?);
        }
        last = Some(FindingCursor { check, at: row.get(1)?, seq: row.get(2)? });
    }
    Ok((page, last.filter(|_| looked_at == LOOKED_AT)))
}

fn along(filter: &FindingFilter) -> Along {
    match (&filter.resource, filter.task, filter.check) {
        (Some(_), ..) => Along::Resource,
        (None, Some(_), _) => Along::Task,
        (None, None, Some(_)) => Along::Check,
        (None, None, None) => Along::Time,
    }
}

/// How many were written: those that count, and the muted ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) counted: u64,
    pub(super) suppressed: u64,
}

/// Writes what a check found; what was written before is left out.
pub(super) fn write(
    connection: &Connection,
    (task, check): (&AuditTask, CheckName),
    found: Vec<NonCompliance>,
    rotate: &BTreeSet<CheckName>,
    now: Timestamp,
) -> Result<Written, StoreError> {
    let muting = suppressions::any(connection)?;
    let mut insert = connection.prepare_cached(
        "INSERT OR IGNORE INTO findings \
         (id, task, check_name, resource, found_at, suppressed, rotates, finding) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )?;
    let mut written = Written::default();
    for it in found {
        let resource = it.resource.resource_identifier.key();
        let muted = muting && suppressions::mutes(connection, check, &resource, now)?;
        let certificate = it.resource.resource_identifier.device_certificate();
        let rotates = certificate.filter(|_| rotate.contains(&check) && !muted);
        let finding = finding(task, check, &resource, it, (muted, now));
        let inserted = insert.execute(params![
            finding.finding_id.as_bytes(),
            task.task_id.as_bytes(),
            check.as_str(),
            resource,
            now.as_millis(),
            muted,
            rotates.map(|id| *id.as_bytes()),
            to_json("finding", &finding)?,
        ])? as u64;
        if muted { written.suppressed += inserted } else { written.counted += inserted }
    }
    Ok(written)
}

fn finding(
    task: &AuditTask,
    check_name: CheckName,
    key: &str,
    it: NonCompliance,
    (is_suppressed, now): (bool, Timestamp),
) -> Finding {
    Finding {
        finding_id: finding_id(task.task_id, check_name, key),
        task_id: task.task_id,
        check_name,
        task_started_at: task.started_at,
        found_at: now,
        severity: check_name.descriptor().severity,
        resource: it.resource,
        related: it.related,
        reason_code: it.reason_code,
        reason: it.reason,
        is_suppressed,
    }
}

/// The same finding of the same task always has the same id.
fn finding_id(task: AuditTaskId, check: CheckName, resource: &str) -> FindingId {
    let input = [task.as_bytes().as_slice(), check.as_str().as_bytes(), b"/", resource.as_bytes()];
    let mut id = [0; 16];
    id.copy_from_slice(&digest(&SHA256, &input.concat()).as_ref()[..16]);
    FindingId::from_bytes(id)
}
