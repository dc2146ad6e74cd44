//! Taking facts in, and letting time, people and deliveries act upon notices.

use std::collections::BTreeMap;

use perennial_core::{
    ids::NoticeId,
    notice::{
        Command, Fact, FoldKey, Ignored, Input, Message, Note, Notice, Recipient, State, Step, step,
    },
    time::Timestamp,
};
use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::json;

use super::{NoticeSettings, deliveries};
use crate::{
    Store, StoreError, draw,
    events::{self, count},
    row::{from_json, to_json},
};

impl Store {
    /// Takes facts in, and makes of them what the core wants. A fact that was taken in before
    /// changes nothing.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be written, and then none is.
    pub async fn notice(&self, facts: Vec<Fact>, now: Timestamp) -> Result<(), StoreError> {
        let settings = self.settings.clone();
        self.write(move |connection| take_in(connection, &settings.notices, &facts, now)).await
    }

    /// What the notice of this key is about is over; nothing happens when there is none.
    ///
    /// # Errors
    /// [`StoreError`] when that cannot be written.
    pub async fn resolve_notice(&self, key: FoldKey, now: Timestamp) -> Result<(), StoreError> {
        let settings = self.settings.clone();
        self.write(move |connection| resolve(connection, &settings.notices, &key, now)).await
    }

    /// Takes facts in, and then that what some notices are about is over, in one transaction; none
    /// when there is nothing to write.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be written, and then none is.
    pub async fn notice_and_resolve(
        &self,
        facts: Vec<Fact>,
        over: Vec<FoldKey>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if facts.is_empty() {
            let asked = over.clone();
            let is_open = move |connection: &Connection| {
                asked.iter().try_fold(false, |open, key| {
                    Ok::<_, StoreError>(open || open_notice(connection, key)?.is_some())
                })
            };
            if !self.read(is_open).await? {
                return Ok(());
            }
        }
        let settings = self.settings.clone();
        self.write(move |connection| {
            take_in(connection, &settings.notices, &facts, now)?;
            over.iter().try_for_each(|key| resolve(connection, &settings.notices, key, now))
        })
        .await
    }

    /// Somebody sees to a notice; answers it as it is now.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::StateConflict`] when it is closed. One that was
    /// acknowledged before stays as it is.
    pub async fn acknowledge_notice(
        &self,
        id: NoticeId,
        by: String,
        now: Timestamp,
    ) -> Result<Notice, StoreError> {
        let settings = self.settings.clone();
        self.write(move |connection| {
            let notice = load(connection, id)?;
            let input = Input::Acknowledged { by };
            let (notice, note) = apply(connection, &settings.notices, notice, input, now)?;
            if note == Note::Ignored(Ignored::Closed) {
                return Err(StoreError::StateConflict(format!(
                    "notice {id} is closed: there is nothing left to acknowledge"
                )));
            }
            Ok(notice)
        })
        .await
    }

    /// Lets the time of notices that wait for it come, at most `limit` of them; answers how many.
    ///
    /// # Errors
    /// [`StoreError`] when that cannot be written.
    pub async fn step_due_notices(
        &self,
        limit: usize,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        let due = self.read(move |connection| due(connection, limit, now)).await?;
        if due.is_empty() {
            return Ok(0);
        }
        let settings = self.settings.clone();
        self.write(move |connection| {
            for id in &due {
                let notice = load(connection, *id)?;
                apply(connection, &settings.notices, notice, Input::DeadlinePassed, now)?;
            }
            Ok(due.len())
        })
        .await
    }
}

fn due(connection: &Connection, limit: usize, now: Timestamp) -> Result<Vec<NoticeId>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT id FROM notices WHERE due_at <= ? ORDER BY due_at LIMIT ?")?;
    let rows = statement.query_map(params![now.as_millis(), count(limit)], |row| row.get(0))?;
    Ok(rows.map(|id| id.map(NoticeId::from_bytes)).collect::<Result<_, _>>()?)
}

/// Takes facts in within the transaction under way. Facts of one key are folded in memory, and
/// their notice is written once.
pub(crate) fn take_in(
    connection: &Connection,
    settings: &NoticeSettings,
    facts: &[Fact],
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut folding: BTreeMap<FoldKey, Notice> = BTreeMap::new();
    for fact in facts {
        if is_known(connection, fact)? {
            continue;
        }
        let key = fact.fold_key();
        let before = match folding.remove(&key) {
            Some(notice) => Some(notice),
            None => open_notice(connection, &key)?,
        };
        let input = Input::Happened { fact: Box::new(fact.clone()) };
        let was_open = before.is_some();
        let step = step(before, input, &settings.rules, draw::notice_id(), now);
        let Some(notice) = step.notice else { continue };
        if !was_open {
            write(connection, settings, &notice, now)?;
            opened(connection, &notice, now)?;
        }
        remember(connection, fact, notice.id, now)?;
        tell(connection, settings, &notice, &step.commands, now)?;
        if notice.is_open() {
            folding.insert(key, notice);
        } else {
            write(connection, settings, &notice, now)?;
            closed(connection, &notice, now)?;
        }
    }
    folding.values().try_for_each(|notice| write(connection, settings, notice, now))
}

