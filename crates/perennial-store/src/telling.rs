//! Telling: which of the registry's changes are published, and how far that has come.
//!
//! What is told is read off the event log, which has every change in the transaction that made it. A
//! place in the log is kept, with what was enabled there; the log itself says where that changed.
//! So a crash between publishing and keeping the place tells some things again, and loses none.

use std::collections::{BTreeMap, BTreeSet};

use perennial_core::{
    policy::Scope,
    registry::{EventType, Record, Told, tell},
    time::Timestamp,
};
use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::{Value, json};

use crate::{
    Store, StoreError,
    events::{self, count},
    row::{from_json, to_json},
};

/// The record that says that something else is told from here on.
const CONFIGURED: &str = "event-configurations.updated";

/// Which events are told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventConfigurations {
    /// Those that are.
    pub enabled: BTreeSet<EventType>,
    /// When they were first configured and last changed; `None` when they never were.
    pub dates: Option<(Timestamp, Timestamp)>,
}

/// What is to be told next, and where that leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToTell {
    /// The messages, in the order of the log.
    pub messages: Vec<Told>,
    /// The last record that was looked at.
    up_to: i64,
    /// What is enabled behind it.
    enabled: BTreeSet<EventType>,
}

impl Store {
    /// Which events are told.
    ///
    /// # Errors
    /// [`StoreError`] when that cannot be read.
    pub async fn event_configurations(&self) -> Result<EventConfigurations, StoreError> {
        self.read(configurations).await
    }

    /// Enables and disables events; those that are not named stay as they are.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for what there is nothing of to tell.
    pub async fn update_event_configurations(
        &self,
        changes: BTreeMap<EventType, bool>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| configure(connection, &changes, now)).await
    }

    /// What is to be told of the next records of the event log, at most `limit` of them; `None`
    /// when there is nothing more to look at.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub async fn to_tell(&self, scope: Scope, limit: usize) -> Result<Option<ToTell>, StoreError> {
        self.read(move |connection| to_tell(connection, &scope, limit)).await
    }

    /// Keeps the place up to which everything was told.
    ///
    /// # Errors
    /// [`StoreError`] when that cannot be written; then it will be told again.
    pub async fn told(&self, told: ToTell) -> Result<(), StoreError> {
        self.write(move |connection| keep_place(connection, told.up_to, &told.enabled)).await
    }
}

fn configurations(connection: &Connection) -> Result<EventConfigurations, StoreError> {
    let found: Option<(String, i64, i64)> = connection
        .prepare_cached("SELECT enabled, created_at, modified_at FROM event_configurations")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((enabled, created_at, modified_at)) = found else {
        return Ok(EventConfigurations::default());
    };
    let at = Timestamp::from_millis;
    let dates = Some((at(created_at), at(modified_at)));
    Ok(EventConfigurations { enabled: from_json("event types", &enabled)?, dates })
}

fn configure(
    connection: &Connection,
    changes: &BTreeMap<EventType, bool>,
    now: Timestamp,
) -> Result<(), StoreError> {
    if let Some((kind, _)) = changes.iter().find(|(kind, on)| **on && !kind.is_told()) {
        let kind = to_json("event type", kind)?;
        return Err(StoreError::Invalid(format!(
            "{kind} cannot be enabled: there are no jobs here"
        )));
    }
    let before = configurations(connection)?;
    let mut enabled = before.enabled.clone();
    for (kind, on) in changes {
        let _ = if *on { enabled.insert(*kind) } else { enabled.remove(kind) };
    }
    if before.dates.is_some() && enabled == before.enabled {
        return Ok(());
    }
    if is_caught_up_with_nothing(connection)? {
        keep_place(connection, last(connection)?, &BTreeSet::new())?;
    }
    events::append(connection, CONFIGURED, &json!({ "enabled": enabled }), now)?;
    let (created_at, _) = before.dates.unwrap_or((now, now));
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO event_configurations \
             (number, enabled, since, created_at, modified_at) VALUES (1, ?, ?, ?, ?)",
        )?
        .execute(params![
            to_json("event types", &enabled)?,
            last(connection)?,
            created_at.as_millis(),
            now.as_millis()
        ])?;
    Ok(())
}

/// Whether nothing is enabled, and all that was enabled before is told: then nobody looks at the
/// log, and whoever enables something begins at its end.
fn is_caught_up_with_nothing(connection: &Connection) -> Result<bool, StoreError> {
    let Some((up_to, enabled)) = place(connection)? else { return Ok(true) };
    let since: Option<i64> = connection
        .prepare_cached("SELECT since FROM event_configurations")?
        .query_row([], |row| row.get(0))
        .optional()?;
    Ok(enabled.is_empty() && since.is_none_or(|since| since <= up_to))
}

/// The last record of the log.
fn last(connection: &Connection) -> Result<i64, StoreError> {
    Ok(connection
        .prepare_cached("SELECT COALESCE(MAX(seq), 0) FROM events")?
        .query_row([], |row| row.get(0))?)
}

fn place(connection: &Connection) -> Result<Option<(i64, BTreeSet<EventType>)>, StoreError> {
    let found: Option<(i64, String)> = connection
        .prepare_cached("SELECT up_to, enabled FROM events_told")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    found.map(|(up_to, enabled)| Ok((up_to, from_json("event types", &enabled)?))).transpose()
}

fn keep_place(
    connection: &Connection,
    up_to: i64,
    enabled: &BTreeSet<EventType>,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO events_told (number, up_to, enabled) VALUES (1, ?, ?)",
        )?
        .execute(params![up_to, to_json("event types", enabled)?])?;
    Ok(())
}

fn to_tell(
    connection: &Connection,
    scope: &Scope,
    limit: usize,
) -> Result<Option<ToTell>, StoreError> {
    if is_caught_up_with_nothing(connection)? {
        return Ok(None);
    }
    let Some((up_to, enabled)) = place(connection)? else { return Ok(None) };
    let mut next = ToTell { messages: Vec::new(), up_to, enabled };
    let mut statement = connection.prepare_cached(
        "SELECT seq, at, kind, body, hash FROM events WHERE seq > ? ORDER BY seq LIMIT ?",
    )?;
    let mut rows = statement.query(params![up_to, count(limit)])?;
    while let Some(row) = rows.next()? {
        next.up_to = row.get(0)?;
        let (at, kind, body): (i64, String, String) = (row.get(1)?, row.get(2)?, row.get(3)?);
        next.look_at(Timestamp::from_millis(at), &kind, &body, &row.get(4)?, scope)?;
    }
    Ok((next.up_to > up_to).then_some(next))
}

impl ToTell {
    fn look_at(
        &mut self,
        at: Timestamp,
        kind: &str,
        body: &str,
        hash: &[u8; 32],
        scope: &Scope,
    ) -> Result<(), StoreError> {
        if kind == CONFIGURED {
            let body: Value = from_json("event", body)?;
            self.enabled = serde_json::from_value(body["enabled"].clone())
                .map_err(|error| StoreError::corrupt("event", error))?;
        } else if !self.enabled.is_empty() && may_be_told(kind) {
            let body: Value = from_json("event", body)?;
            let record = Record { kind, body: &body, at, hash };
            self.messages.extend(tell(&record, scope, |kind| self.enabled.contains(&kind)));
        }
        Ok(())
    }
}

/// Whether a record of this kind is about the registry: most are of rotations, and need no reading.
fn may_be_told(kind: &str) -> bool {
    let (subject, _) = kind.split_once('.').unwrap_or((kind, ""));
    ["thing", "thing-type", "thing-group", "certificate", "ca-certificate", "policy"]
        .contains(&subject)
}
