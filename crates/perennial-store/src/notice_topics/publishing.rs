//! Publishing: a message becomes durable, then a delivery for each subscription that wants it.

use perennial_core::{
    notice::Kind,
    notice_topic::{Message, SubscriptionSettings, TopicName, Uuid},
    time::Timestamp,
};
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::{Deserialize, Serialize};

use super::topics;
use crate::{
    Store, StoreError,
    events::count,
    row::{from_json, to_json},
};

/// What a stored message is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Body {
    /// What somebody published.
    Message(Message),
    /// What people are told by this server.
    Notice {
        /// What that is about.
        kind: Kind,
        /// In words.
        message: Message,
    },
    /// The question whether messages are wanted.
    Confirmation {
        /// What confirms.
        token: String,
    },
}

impl Body {
    /// Whether people are told that deliveries fail: then this one is no more news.
    pub(super) const fn is_about_deliveries(&self) -> bool {
        match self {
            Self::Notice { kind, .. } => kind.is_about_deliveries(),
            Self::Message(_) | Self::Confirmation { .. } => false,
        }
    }
}

/// A message on its way to its topic's subscribers.
struct Spreading {
    id: Uuid,
    topic: i64,
    message: Message,
    published_at: i64,
    after: Vec<u8>,
}

impl Store {
    /// Makes messages to a topic durable, all or none, under ids that nobody else has.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] without such a topic.
    pub async fn publish_notices(
        &self,
        topic: TopicName,
        messages: Vec<(Uuid, Message)>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            let (number, _) = topics::found(connection, &topic)?;
            messages.into_iter().try_for_each(|(id, message)| {
                insert(connection, (id, number), &Body::Message(message), true, now)
            })
        })
        .await
    }

    /// As [`publish_notices`](Self::publish_notices), of what people are told about `kind`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] without such a topic.
    pub async fn publish_letter(
        &self,
        topic: TopicName,
        (id, kind, message): (Uuid, Kind, Message),
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            let (number, _) = topics::found(connection, &topic)?;
            insert(connection, (id, number), &Body::Notice { kind, message }, true, now)
        })
        .await
    }

    /// Gives subscriptions of the messages that wait longest for that their deliveries, looking at
    /// `limit` subscriptions at most; answers whether there was such a message.
    ///
    /// # Errors
    /// [`StoreError`] when that cannot be written.
    pub async fn spread_notices(&self, limit: usize, now: Timestamp) -> Result<bool, StoreError> {
        if self.read(next).await?.is_none() {
            return Ok(false);
        }
        self.write(move |connection| {
            let mut left = limit;
            while left > 0 {
                let Some(spreading) = next(connection)? else { break };
                let looked_at = spread(connection, &spreading, left, now)?;
                // A message that nobody is subscribed to takes its share as well.
                left = left.saturating_sub(looked_at.max(1));
            }
            Ok(true)
        })
        .await
    }
}

fn next(connection: &Connection) -> Result<Option<Spreading>, StoreError> {
    type Row = ([u8; 16], i64, String, i64, Vec<u8>);
    let row: Option<Row> = connection
        .prepare_cached(
            "SELECT id, topic, body, published_at, spread_after FROM notice_messages \
             WHERE spread_after IS NOT NULL AND published_at >= 0 ORDER BY published_at, id LIMIT 1",
        )?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)))
        .optional()?;
    let Some((id, topic, body, published_at, after)) = row else { return Ok(None) };
    match from_json("message", &body)? {
        Body::Message(message) | Body::Notice { message, .. } => {
            Ok(Some(Spreading { id: Uuid::from_bytes(id), topic, message, published_at, after }))
        }
        Body::Confirmation { .. } => {
            Err(StoreError::corrupt("message", "a confirmation is spread"))
        }
    }
}

/// Answers how many subscriptions were looked at.
fn spread(
    connection: &Connection,
    it: &Spreading,
    limit: usize,
    now: Timestamp,
) -> Result<usize, StoreError> {
    type Candidate = ([u8; 16], String, String, String, bool, i64);
    let candidates: Vec<Candidate> = connection
        .prepare_cached(
            "SELECT id, protocol, endpoint, settings, pending_until IS NULL, created_at \
             FROM notice_subscriptions WHERE topic = ? AND id > ? ORDER BY id LIMIT ?",
        )?
        .query_map(params![it.topic, it.after, count(limit)], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?))
        })?
        .collect::<Result<_, _>>()?;
    for (id, protocol, endpoint, settings, confirmed, created_at) in &candidates {
        let settings: SubscriptionSettings = from_json("subscription", settings)?;
        if *confirmed && *created_at <= it.published_at && settings.want(&it.message) {
            let place = (protocol.as_str(), endpoint.as_str());
            deliver(connection, (it.id, it.topic), Uuid::from_bytes(*id), place, now)?;
        }
    }
    let after = candidates.last().filter(|_| candidates.len() == limit).map(|last| last.0);
    connection
        .prepare_cached("UPDATE notice_messages SET spread_after = ? WHERE id = ?")?
        .execute(params![after, it.id.as_bytes()])?;
    forget_done(connection, it.id)?;
    Ok(candidates.len())
}

/// Stores a message, to be spread or not.
pub(super) fn insert(
    connection: &Connection,
    (id, topic): (Uuid, i64),
    body: &Body,
    spread: bool,
    now: Timestamp,
) -> Result<(), StoreError> {
    let after: Option<&[u8]> = if spread { Some(&[]) } else { None };
    connection
        .prepare_cached(
            "INSERT INTO notice_messages (id, topic, body, published_at, spread_after, deliveries) \
             VALUES (?, ?, ?, ?, ?, 0)",
        )?
        .execute(params![
            id.as_bytes(),
            topic,
            to_json("message", body)?,
            now.as_millis(),
            after
        ])?;
    Ok(())
}

/// Has a message delivered to a subscription's endpoint, now.
pub(super) fn deliver(
    connection: &Connection,
    (message, topic): (Uuid, i64),
    subscription: Uuid,
    place: (&str, &str),
    now: Timestamp,
) -> Result<(), StoreError> {
    let lane = lane(connection, place, now)?;
    connection
        .prepare_cached(
            "INSERT INTO notice_deliveries (message, subscription, topic, lane, state, due_at, tries) \
             VALUES (?, ?, ?, ?, 0, ?, 0)",
        )?
        .execute(params![message.as_bytes(), subscription.as_bytes(), topic, lane, now.as_millis()])?;
    connection
        .prepare_cached("UPDATE notice_messages SET deliveries = deliveries + 1 WHERE id = ?")?
        .execute([message.as_bytes()])?;
    Ok(())
}

/// The lane of an endpoint, due at `now` or before.
pub(super) fn lane(
    connection: &Connection,
    (protocol, endpoint): (&str, &str),
    now: Timestamp,
) -> Result<i64, StoreError> {
    Ok(connection
        .prepare_cached(
            "INSERT INTO notice_lanes (protocol, endpoint, due_at) VALUES (?, ?, ?) \
             ON CONFLICT (protocol, endpoint) DO UPDATE SET due_at = MIN(due_at, excluded.due_at) \
             RETURNING number",
        )?
        .query_row(params![protocol, endpoint, now.as_millis()], |row| row.get(0))?)
}

/// Forgets a message that nobody is to get any more and of whose deliveries nothing is kept.
pub(super) fn forget_done(connection: &Connection, message: Uuid) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "DELETE FROM notice_messages WHERE id = ? AND deliveries = 0 AND spread_after IS NULL",
        )?
        .execute([message.as_bytes()])?;
    Ok(())
}
