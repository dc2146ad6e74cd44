//! Sweeping: what nobody confirmed, what a deleted topic left, and deliveries that ended long ago.

use std::time::Duration;

use perennial_core::{
    notice_topic::Uuid,
    time::{Timestamp, days},
};
use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::json;

use super::{
    deliveries::forget,
    topics::{Count, recount},
};
use crate::{Store, StoreError, events, events::count};

/// How long deliveries are kept that arrived or were given up.
const KEPT_FOR: Duration = days(14);

impl Store {
    /// Deletes, at most `limit` of each: subscriptions that nobody confirmed in time, those of a
    /// deleted topic, and deliveries that ended long ago. Answers whether there may be more.
    ///
    /// # Errors
    /// [`StoreError`] when that cannot be written.
    pub async fn sweep_notices(&self, limit: usize, now: Timestamp) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let unconfirmed = end_unconfirmed(connection, limit, now)?;
            let orphans = end_orphans(connection, limit)?;
            let ended = forget_ended(connection, limit, now)?;
            Ok(unconfirmed == limit || orphans || ended == limit)
        })
        .await
    }
}

fn end_unconfirmed(
    connection: &Connection,
    limit: usize,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let over: Vec<([u8; 16], i64)> = connection
        .prepare_cached(
            "SELECT id, topic FROM notice_subscriptions WHERE pending_until IS NOT NULL \
             AND pending_until <= ? LIMIT ?",
        )?
        .query_map(params![now.as_millis(), count(limit)], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    for (id, topic) in &over {
        connection
            .prepare_cached("DELETE FROM notice_subscriptions WHERE id = ?")?
            .execute([id])?;
        recount(connection, *topic, &[(Count::Pending, -1), (Count::Deleted, 1)])?;
        let body = json!({ "id": Uuid::from_bytes(*id).to_string() });
        events::append(connection, "subscription.expired", &body, now)?;
    }
    Ok(over.len())
}

/// Answers whether there may be more.
fn end_orphans(connection: &Connection, limit: usize) -> Result<bool, StoreError> {
    let gone: Option<i64> = connection
        .prepare_cached("SELECT number FROM notice_topics_gone LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    let Some(topic) = gone else { return Ok(false) };
    let deleted = connection
        .prepare_cached(
            "DELETE FROM notice_subscriptions WHERE id IN \
             (SELECT id FROM notice_subscriptions WHERE topic = ? LIMIT ?)",
        )?
        .execute(params![topic, count(limit)])?;
    if deleted < limit {
        connection
            .prepare_cached("DELETE FROM notice_topics_gone WHERE number = ?")?
            .execute([topic])?;
    }
    Ok(true)
}

fn forget_ended(
    connection: &Connection,
    limit: usize,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let ended: Vec<(i64, [u8; 16])> = connection
        .prepare_cached(
            "SELECT number, message FROM notice_deliveries WHERE state > 0 AND due_at <= ? LIMIT ?",
        )?
        .query_map(params![(now - KEPT_FOR).as_millis(), count(limit)], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?
        .collect::<Result<_, _>>()?;
    for (number, message) in &ended {
        forget(connection, *number, Uuid::from_bytes(*message))?;
    }
    Ok(ended.len())
}