/// What a notice is about is over, within the transaction under way.
pub(crate) fn resolve(
    connection: &Connection,
    settings: &NoticeSettings,
    key: &FoldKey,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(notice) = open_notice(connection, key)? else { return Ok(()) };
    apply(connection, settings, notice, Input::Resolved, now).map(drop)
}

pub(super) fn is_known(connection: &Connection, fact: &Fact) -> Result<bool, StoreError> {
    let Some(key) = fact.key() else { return Ok(false) };
    let known = connection
        .prepare_cached("SELECT 1 FROM notice_facts WHERE key = ?")?
        .exists([key.as_str()])?;
    Ok(known)
}

fn remember(
    connection: &Connection,
    fact: &Fact,
    notice: NoticeId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(key) = fact.key() else { return Ok(()) };
    connection
        .prepare_cached(
            "INSERT INTO notice_facts (key, notice, rotation_id, at) VALUES (?, ?, ?, ?)",
        )?
        .execute(params![
            key.as_str(),
            notice.as_bytes(),
            fact.rotation_id().as_ref().map(perennial_core::ids::RotationId::as_bytes),
            now.as_millis(),
        ])?;
    Ok(())
}

/// Steps a notice that is stored, and writes what came of it.
pub(super) fn apply(
    connection: &Connection,
    settings: &NoticeSettings,
    notice: Notice,
    input: Input,
    now: Timestamp,
) -> Result<(Notice, Note), StoreError> {
    let before = notice.clone();
    let Step { notice, commands, note } =
        step(Some(notice), input, &settings.rules, draw::notice_id(), now);
    // Nothing but a fact opens another.
    let notice = notice.filter(|after| after.id == before.id).unwrap_or(before.clone());
    tell(connection, settings, &notice, &commands, now)?;
    write(connection, settings, &notice, now)?;
    if before.acknowledged != notice.acknowledged {
        let body = json!({ "noticeId": notice.id, "by": notice.acknowledged });
        events::append(connection, "notice.acknowledged", &body, now)?;
    }
    if before.state != notice.state && !notice.is_open() {
        closed(connection, &notice, now)?;
    }
    Ok((notice, note))
}

fn opened(connection: &Connection, notice: &Notice, now: Timestamp) -> Result<(), StoreError> {
    let body = json!({ "noticeId": notice.id, "kind": notice.kind, "foldKey": notice.key,
        "severity": notice.severity, "first": notice.sample.as_slice().first() });
    events::append(connection, "notice.opened", &body, now)
}

fn closed(connection: &Connection, notice: &Notice, now: Timestamp) -> Result<(), StoreError> {
    let State::Closed { why, .. } = notice.state else { return Ok(()) };
    let body = json!({ "noticeId": notice.id, "kind": notice.kind, "count": notice.count,
        "why": why, "acknowledged": notice.acknowledged });
    events::append(connection, "notice.closed", &body, now)
}

/// Puts out a message to each target of whom the commands name.
fn tell(
    connection: &Connection,
    settings: &NoticeSettings,
    notice: &Notice,
    commands: &[Command],
    now: Timestamp,
) -> Result<(), StoreError> {
    for Command::Tell { to, occasion } in commands {
        let targets = match to {
            Recipient::First => &settings.first,
            Recipient::Second => &settings.second,
        };
        let message = Message::of(notice, *to, *occasion, &settings.rules, now);
        deliveries::put_out(connection, notice.id, targets, &message, now)?;
    }
    Ok(())
}

fn write(
    connection: &Connection,
    settings: &NoticeSettings,
    notice: &Notice,
    now: Timestamp,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO notices (id, fold_key, kind, open, opened_at, due_at, notice) \
             VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET \
             open = excluded.open, due_at = excluded.due_at, notice = excluded.notice",
        )?
        .execute(params![
            notice.id.as_bytes(),
            notice.key.as_str(),
            notice.kind.name(),
            notice.is_open().then_some(1),
            notice.opened_at.as_millis(),
            notice.due_at(&settings.rules, now).map(Timestamp::as_millis),
            to_json("notice", notice)?,
        ])?;
    Ok(())
}

fn open_notice(connection: &Connection, key: &FoldKey) -> Result<Option<Notice>, StoreError> {
    let found: Option<String> = connection
        .prepare_cached("SELECT notice FROM notices WHERE fold_key = ? AND open = 1")?
        .query_row([key.as_str()], |row| row.get(0))
        .optional()?;
    found.map(|notice| from_json("notice", &notice)).transpose()
}

pub(super) fn load(connection: &Connection, id: NoticeId) -> Result<Notice, StoreError> {
    let found: Option<String> = connection
        .prepare_cached("SELECT notice FROM notices WHERE id = ?")?
        .query_row([id.as_bytes()], |row| row.get(0))
        .optional()?;
    let found = found.ok_or_else(|| StoreError::not_found("notice", id))?;
    from_json("notice", &found)
}
