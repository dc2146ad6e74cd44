//! Deliveries: messages to people, each to one target, until they got through or were given up.

use std::fmt;

use perennial_core::{
    ids::NoticeId,
    notice::{Input, Message, Recipient, Verdict},
    time::Timestamp,
};
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{LOG_TARGET, NoticeSettings, intake};
use crate::{
    Store, StoreError,
    events::{self, count},
    row::{from_json, to_json},
};

/// A delivery's number; the same message is delivered again under the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct DeliveryId(pub i64);

/// A message that is to be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueMessage {
    /// Its number.
    pub id: DeliveryId,
    /// What is to be read.
    pub message: Message,
}

/// What shows that a message got through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Proof {
    /// The id under which whoever took it knows it.
    pub message_id: String,
    /// Who took it, in words.
    pub taken_by: String,
}

/// What became of a try to deliver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// It got through.
    Delivered(Proof),
    /// It did not.
    Failed {
        /// Why.
        reason: String,
        /// Whether another try would fail as well.
        hopeless: bool,
    },
}

impl fmt::Display for DeliveryOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delivered(proof) => write!(f, "taken by {}", proof.taken_by),
            Self::Failed { reason, .. } => f.write_str(reason),
        }
    }
}

/// What is stored of the last try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LastTry {
    pub(super) at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) proof: Option<Proof>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) failure: Option<String>,
}

/// A delivery whose try ended.
struct Tried {
    id: DeliveryId,
    notice: NoticeId,
    telling: i64,
    target: String,
    tries: u32,
    message: Message,
}

impl Store {
    /// Messages that are to be delivered to a target now, the one that waited longest first.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub async fn due_messages(
        &self,
        target: String,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<DueMessage>, StoreError> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id, message FROM notice_letters WHERE target = ? AND due_at <= ? \
                 ORDER BY due_at LIMIT ?",
            )?;
            let mut rows = statement.query(params![target, now.as_millis(), count(limit)])?;
            let mut due = Vec::new();
            while let Some(row) = rows.next()? {
                let message = from_json("message", &row.get::<_, String>(1)?)?;
                due.push(DueMessage { id: DeliveryId(row.get(0)?), message });
            }
            Ok(due)
        })
        .await
    }

    /// Writes down what became of tries to deliver: one that failed is tried again or given up, and
    /// when nothing of a telling got through the notice hears of it.
    ///
    /// # Errors
    /// [`StoreError`] when that cannot be written; then they are delivered again.
    pub async fn delivered(
        &self,
        outcomes: Vec<(DeliveryId, DeliveryOutcome)>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let settings = self.settings.clone();
        self.write(move |connection| {
            for (id, outcome) in outcomes {
                let Some(tried) = tried(connection, id)? else { continue };
                match outcome {
                    DeliveryOutcome::Delivered(proof) => {
                        got_through(connection, &settings.notices, &tried, proof, now)?;
                    }
                    DeliveryOutcome::Failed { reason, hopeless } => {
                        failed(connection, &settings.notices, &tried, (reason, hopeless), now)?;
                    }
                }
            }
            Ok(())
        })
        .await
    }

    /// The targets for which messages wait.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub async fn awaited_targets(&self) -> Result<Vec<String>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT DISTINCT target FROM notice_letters WHERE due_at IS NOT NULL",
            )?;
            let rows = statement.query_map([], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }
}

/// Puts out a message to each of a recipient's targets.
pub(super) fn put_out(
    connection: &Connection,
    notice: NoticeId,
    targets: &[String],
    message: &Message,
    now: Timestamp,
) -> Result<(), StoreError> {
    let telling: i64 = connection
        .prepare_cached("SELECT COALESCE(MAX(id), 0) + 1 FROM notice_letters")?
        .query_row([], |row| row.get(0))?;
    let facts_up_to: i64 = connection
        .prepare_cached("SELECT COALESCE(MAX(id), 0) FROM notice_facts")?
        .query_row([], |row| row.get(0))?;
    let message = to_json("message", message)?;
    for target in targets {
        connection
            .prepare_cached(
                "INSERT INTO notice_letters \
                 (notice, telling, target, facts_up_to, tries, due_at, message) \
                 VALUES (?, ?, ?, ?, 0, ?, ?)",
            )?
            .execute(params![
                notice.as_bytes(),
                telling,
                target,
                facts_up_to,
                now.as_millis(),
                message
            ])?;
    }
    Ok(())
}

