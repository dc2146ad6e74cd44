//! Sweeping: what audits no longer need goes, a bounded number of rows at a time.

use perennial_core::time::{Timestamp, days};
use rusqlite::{Connection, params};

use super::findings::KEPT_FOR_DAYS;
use crate::{Store, StoreError, events::count};

impl Store {
    /// Deletes findings and tasks older than 180 days, mitigation tasks likewise, and
    /// suppressions that are over: at most `limit` of each. Answers how many in all.
    ///
    /// # Errors
    /// [`StoreError`] when that cannot be written.
    pub async fn sweep_audits(&self, limit: usize, now: Timestamp) -> Result<usize, StoreError> {
        let before = now - days(KEPT_FOR_DAYS);
        self.write(move |connection| {
            let mut deleted = 0;
            for (sql, before) in [
                (
                    "DELETE FROM findings WHERE seq IN (SELECT seq FROM findings \
                  INDEXED BY findings_by_time WHERE found_at < ? LIMIT ?)",
                    before,
                ),
                (
                    "DELETE FROM audit_tasks WHERE id IN (SELECT id FROM audit_tasks \
                  WHERE started_at < ? LIMIT ?)",
                    before,
                ),
                (
                    "DELETE FROM mitigation_tasks WHERE id IN (SELECT id FROM mitigation_tasks \
                  WHERE started_at < ? AND status <> 'IN_PROGRESS' LIMIT ?)",
                    before,
                ),
                (
                    "DELETE FROM audit_suppressions WHERE (check_name, resource) IN (SELECT \
                  check_name, resource FROM audit_suppressions INDEXED BY \
                  audit_suppressions_by_end WHERE expires_at IS NOT NULL AND expires_at < ? \
                  LIMIT ?)",
                    now,
                ),
            ] {
                deleted += delete(connection, sql, before, limit)?;
            }
            Ok(deleted)
        })
        .await
    }
}

fn delete(
    connection: &Connection,
    sql: &str,
    before: Timestamp,
    limit: usize,
) -> Result<usize, StoreError> {
    Ok(connection.prepare_cached(sql)?.execute(params![before.as_millis(), count(limit)])?)
}
