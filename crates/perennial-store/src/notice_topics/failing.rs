//! Subscribers who get nothing: people are told once of a topic's, until all of them get something
//! again.

use perennial_core::{
    notice::{Fact, FoldKey, Health, Turn},
    notice_topic::{TopicName, Uuid},
    time::Timestamp,
};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::publishing::Body;
use crate::{
    StoreError,
    notices::{self, NoticeSettings},
    row::from_json,
};

/// A confirmed subscription that a delivery is for.
struct Subscriber {
    id: [u8; 16],
    failing_at: Option<i64>,
    topic: i64,
    topic_name: String,
}

/// A delivery was given up.
pub(super) fn gave_up(
    connection: &Connection,
    settings: &NoticeSettings,
    (delivery, why): (i64, &str),
    now: Timestamp,
) -> Result<(), StoreError> {
    type Found = ([u8; 16], Option<i64>, String, String, String);
    let found: Option<Found> = connection
        .prepare_cached(
            "SELECT s.id, s.failing_at, s.protocol, t.name, m.body FROM notice_deliveries d \
             JOIN notice_subscriptions s ON s.id = d.subscription \
             JOIN notice_topics t ON t.number = s.topic JOIN notice_messages m ON m.id = d.message \
             WHERE d.number = ? AND s.pending_until IS NULL",
        )?
        .query_row([delivery], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        })
        .optional()?;
    let Some((id, failing_at, protocol, topic, body)) = found else { return Ok(()) };
    if from_json::<Body>("message", &body)?.is_about_deliveries() {
        return Ok(());
    }
    let turn = health(failing_at).gave_up(now);
    mark(connection, id, Some(now))?;
    if turn != Some(Turn::ForTheWorse) {
        return Ok(());
    }
    let fact = Fact::SubscriptionFailing {
        topic,
        subscription: Uuid::from_bytes(id).to_string(),
        protocol,
        reason: why.to_owned(),
    };
    notices::take_in(connection, settings, &[fact], now)
}

/// A delivery arrived.
pub(super) fn arrived(
    connection: &Connection,
    settings: &NoticeSettings,
    delivery: i64,
    now: Timestamp,
) -> Result<(), StoreError> {
    let found = connection
        .prepare_cached(
            "SELECT s.id, s.failing_at, s.topic, t.name FROM notice_deliveries d \
             JOIN notice_subscriptions s ON s.id = d.subscription \
             JOIN notice_topics t ON t.number = s.topic \
             WHERE d.number = ? AND s.failing_at IS NOT NULL",
        )?
        .query_row([delivery], |row| {
            Ok(Subscriber {
                id: row.get(0)?,
                failing_at: row.get(1)?,
                topic: row.get(2)?,
                topic_name: row.get(3)?,
            })
        })
        .optional()?;
    let Some(Subscriber { id, failing_at, topic, topic_name }) = found else { return Ok(()) };
    if health(failing_at).arrived(Health::CALM_FOR, now) != Some(Turn::ForTheBetter) {
        return Ok(());
    }
    mark(connection, id, None)?;
    resolve_if_all_are_well(connection, settings, (topic, &topic_name), now)
}

/// A subscription of a topic ended.
pub(super) fn ended(
    connection: &Connection,
    settings: &NoticeSettings,
    (topic, name): (i64, &TopicName),
    now: Timestamp,
) -> Result<(), StoreError> {
    resolve_if_all_are_well(connection, settings, (topic, name.as_str()), now)
}

fn resolve_if_all_are_well(
    connection: &Connection,
    settings: &NoticeSettings,
    (topic, name): (i64, &str),
    now: Timestamp,
) -> Result<(), StoreError> {
    let are_some_failing = connection
        .prepare_cached(
            "SELECT 1 FROM notice_subscriptions WHERE topic = ? AND failing_at IS NOT NULL",
        )?
        .exists([topic])?;
    if are_some_failing {
        return Ok(());
    }
    notices::resolve(connection, settings, &FoldKey::subscription_failing(name), now)
}

fn health(failing_at: Option<i64>) -> Health {
    failing_at.map_or(Health::Well, |at| Health::Failing { last_at: Timestamp::from_millis(at) })
}

fn mark(
    connection: &Connection,
    id: [u8; 16],
    failing_at: Option<Timestamp>,
) -> Result<(), StoreError> {
    connection
        .prepare_cached("UPDATE notice_subscriptions SET failing_at = ? WHERE id = ?")?
        .execute(params![failing_at.map(Timestamp::as_millis), id])?;
    Ok(())
}
