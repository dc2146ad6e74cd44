//! Deliveries: which are due, what became of them, and those that were given up.

use perennial_core::{
    notice_topic::{Message, Protocol, SubscriptionSettings, TopicName, Uuid},
    time::Timestamp,
};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{
    failing,
    publishing::{self, Body, forget_done},
    topics::topic_name,
};
use crate::{
    Page, Store, StoreError, events::count, notices::NoticeSettings, page::one_more, row::from_json,
};

/// An endpoint that something waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lane {
    /// Its number.
    pub number: i64,
    /// How the subscriber is reached.
    pub protocol: Protocol,
    /// Where.
    pub endpoint: String,
}

/// A delivery whose time has come.
#[derive(Debug, Clone)]
pub struct DueDelivery {
    /// Its number.
    pub number: i64,
    /// Its message.
    pub message_id: Uuid,
    /// How often it was tried.
    pub tries: u32,
    /// What to deliver; nothing when the subscription ended meanwhile.
    pub due: Option<Due>,
}

/// A delivery that waits, without its message.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// Its number.
    pub number: i64,
    /// Its message.
    pub message_id: Uuid,
    /// How often it was tried.
    pub tries: u32,
    /// Its subscription's settings; nothing when that ended meanwhile.
    pub settings: Option<SubscriptionSettings>,
}

/// What is to be delivered.
#[derive(Debug, Clone)]
pub struct Due {
    /// The topic.
    pub topic: TopicName,
    /// Who a mail is from, for people.
    pub display_name: String,
    /// The subscription.
    pub subscription: Uuid,
    /// Its settings.
    pub settings: SubscriptionSettings,
    /// When the message was published.
    pub published_at: Timestamp,
    /// The message; the token where the subscriber is asked whether they want any.
    pub what: Result<Message, String>,
}

/// What became of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It arrived, as the endpoint said.
    Delivered(String),
    /// It is tried again.
    Again {
        /// When.
        at: Timestamp,
        /// Why it did not work.
        why: String,
    },
    /// It is given up, until somebody has it replayed.
    Dead(String),
    /// Nobody wants it any more.
    Gone,
}

/// What became of one delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// Its number.
    pub number: i64,
    /// Its message.
    pub message_id: Uuid,
    /// What became of it.
    pub outcome: Outcome,
}

/// How far a delivery is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    /// It waits for its time.
    Waiting,
    /// It arrived.
    Delivered,
    /// It was given up.
    Dead,
}

/// A delivery as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedDelivery {
    /// Its number.
    pub number: i64,
    /// Its message.
    pub message_id: Uuid,
    /// Its subscription.
    pub subscription: Uuid,
    /// The topic, unless it was deleted.
    pub topic: Option<TopicName>,
    /// How and where, unless the subscription ended.
    pub place: Option<(Protocol, String)>,
    /// How far it is.
    pub state: DeliveryState,
    /// Since when, or until when it waits.
    pub at: Timestamp,
    /// How often it was tried.
    pub tries: u32,
    /// What the endpoint said, or why it did not work.
    pub said: Option<String>,
}

