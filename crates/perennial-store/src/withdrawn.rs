//! Withdrawn certificates: what was revoked, or retired by a rotation, and deleted since does not come
//! back because somebody who still has its key shows it.
//!
//! A CA with automatic registration would register it anew, and its template would activate it.

use perennial_core::{ids::CertificateId, time::Timestamp};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::{Store, StoreError, events::count};

impl Store {
    /// Forgets withdrawn certificates that ended before `now`, at most `limit`; answers how many.
    ///
    /// # Errors
    /// [`StoreError`] when that cannot be written.
    pub async fn forget_withdrawn(
        &self,
        limit: usize,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        self.write(move |connection| {
            Ok(connection
                .prepare_cached(
                    "DELETE FROM withdrawn_certificates WHERE id IN (SELECT id \
                     FROM withdrawn_certificates INDEXED BY withdrawn_certificates_by_end \
                     WHERE not_after < ? LIMIT ?)",
                )?
                .execute(params![now.as_millis(), count(limit)])?)
        })
        .await
    }
}

/// Remembers a certificate that is about to be deleted, if it was withdrawn for good.
pub(crate) fn remember(connection: &Connection, id: &CertificateId) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO withdrawn_certificates (id, revoked, not_after) \
             SELECT id, status = 3, not_after FROM certificates \
             WHERE id = ? AND (status = 3 OR retired_at IS NOT NULL)",
        )?
        .execute([id.as_bytes()])?;
    Ok(())
}

/// Refuses a certificate that registers itself and was withdrawn.
pub(crate) fn check_by_itself(
    connection: &Connection,
    id: &CertificateId,
) -> Result<(), StoreError> {
    match find(connection, id)? {
        None => Ok(()),
        Some(true) => Err(revoked(id)),
        Some(false) => Err(StoreError::StateConflict(format!(
            "certificate {id} was retired by a rotation and deleted: it comes back only by hand"
        ))),
    }
}

/// Lets somebody register a certificate who knows what they do, unless it was revoked.
pub(crate) fn check_by_hand(connection: &Connection, id: &CertificateId) -> Result<(), StoreError> {
    if find(connection, id)? == Some(true) {
        return Err(revoked(id));
    }
    connection
        .prepare_cached("DELETE FROM withdrawn_certificates WHERE id = ?")?
        .execute([id.as_bytes()])?;
    Ok(())
}

/// Whether a withdrawn certificate was revoked.
fn find(connection: &Connection, id: &CertificateId) -> Result<Option<bool>, StoreError> {
    Ok(connection
        .prepare_cached("SELECT revoked FROM withdrawn_certificates WHERE id = ?")?
        .query_row([id.as_bytes()], |row| row.get(0))
        .optional()?)
}

fn revoked(id: &CertificateId) -> StoreError {
    StoreError::StateConflict(format!(
        "certificate {id} was revoked before it was deleted, which is for good: issue another one"
    ))
}
