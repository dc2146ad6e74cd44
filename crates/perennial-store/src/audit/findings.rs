//! Findings: written in batches with what mutes them, listed along whichever index the filter has.

use std::collections::BTreeSet;

use aws_lc_rs::digest::{SHA256, digest};
use perennial_core::{
    audit::{AuditTask, CheckName, Finding, NonCompliance, Resource, ResourceIdentifier},
    ids::{AuditTaskId, CertificateId, FindingId},
    time::{Timestamp, days},
};
use perennial_orchestrator::port::ToRotate;
use rusqlite::{Connection, OptionalExtension as _, Row, params, params_from_iter, types::Value};
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
            let reason = "which findings are listed is said by taskId, or by startTime and endTime: \
                          by one of these, not by both and not by neither";
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
    let (range, order, bound) = range(filter, after);
    let mut statement = connection.prepare_cached(&format!(
        "SELECT seq, check_name, found_at, task, resource, suppressed, finding FROM findings \
         {range} ORDER BY {order} LIMIT {LOOKED_AT}"
    ))?;
    let mut rows = statement.query(params_from_iter(bound))?;
    let (mut page, mut looked_at, mut last) = (Vec::new(), 0, None);
    while let Some(row) = rows.next()? {
        if page.len() == limit {
            return Ok((page, last));
        }
        if filter.selects(row)? {
            page.push(from_json("finding", &row.get::<_, String>(6)?)?);
        }
        looked_at += 1;
        last = Some(FindingCursor { check: row.get(1)?, at: row.get(2)?, seq: row.get(0)? });
    }
    Ok((page, last.filter(|_| looked_at == LOOKED_AT)))
}

/// The range of an index that a list runs along, its order, and what is bound to the range: of a
/// resource, which has few findings, else of a task and perhaps its check, else of a span of time.
fn range(
    filter: &FindingFilter,
    after: Option<FindingCursor>,
) -> (&'static str, &'static str, Vec<Value>) {
    let (from, to) = filter.found.unwrap_or((Timestamp::EPOCH, Timestamp::MAX));
    // Behind whatever was found before the span, in however many rows.
    let before = FindingCursor {
        check: String::new(),
        at: from.as_millis().saturating_sub(1),
        seq: if filter.found.is_some() { i64::MAX } else { 0 },
    };
    let FindingCursor { check, at, seq } = after.unwrap_or(before);
    let named = filter.check.map(|it| Value::from(it.to_string()));
    let task = filter.task.map(|it| Value::from(it.as_bytes().to_vec()));
    if let Some(resource) = &filter.resource {
        let seq = if seq == i64::MAX { 0 } else { seq };
        let range = "INDEXED BY findings_by_resource WHERE resource = ? AND seq > ?";
        return (range, "seq", vec![resource.key().into(), seq.into()]);
    }
    let span = [at.into(), seq.into(), to.as_millis().into()];
    match (task, named) {
        (Some(task), Some(check)) => (
            "INDEXED BY findings_by_task WHERE task = ? AND check_name = ? AND seq > ?",
            "seq",
            vec![task, check, seq.into()],
        ),
        (Some(task), None) => (
            "INDEXED BY findings_by_task WHERE task = ? AND (check_name, seq) > (?, ?)",
            "check_name, seq",
            vec![task, check.into(), seq.into()],
        ),
        (None, Some(check)) => (
            "INDEXED BY findings_by_check \
             WHERE check_name = ? AND (found_at, seq) > (?, ?) AND found_at < ?",
            "found_at, seq",
            std::iter::once(check).chain(span).collect(),
        ),
        (None, None) => (
            "INDEXED BY findings_by_time WHERE (found_at, seq) > (?, ?) AND found_at < ?",
            "found_at, seq",
            span.to_vec(),
        ),
    }
}

impl FindingFilter {
    /// Whether it selects a row of [`list`].
    fn selects(&self, row: &Row<'_>) -> Result<bool, StoreError> {
        let check: String = row.get(1)?;
        let found_at = Timestamp::from_millis(row.get(2)?);
        let (task, resource): ([u8; 16], String) = (row.get(3)?, row.get(4)?);
        let suppressed: bool = row.get(5)?;
        Ok(self.task.is_none_or(|it| *it.as_bytes() == task)
            && self.found.is_none_or(|(from, to)| from <= found_at && found_at < to)
            && self.check.is_none_or(|it| it.as_str() == check)
            && self.resource.as_ref().is_none_or(|it| it.key() == resource)
            && self.suppressed.is_none_or(|it| it == suppressed))
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
