//! Rotations as people look at them: lists in either direction, one with its history.

use perennial_core::{
    ids::{RotationId, ThingName},
    time::Timestamp,
};
use perennial_orchestrator::port::{HistoryEntry, Journal as _, Stored};
use rusqlite::{Connection, Rows, params};
use serde::{Deserialize, Serialize};

use crate::{
    Order, Page, Store, StoreError,
    events::count,
    page::one_more,
    row::{from_json, thing_name},
};

/// How many rotations one page looks at for those that are wanted: then it ends, short or empty.
const LOOKED_AT: usize = 2_000;

/// Which rotations to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RotationFilter {
    /// Only those of this thing.
    pub thing: Option<ThingName>,
    /// Only those that have not ended, by their things' names; all others come by the time they
    /// were opened.
    pub open: bool,
    /// Only those in the state of this name.
    pub state: Option<&'static str>,
}

/// A place in a list of rotations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RotationPlace {
    /// At the rotation that was opened then and has this id.
    Opened(Timestamp, RotationId),
    /// At the open rotation of this thing.
    Open(ThingName),
}

/// What of a rotation decides whether it is listed.
struct Seen {
    id: RotationId,
    place: RotationPlace,
    state: String,
}

/// Where to walk: in which direction, from where, and for how many rotations.
struct Walk {
    order: Order,
    after: Option<RotationPlace>,
    count: usize,
}

impl Store {
    /// Rotations that `filter` selects, at most `limit` beyond `after`. A page may be short, or
    /// empty, and there be more.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub async fn list_rotations(
        &self,
        filter: RotationFilter,
        order: Order,
        after: Option<RotationPlace>,
        limit: usize,
    ) -> Result<Page<Stored, RotationPlace>, StoreError> {
        let job = move |connection: &Connection| list(connection, &filter, order, after, limit);
        let page = self.read(job).await?;
        let found = self.load(&page.items).await;
        let found = found.map_err(|error| StoreError::Refused(error.to_string()))?;
        Ok(Page { items: found.into_iter().flatten().collect(), next: page.next })
    }

    /// A rotation.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn rotation(&self, id: RotationId) -> Result<Stored, StoreError> {
        let found = self.load(&[id]).await;
        let found = found.map_err(|error| StoreError::Refused(error.to_string()))?;
        found.into_iter().flatten().next().ok_or_else(|| StoreError::not_found("rotation", id))
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
        Ok(self.history_after(id, None, usize::MAX).await?.items)
    }

    /// The part of a rotation's history that lies behind the place `after`, at most `limit` lines.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    pub async fn history_after(
        &self,
        id: RotationId,
        after: Option<i64>,
        limit: usize,
    ) -> Result<Page<HistoryEntry, i64>, StoreError> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT seq, entry FROM rotation_history WHERE rotation_id = ? AND seq > ? \
                 ORDER BY seq LIMIT ?",
            )?;
            let after = after.unwrap_or(-1);
            let rows = statement
                .query_map(params![id.as_bytes(), after, one_more(limit)], |row| {
                    Ok((row.get(0)?, row.get::<_, String>(1)?))
                })?;
            let lines: Vec<(i64, String)> = rows.collect::<Result<_, _>>()?;
            Page::cut(lines, limit, |(seq, _)| *seq)
                .try_map(|(_, entry)| from_json("history entry", &entry))
        })
        .await
    }
}

fn list(
    connection: &Connection,
    filter: &RotationFilter,
    order: Order,
    after: Option<RotationPlace>,
    limit: usize,
) -> Result<Page<RotationId, RotationPlace>, StoreError> {
    let count = if filter.state.is_some() { LOOKED_AT } else { limit.saturating_add(1) };
    let seen = walk(connection, filter, Walk { order, after, count })?;
    let is_all = seen.len() < count;
    let (mut ids, mut last) = (Vec::new(), None);
    for seen in seen {
        if ids.len() == limit {
            return Ok(Page { items: ids, next: last });
        }
        if filter.state.is_none_or(|state| state == seen.state) {
            ids.push(seen.id);
        }
        last = Some(seen.place);
    }
    Ok(Page { items: ids, next: last.filter(|_| !is_all) })
}

/// The next rotations along the index that the filter leads to.
fn walk(
    connection: &Connection,
    filter: &RotationFilter,
    walk: Walk,
) -> Result<Vec<Seen>, StoreError> {
    if filter.open {
        open_ones(connection, walk, filter.thing.as_ref())
    } else {
        by_opening(connection, walk, filter.thing.as_ref())
    }
}

const SEEN: &str = "r.id, r.opened_at, r.thing, json_extract(s.state, '$.state')";

fn open_ones(
    connection: &Connection,
    Walk { order, after, count: limit }: Walk,
    only: Option<&ThingName>,
) -> Result<Vec<Seen>, StoreError> {
    let (direction, beyond) = order.sql();
    // No name has a '~', and all that they have sorts before it.
    let start = match order {
        Order::Ascending => String::new(),
        Order::Descending => "~".to_owned(),
    };
    let after = match after {
        Some(RotationPlace::Open(thing)) => thing.to_string(),
        Some(RotationPlace::Opened(..)) | None => start,
    };
    let only_sql = if only.is_some() { "AND s.open_thing = ?3" } else { "" };
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {SEEN} FROM rotation_states s JOIN rotations r ON r.id = s.rotation_id \
         WHERE s.open_thing {beyond} ?1 {only_sql} ORDER BY s.open_thing {direction} LIMIT ?2"
    ))?;
    let place = |_, _, thing| RotationPlace::Open(thing);
    match only {
        Some(thing) => {
            collect(statement.query(params![after, count(limit), thing.as_str()])?, place)
        }
        None => collect(statement.query(params![after, count(limit)])?, place),
    }
}

fn by_opening(
    connection: &Connection,
    Walk { order, after, count: limit }: Walk,
    only: Option<&ThingName>,
) -> Result<Vec<Seen>, StoreError> {
    let (direction, beyond) = order.sql();
    let start = match order {
        Order::Ascending => (i64::MIN, [0; 16]),
        Order::Descending => (i64::MAX, [0xff; 16]),
    };
    let (opened_at, id) = match after {
        Some(RotationPlace::Opened(at, id)) => (at.as_millis(), *id.as_bytes()),
        Some(RotationPlace::Open(_)) | None => start,
    };
    let only_sql = if only.is_some() { "AND r.thing = ?4" } else { "" };
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {SEEN} FROM rotations r JOIN rotation_states s ON s.rotation_id = r.id \
         WHERE (r.opened_at, r.id) {beyond} (?1, ?2) {only_sql} \
         ORDER BY r.opened_at {direction}, r.id {direction} LIMIT ?3"
    ))?;
    let place = |at, id, _| RotationPlace::Opened(at, id);
    match only {
        Some(thing) => {
            let parameters = params![opened_at, id, count(limit), thing.as_str()];
            collect(statement.query(parameters)?, place)
        }
        None => collect(statement.query(params![opened_at, id, count(limit)])?, place),
    }
}

fn collect(
    mut rows: Rows<'_>,
    place: impl Fn(Timestamp, RotationId, ThingName) -> RotationPlace,
) -> Result<Vec<Seen>, StoreError> {
    let mut seen = Vec::new();
    while let Some(row) = rows.next()? {
        let id = RotationId::from_bytes(row.get(0)?);
        let opened_at = Timestamp::from_millis(row.get(1)?);
        let thing = thing_name(&row.get::<_, String>(2)?)?;
        seen.push(Seen { id, place: place(opened_at, id, thing), state: row.get(3)? });
    }
    Ok(seen)
}
