//! The event log: append-only, each record bound to all before it by a hash.

use perennial_core::{ids::Digest, notice::Fact, time::Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::Serialize;
use serde_json::Value;

use crate::{Order, Page, Store, StoreError, actor, event_chain::hash, notices, page::one_more};

const COLUMNS: &str = "seq, at, kind, body, hash";

/// One record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Its number; numbers have no gaps.
    pub seq: i64,
    /// When it was written.
    pub at: Timestamp,
    /// What happened, e.g. `certificate.status`.
    pub kind: String,
    /// The particulars.
    pub body: Value,
    /// Binds it to all before it.
    pub hash: Digest,
}

/// Which records to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EventFilter {
    /// Only those above this number.
    pub above: i64,
}

/// Appends a record in the transaction under way.
pub(crate) fn append(
    connection: &Connection,
    kind: &'static str,
    body: &Value,
    now: Timestamp,
) -> Result<(), StoreError> {
    let last: Option<(i64, [u8; 32])> = connection
        .prepare_cached("SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (seq, before) = last.map_or((1, [0; 32]), |(seq, hash)| (seq + 1, hash));
    let body = actor::signed(body).to_string();
    let hash = hash(&before, seq, now.as_millis(), kind, &body);
    connection
        .prepare_cached("INSERT INTO events (seq, at, kind, body, hash) VALUES (?, ?, ?, ?, ?)")?
        .execute(params![seq, now.as_millis(), kind, body, hash])?;
    Ok(())
}

impl Store {
    /// Records above `after`, in order, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`] when the log cannot be read.
    pub async fn events(&self, after: i64, limit: usize) -> Result<Vec<Event>, StoreError> {
        let all = EventFilter { above: after };
        Ok(self.list_events(all, Order::Ascending, None, limit).await?.items)
    }

    /// Records that `filter` selects, by number in either direction, at most `limit` beyond
    /// `after`, the number of the page before's last.
    ///
    /// # Errors
    /// [`StoreError`] when the log cannot be read.
    pub async fn list_events(
        &self,
        filter: EventFilter,
        order: Order,
        after: Option<i64>,
        limit: usize,
    ) -> Result<Page<Event, i64>, StoreError> {
        self.read(move |connection| list(connection, filter, order, after, limit)).await
    }

    /// Appends what people are to be told, one record each, and takes in the facts among it.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be written, and then none is.
    pub async fn record_notices(
        &self,
        bodies: Vec<Value>,
        facts: Vec<Fact>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let settings = self.settings.clone();
        self.write(move |connection| {
            bodies.iter().try_for_each(|body| append(connection, "notice", body, now))?;
            notices::take_in(connection, &settings.notices, &facts, now)
        })
        .await
    }
}

fn list(
    connection: &Connection,
    filter: EventFilter,
    order: Order,
    after: Option<i64>,
    limit: usize,
) -> Result<Page<Event, i64>, StoreError> {
    let (above, below) = match order {
        Order::Ascending => (after.unwrap_or(0).max(filter.above), i64::MAX),
        Order::Descending => (filter.above, after.unwrap_or(i64::MAX)),
    };
    let direction = order.sql().0;
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM events WHERE seq > ? AND seq < ? ORDER BY seq {direction} LIMIT ?"
    ))?;
    let rows = statement.query_map(params![above, below, one_more(limit)], event)?;
    Ok(Page::cut(rows.collect::<Result<_, _>>()?, limit, |event| event.seq))
}

fn event(row: &Row<'_>) -> rusqlite::Result<Event> {
    let body: String = row.get(3)?;
    Ok(Event {
        seq: row.get(0)?,
        at: Timestamp::from_millis(row.get(1)?),
        kind: row.get(2)?,
        body: serde_json::from_str(&body).unwrap_or(Value::String(body)),
        hash: Digest::from_bytes(row.get(4)?),
    })
}

pub(crate) fn count(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
