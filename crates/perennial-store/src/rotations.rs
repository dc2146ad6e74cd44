//! Rotations as people look at them: lists by opening time, one with its history.

use perennial_core::{
    ids::{RotationId, ThingName},
    time::Timestamp,
};
use perennial_orchestrator::port::{HistoryEntry, Journal as _, Stored};
use rusqlite::{Connection, params};

use crate::{Store, StoreError, events::count, row::from_json};

/// Which rotations to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RotationFilter {
    /// Only those of this thing.
    pub thing: Option<ThingName>,
    /// Only those that have not ended.
    pub open: bool,
    /// Only those opened before the one with this opening time and id: the last of the page
    /// before.
    pub before: Option<(Timestamp, RotationId)>,
}

impl Store {
    /// Rotations that `filter` selects, the latest first, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub async fn rotations(
        &self,
        filter: RotationFilter,
        limit: usize,
    ) -> Result<Vec<Stored>, StoreError> {
        let ids = self.read(move |connection| ids(connection, &filter, limit)).await?;
        let found = self.load(&ids).await;
        let found = found.map_err(|error| StoreError::Refused(error.to_string()))?;
        Ok(found.into_iter().flatten().collect())
    }

    /// How many rotations there are in each state, by the state's name. Reads them all: for a
    /// demo's few thousand.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub async fn count_states(&self) -> Result<Vec<(String, u64)>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT json_extract(state, '$.state'), COUNT(*) FROM rotation_states GROUP BY 1",
            )?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, u32>(1)?)))?;
            rows.map(|row| row.map(|(state, count)| (state, count.into())).map_err(Into::into))
                .collect()
        })
        .await
    }

    /// A rotation's history, the earliest first.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    pub async fn history(&self, id: RotationId) -> Result<Vec<HistoryEntry>, StoreError> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT entry FROM rotation_history WHERE rotation_id = ? ORDER BY seq",
            )?;
            let rows = statement.query_map([id.as_bytes()], |row| row.get::<_, String>(0))?;
            rows.map(|entry| from_json("history entry", &entry?)).collect()
        })
        .await
    }
}

fn ids(
    connection: &Connection,
    filter: &RotationFilter,
    limit: usize,
) -> Result<Vec<RotationId>, StoreError> {
    let (opened_at, id) = filter
        .before
        .map_or((i64::MAX, [0xff; 16]), |(opened_at, id)| (opened_at.as_millis(), *id.as_bytes()));
    let before = "(r.opened_at, r.id) < (?1, ?2)";
    let order = "ORDER BY r.opened_at DESC, r.id DESC LIMIT ?3";
    let open = "JOIN rotation_states s ON s.rotation_id = r.id AND s.due_at IS NOT NULL";
    let open = if filter.open { open } else { "" };
    let sql = match &filter.thing {
        Some(_) => {
            format!("SELECT r.id FROM rotations r {open} WHERE r.thing = ?4 AND {before} {order}")
        }
        None => format!("SELECT r.id FROM rotations r {open} WHERE {before} {order}"),
    };
    let mut statement = connection.prepare_cached(&sql)?;
    let read = |row: &rusqlite::Row<'_>| row.get(0).map(RotationId::from_bytes);
    let rows = match &filter.thing {
        Some(thing) => {
            statement.query_map(params![opened_at, id, count(limit), thing.as_str()], read)?
        }
        None => statement.query_map(params![opened_at, id, count(limit)], read)?,
    };
    Ok(rows.collect::<Result<_, _>>()?)
}
