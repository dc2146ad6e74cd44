//! The event log: append-only, each record bound to all before it by a hash.
//!
//! `hash = SHA-256(hash before ‖ seq ‖ at ‖ kind ‖ 0 ‖ body)`, integers as eight octets, most
//! significant first; the hash before the first record is 32 zero octets. A record that was
//! changed, taken out or put in breaks the chain from there on.

use aws_lc_rs::digest::{Context, SHA256};
use perennial_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::Serialize;
use serde_json::Value;

use crate::{Store, StoreError, actor};

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
}

/// The first record that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event {seq} does not fit the chain: it or one before it was changed after it was written")]
pub struct BrokenChain {
    /// Its number.
    pub seq: i64,
}

fn hash(before: &[u8], seq: i64, at: i64, kind: &str, body: &str) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    context.update(before);
    context.update(&seq.to_be_bytes());
    context.update(&at.to_be_bytes());
    context.update(kind.as_bytes());
    context.update(&[0]);
    context.update(body.as_bytes());
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    digest
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
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT seq, at, kind, body FROM events WHERE seq > ? ORDER BY seq LIMIT ?",
            )?;
            let rows = statement.query_map(params![after, count(limit)], |row| {
                let (at, body): (i64, String) = (row.get(1)?, row.get(3)?);
                let at = Timestamp::from_millis(at);
                let body = serde_json::from_str(&body).unwrap_or(Value::String(body));
                Ok(Event { seq: row.get(0)?, at, kind: row.get(2)?, body })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Appends what people were told, one record each.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be written, and then none is.
    pub async fn record_notices(
        &self,
        bodies: Vec<Value>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            bodies.iter().try_for_each(|body| append(connection, "notice", body, now))
        })
        .await
    }

    /// Checks the whole chain and answers how many records it has.
    ///
    /// # Errors
    /// [`StoreError`] when the log cannot be read; `Ok(Err(BrokenChain))` when it was tampered with.
    pub async fn verify_events(&self) -> Result<Result<i64, BrokenChain>, StoreError> {
        self.read(verify).await
    }
}

fn verify(connection: &Connection) -> Result<Result<i64, BrokenChain>, StoreError> {
    let mut statement =
        connection.prepare("SELECT seq, at, kind, body, hash FROM events ORDER BY seq")?;
    let mut rows = statement.query([])?;
    let (mut before, mut count) = ([0u8; 32], 0);
    while let Some(row) = rows.next()? {
        let (seq, at): (i64, i64) = (row.get(0)?, row.get(1)?);
        let (kind, body): (String, String) = (row.get(2)?, row.get(3)?);
        let stored: [u8; 32] = row.get(4)?;
        if seq != count + 1 || stored != hash(&before, seq, at, &kind, &body) {
            return Ok(Err(BrokenChain { seq }));
        }
        (before, count) = (stored, seq);
    }
    Ok(Ok(count))
}

pub(crate) fn count(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