impl Store {
    /// Lanes in which something is due, those that wait longest first.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub async fn due_lanes(&self, limit: usize, now: Timestamp) -> Result<Vec<Lane>, StoreError> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT number, protocol, endpoint FROM notice_lanes WHERE due_at <= ? \
                 ORDER BY due_at LIMIT ?",
            )?;
            let mut rows = statement.query(params![now.as_millis(), count(limit)])?;
            let mut lanes = Vec::new();
            while let Some(row) = rows.next()? {
                lanes.push(Lane {
                    number: row.get(0)?,
                    protocol: protocol(row, 1)?,
                    endpoint: row.get(2)?,
                });
            }
            Ok(lanes)
        })
        .await
    }

    /// Puts lanes off until `until`, where others have to go first.
    ///
    /// # Errors
    /// [`StoreError`] when that cannot be written.
    pub async fn put_off_lanes(&self, lanes: Vec<i64>, until: Timestamp) -> Result<(), StoreError> {
        self.write(move |connection| {
            let mut update =
                connection.prepare_cached("UPDATE notice_lanes SET due_at = ? WHERE number = ?")?;
            for lane in lanes {
                update.execute([until.as_millis(), lane])?;
            }
            Ok(())
        })
        .await
    }

    /// What is due in a lane, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    pub async fn due_deliveries(
        &self,
        lane: i64,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<DueDelivery>, StoreError> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT d.number, d.message, d.tries, m.body, m.published_at, t.name, t.settings, s.id, \
                 s.settings, s.pending_until IS NOT NULL FROM notice_deliveries d \
                 JOIN notice_messages m ON m.id = d.message \
                 LEFT JOIN notice_subscriptions s ON s.id = d.subscription \
                 LEFT JOIN notice_topics t ON t.number = s.topic \
                 WHERE d.lane = ? AND d.state = 0 AND d.due_at <= ? ORDER BY d.due_at LIMIT ?",
            )?;
            let mut rows = statement.query(params![lane, now.as_millis(), count(limit)])?;
            let mut due = Vec::new();
            while let Some(row) = rows.next()? {
                due.push(due_delivery(row)?);
            }
            Ok(due)
        })
        .await
    }

    /// What is due in a lane, without the messages, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    pub async fn waiting_deliveries(
        &self,
        lane: i64,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<Waiting>, StoreError> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT d.number, d.message, d.tries, s.settings FROM notice_deliveries d \
                 LEFT JOIN notice_subscriptions s ON s.id = d.subscription \
                 WHERE d.lane = ? AND d.state = 0 AND d.due_at <= ? ORDER BY d.due_at LIMIT ?",
            )?;
            let mut rows = statement.query(params![lane, now.as_millis(), count(limit)])?;
            let mut waiting = Vec::new();
            while let Some(row) = rows.next()? {
                let settings: Option<String> = row.get(3)?;
                waiting.push(Waiting {
                    number: row.get(0)?,
                    message_id: Uuid::from_bytes(row.get(1)?),
                    tries: row.get(2)?,
                    settings: settings.map(|text| from_json("subscription", &text)).transpose()?,
                });
            }
            Ok(waiting)
        })
        .await
    }

    /// Writes down what became of deliveries of one lane, and when the lane is due next.
    ///
    /// # Errors
    /// [`StoreError`] when that cannot be written, and then nothing of it is.
    pub async fn settle_deliveries(
        &self,
        lane: i64,
        settled: Vec<Settled>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let settings = self.settings.clone();
        self.write(move |connection| {
            for it in &settled {
                settle(connection, it, now)?;
                tell(connection, &settings.notices, it, now)?;
            }
            set_due(connection, lane)
        })
        .await
    }

    /// Deliveries that were given up, by number, at most `limit` behind `after`.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub async fn dead_deliveries(
        &self,
        after: Option<i64>,
        limit: usize,
    ) -> Result<Page<EndedDelivery, i64>, StoreError> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(&format!(
                "{LISTED} WHERE d.state = 2 AND d.number > ? ORDER BY d.number LIMIT ?"
            ))?;
            let rows = statement.query(params![after.unwrap_or(0), one_more(limit)])?;
            Ok(Page::cut(listed(rows)?, limit, |it| it.number))
        })
        .await
    }

    /// A message's deliveries, by number, at most `limit` behind `after`.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub async fn deliveries_of(
        &self,
        message: Uuid,
        after: Option<i64>,
        limit: usize,
    ) -> Result<Page<EndedDelivery, i64>, StoreError> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(&format!(
                "{LISTED} WHERE d.message = ? AND d.number > ? ORDER BY d.number LIMIT ?"
            ))?;
            let rows = statement.query(params![
                message.as_bytes(),
                after.unwrap_or(0),
                one_more(limit)
            ])?;
            Ok(Page::cut(listed(rows)?, limit, |it| it.number))
        })
        .await
    }

    /// Has a delivery that was given up tried again from the beginning.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when it was not given up, or its subscription is gone.
    pub async fn replay_delivery(&self, number: i64, now: Timestamp) -> Result<(), StoreError> {
        self.write(move |connection| {
            let place: Option<(String, String)> = connection
                .prepare_cached(
                    "SELECT s.protocol, s.endpoint FROM notice_deliveries d JOIN notice_subscriptions s \
                     ON s.id = d.subscription WHERE d.number = ? AND d.state = 2",
                )?
                .query_row([number], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            let missing = || StoreError::not_found("dead delivery with a subscription", number);
            let (protocol, endpoint) = place.ok_or_else(missing)?;
            let lane = publishing::lane(connection, (&protocol, &endpoint), now)?;
            connection
                .prepare_cached(
                    "UPDATE notice_deliveries SET state = 0, tries = 0, due_at = ?, lane = ? \
                     WHERE number = ?",
                )?
                .execute(params![now.as_millis(), lane, number])?;
            Ok(())
        })
        .await
    }
}

const LISTED: &str = "SELECT d.number, d.message, d.subscription, t.name, s.protocol, s.endpoint, \
                      d.state, d.due_at, d.tries, d.said FROM notice_deliveries d \
                      LEFT JOIN notice_topics t ON t.number = d.topic \
                      LEFT JOIN notice_subscriptions s ON s.id = d.subscription";