/// The delivery, unless its end was written down before.
fn tried(connection: &Connection, id: DeliveryId) -> Result<Option<Tried>, StoreError> {
    let found: Option<([u8; 16], i64, String, u32, String)> = connection
        .prepare_cached(
            "SELECT notice, telling, target, tries, message FROM notice_letters \
             WHERE id = ? AND due_at IS NOT NULL",
        )?
        .query_row([id.0], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        })
        .optional()?;
    let Some((notice, telling, target, tries, message)) = found else { return Ok(None) };
    let (notice, tries) = (NoticeId::from_bytes(notice), tries.saturating_add(1));
    let message = from_json("message", &message)?;
    Ok(Some(Tried { id, notice, telling, target, tries, message }))
}

fn got_through(
    connection: &Connection,
    settings: &NoticeSettings,
    tried: &Tried,
    proof: Proof,
    now: Timestamp,
) -> Result<(), StoreError> {
    let targets = match tried.message.recipient {
        Recipient::First => &settings.first,
        Recipient::Second => &settings.second,
    };
    let others = targets.iter().any(|target| target != LOG_TARGET);
    let records = (tried.target != LOG_TARGET || !others).then_some(1);
    let body = told(tried, &json!({ "messageId": proof.message_id, "takenBy": proof.taken_by }));
    let last = LastTry { at: now, proof: Some(proof), failure: None };
    connection
        .prepare_cached(
            "UPDATE notice_letters SET tries = ?, due_at = NULL, records = ?, outcome = ? \
             WHERE id = ?",
        )?
        .execute(params![tried.tries, records, to_json("outcome", &last)?, tried.id.0])?;
    events::append(connection, "notice.delivered", &body, now)
}

fn failed(
    connection: &Connection,
    settings: &NoticeSettings,
    tried: &Tried,
    (reason, hopeless): (String, bool),
    now: Timestamp,
) -> Result<(), StoreError> {
    let due_at = match settings.redelivery.after(tried.tries, hopeless, now) {
        Verdict::TryAgain { at } => Some(at.as_millis()),
        Verdict::GiveUp => None,
    };
    let body = told(tried, &json!(reason));
    let last = LastTry { at: now, proof: None, failure: Some(reason) };
    connection
        .prepare_cached(
            "UPDATE notice_letters SET tries = ?, due_at = ?, outcome = ? WHERE id = ?",
        )?
        .execute(params![tried.tries, due_at, to_json("outcome", &last)?, tried.id.0])?;
    if due_at.is_some() {
        return Ok(());
    }
    events::append(connection, "notice.undelivered", &body, now)?;
    if has_hope(connection, tried.telling)? {
        return Ok(());
    }
    let notice = intake::load(connection, tried.notice)?;
    let input = Input::DeliveryFailed { to: tried.message.recipient };
    intake::apply(connection, settings, notice, input, now).map(drop)
}

/// Whether something of a telling got through, or still may.
fn has_hope(connection: &Connection, telling: i64) -> Result<bool, StoreError> {
    Ok(connection
        .prepare_cached(
            "SELECT 1 FROM notice_letters WHERE telling = ? AND (due_at IS NOT NULL \
             OR json_extract(outcome, '$.proof') IS NOT NULL)",
        )?
        .exists([telling])?)
}

fn told(tried: &Tried, outcome: &serde_json::Value) -> serde_json::Value {
    json!({ "noticeId": tried.notice, "deliveryId": tried.id, "target": tried.target,
        "occasion": tried.message.occasion, "tries": tried.tries, "outcome": outcome })
}
