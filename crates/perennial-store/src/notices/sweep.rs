//! Forgetting: notices that have long been closed, with their deliveries, and facts that nobody
//! will tell again.

use perennial_core::time::Timestamp;
use rusqlite::{Connection, params};

use crate::{Store, StoreError, events::count};

impl Store {
    /// Forgets what is older than it is kept for, at most `limit` of each; answers whether there
    /// may be more.
    ///
    /// # Errors
    /// [`StoreError`] when that cannot be written.
    pub async fn forget_notices(&self, limit: usize, now: Timestamp) -> Result<bool, StoreError> {
        let before = now - self.settings.notices.keep_for;
        self.write(move |connection| sweep(connection, limit, before)).await
    }
}

fn sweep(connection: &Connection, limit: usize, before: Timestamp) -> Result<bool, StoreError> {
    let parameters = params![before.as_millis(), count(limit)];
    let facts = connection
        .prepare_cached(
            "DELETE FROM notice_facts WHERE id IN \
             (SELECT id FROM notice_facts WHERE at < ? ORDER BY at LIMIT ?)",
        )?
        .execute(parameters)?;
    connection
        .prepare_cached(
            "DELETE FROM notice_letters WHERE notice IN \
             (SELECT id FROM notices WHERE opened_at < ? AND open IS NULL \
             ORDER BY opened_at LIMIT ?)",
        )?
        .execute(parameters)?;
    let notices = connection
        .prepare_cached(
            "DELETE FROM notices WHERE id IN (SELECT id FROM notices \
             WHERE opened_at < ? AND open IS NULL ORDER BY opened_at LIMIT ?)",
        )?
        .execute(parameters)?;
    Ok(facts == limit || notices == limit)
}