fn listed(mut rows: rusqlite::Rows<'_>) -> Result<Vec<EndedDelivery>, StoreError> {
    let mut list = Vec::new();
    while let Some(row) = rows.next()? {
        let (topic, endpoint): (Option<String>, Option<String>) = (row.get(3)?, row.get(5)?);
        let state = match row.get(6)? {
            0 => DeliveryState::Waiting,
            1 => DeliveryState::Delivered,
            2 => DeliveryState::Dead,
            other => return Err(StoreError::corrupt("state of a delivery", format!("{other:?}"))),
        };
        list.push(EndedDelivery {
            number: row.get(0)?,
            message_id: Uuid::from_bytes(row.get(1)?),
            subscription: Uuid::from_bytes(row.get(2)?),
            topic: topic.as_deref().map(topic_name).transpose()?,
            place: endpoint
                .map(|endpoint| Ok::<_, StoreError>((protocol(row, 4)?, endpoint)))
                .transpose()?,
            state,
            at: Timestamp::from_millis(row.get(7)?),
            tries: row.get(8)?,
            said: row.get(9)?,
        });
    }
    Ok(list)
}

fn due_delivery(row: &Row<'_>) -> Result<DueDelivery, StoreError> {
    let (body, topic): (String, Option<String>) = (row.get(3)?, row.get(5)?);
    let (number, message_id, tries) = (row.get(0)?, Uuid::from_bytes(row.get(1)?), row.get(2)?);
    let Some(topic) = topic else {
        return Ok(DueDelivery { number, message_id, tries, due: None });
    };
    let (of_topic, settings): (String, String) = (row.get(6)?, row.get(8)?);
    let of_topic: perennial_core::notice_topic::TopicSettings = from_json("topic", &of_topic)?;
    let is_pending: bool = row.get(9)?;
    let what = match from_json("message", &body)? {
        Body::Message(message) | Body::Notice { message, .. } => Ok(message),
        Body::Confirmation { token } => Err(token),
    };
    let due = Due {
        topic: topic_name(&topic)?,
        display_name: of_topic.display_name,
        subscription: Uuid::from_bytes(row.get(7)?),
        settings: from_json("subscription", &settings)?,
        published_at: Timestamp::from_millis(row.get(4)?),
        what,
    };
    // Who has confirmed is not asked any more.
    let wanted = due.what.is_ok() || is_pending;
    Ok(DueDelivery { number, message_id, tries, due: Some(due).filter(|_| wanted) })
}

fn settle(connection: &Connection, it: &Settled, now: Timestamp) -> Result<(), StoreError> {
    let (state, at, said) = match &it.outcome {
        Outcome::Delivered(said) => (1, now, said),
        Outcome::Again { at, why } => (0, *at, why),
        Outcome::Dead(why) => (2, now, why),
        Outcome::Gone => return forget(connection, it.number, it.message_id),
    };
    connection
        .prepare_cached(
            "UPDATE notice_deliveries SET state = ?, due_at = ?, tries = tries + 1, said = ? \
             WHERE number = ?",
        )?
        .execute(params![state, at.as_millis(), said, it.number])?;
    Ok(())
}

/// Lets people hear of subscribers who get nothing, and that they get something again.
fn tell(
    connection: &Connection,
    settings: &NoticeSettings,
    it: &Settled,
    now: Timestamp,
) -> Result<(), StoreError> {
    match &it.outcome {
        Outcome::Delivered(_) => failing::arrived(connection, settings, it.number, now),
        Outcome::Dead(why) => failing::gave_up(connection, settings, (it.number, why), now),
        Outcome::Again { .. } | Outcome::Gone => Ok(()),
    }
}

/// Forgets a delivery, and its message with the last of them.
pub(super) fn forget(
    connection: &Connection,
    number: i64,
    message: Uuid,
) -> Result<(), StoreError> {
    connection
        .prepare_cached("DELETE FROM notice_deliveries WHERE number = ?")?
        .execute([number])?;
    connection
        .prepare_cached("UPDATE notice_messages SET deliveries = deliveries - 1 WHERE id = ?")?
        .execute([message.as_bytes()])?;
    forget_done(connection, message)
}

/// A lane is due when its earliest delivery is; one without any is gone.
fn set_due(connection: &Connection, lane: i64) -> Result<(), StoreError> {
    let due_at: Option<i64> = connection
        .prepare_cached("SELECT MIN(due_at) FROM notice_deliveries WHERE lane = ? AND state = 0")?
        .query_row([lane], |row| row.get(0))?;
    match due_at {
        Some(due_at) => connection
            .prepare_cached("UPDATE notice_lanes SET due_at = ? WHERE number = ?")?
            .execute([due_at, lane])?,
        None => connection
            .prepare_cached("DELETE FROM notice_lanes WHERE number = ?")?
            .execute([lane])?,
    };
    Ok(())
}

fn protocol(row: &Row<'_>, column: usize) -> Result<Protocol, StoreError> {
    let text: String = row.get(column)?;
    text.parse().map_err(|error| StoreError::corrupt("protocol", error))
}
