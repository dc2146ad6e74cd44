//! Subscriptions: asked for, confirmed by whoever is at the endpoint, changed and ended.

use perennial_core::{
    ids::Digest,
    notice_topic::{
        CONFIRMED_WITHIN, PENDING_FOR, Protocol, SubscriptionSettings, TopicName, Uuid,
    },
    time::Timestamp,
};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde_json::json;

use super::{
    failing,
    publishing::{self, Body},
    topics::{self, Count, recount, topic_name},
};
use crate::{
    Page, Store, StoreError, events,
    page::one_more,
    row::{from_json, to_json},
    rule_loops,
};

const COLUMNS: &str = "s.id, t.name, s.protocol, s.endpoint, s.settings, s.authenticated, \
                       s.pending_until, s.topic";
const FROM: &str = "notice_subscriptions s JOIN notice_topics t ON t.number = s.topic";

/// A subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Its id.
    pub id: Uuid,
    /// What is subscribed to.
    pub topic: TopicName,
    /// How the subscriber is reached.
    pub protocol: Protocol,
    /// Where.
    pub endpoint: String,
    /// Its settings.
    pub settings: SubscriptionSettings,
    /// Whether its confirmation was signed, and only a signed request may end it.
    pub authenticated: bool,
    /// Whether it is confirmed.
    pub confirmed: bool,
    pub(super) topic_number: i64,
}

/// A wish to subscribe.
#[derive(Debug, Clone)]
pub struct Subscribing {
    /// The id it gets, unless it exists.
    pub id: Uuid,
    /// To what.
    pub topic: TopicName,
    /// How the subscriber is reached.
    pub protocol: Protocol,
    /// Where.
    pub endpoint: String,
    /// Its settings.
    pub settings: SubscriptionSettings,
    /// What the subscriber is asked to send back; nothing where nobody can be asked.
    pub confirming: Option<Confirming>,
}

/// How a subscriber is asked.
#[derive(Debug, Clone)]
pub struct Confirming {
    /// What is to come back.
    pub token: String,
    /// The token's SHA-256.
    pub digest: Digest,
    /// The id of the message that asks.
    pub message_id: Uuid,
}

/// What became of a wish to subscribe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subscribed {
    /// Its id.
    pub id: Uuid,
    /// Whether it is confirmed.
    pub confirmed: bool,
}

impl Store {
    /// Subscribes. One that exists and is the same stays; one that waits for its confirmation is
    /// asked again, with a new token.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] without such a topic, [`StoreError::Exists`] when it exists and is
    /// different; [`StoreError::Rule`] when a rule's messages would come back to it by way of the
    /// subscription, [`StoreError::LimitExceeded`].
    pub async fn subscribe(
        &self,
        wish: Subscribing,
        now: Timestamp,
    ) -> Result<Subscribed, StoreError> {
        self.write(move |connection| subscribe(connection, wish, now)).await
    }

    /// Confirms the subscription to `topic` whose token has this digest; answers its id.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when there is none, or the token's time is over.
    pub async fn confirm_subscription(
        &self,
        topic: TopicName,
        token: Digest,
        authenticated: bool,
        now: Timestamp,
    ) -> Result<Uuid, StoreError> {
        self.write(move |connection| confirm(connection, &topic, token, authenticated, now)).await
    }

    /// A subscription.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn subscription(&self, id: Uuid) -> Result<Subscription, StoreError> {
        self.read(move |connection| found(connection, id)).await
    }

    /// Subscriptions to `topic`, or to all, by id, at most `limit` behind `after`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] without such a topic.
    pub async fn list_subscriptions(
        &self,
        topic: Option<TopicName>,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Page<Subscription, Uuid>, StoreError> {
        self.read(move |connection| {
            let after = after.map_or(Vec::new(), |id| id.as_bytes().to_vec());
            let mut list = Vec::new();
            match topic {
                Some(name) => {
                    let (number, _) = topics::found(connection, &name)?;
                    let mut statement = connection.prepare_cached(&format!(
                        "SELECT {COLUMNS} FROM {FROM} WHERE s.topic = ? AND s.id > ? ORDER BY s.id LIMIT ?"
                    ))?;
                    let mut rows = statement.query(params![number, after, one_more(limit)])?;
                    while let Some(row) = rows.next()? {
                        list.push(subscription(row)?);
                    }
                }
                None => {
                    let mut statement = connection.prepare_cached(&format!(
                        "SELECT {COLUMNS} FROM notice_subscriptions s CROSS JOIN notice_topics t \
                         ON t.number = s.topic WHERE s.id > ? ORDER BY s.id LIMIT ?"
                    ))?;
                    let mut rows = statement.query(params![after, one_more(limit)])?;
                    while let Some(row) = rows.next()? {
                        list.push(subscription(row)?);
                    }
                }
            }
            Ok(Page::cut(list, limit, |it| it.id))
        })
        .await
    }

    /// Changes one of a subscription's settings.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or [`StoreError::Invalid`] when it may not be.
    pub async fn set_subscription(
        &self,
        id: Uuid,
        (attribute, value): (String, String),
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            let mut it = found(connection, id)?;
            it.settings.set(&attribute, &value, it.protocol)?;
            connection
                .prepare_cached("UPDATE notice_subscriptions SET settings = ? WHERE id = ?")?
                .execute(params![to_json("subscription", &it.settings)?, id.as_bytes()])?;
            let body = json!({ "id": id.to_string(), "settings": it.settings });
            events::append(connection, "subscription.changed", &body, now)
        })
        .await
    }

    /// Ends a subscription. What waits for it is not delivered.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn unsubscribe(&self, id: Uuid, now: Timestamp) -> Result<(), StoreError> {
        let settings = self.settings.clone();
        self.write(move |connection| {
            let it = found(connection, id)?;
            delete(connection, &it)?;
            failing::ended(connection, &settings.notices, (it.topic_number, &it.topic), now)?;
            let body = json!({ "id": id.to_string(), "topic": it.topic.as_str() });
            events::append(connection, "subscription.deleted", &body, now)
        })
        .await
    }
}

fn subscribe(
    connection: &Connection,
    wish: Subscribing,
    now: Timestamp,
) -> Result<Subscribed, StoreError> {
    let (topic, _) = topics::found(connection, &wish.topic)?;
    let existing: Option<[u8; 16]> = connection
        .prepare_cached(
            "SELECT id FROM notice_subscriptions WHERE topic = ? AND protocol = ? AND endpoint = ?",
        )?
        .query_row(params![topic, wish.protocol.as_str(), wish.endpoint], |row| row.get(0))
        .optional()?;
    let id = match existing.map(Uuid::from_bytes) {
        Some(id) => {
            let it = found(connection, id)?;
            if it.confirmed {
                return again(&it, &wish);
            }
            connection
                .prepare_cached("UPDATE notice_subscriptions SET settings = ? WHERE id = ?")?
                .execute(params![to_json("subscription", &wish.settings)?, id.as_bytes()])?;
            id
        }
        None => {
            insert(connection, topic, &wish, now)?;
            if wish.protocol == Protocol::Mqtt {
                rule_loops::check_relays(connection, &wish.topic)?;
            }
            wish.id
        }
    };
    if let Some(confirming) = &wish.confirming {
        ask(connection, (topic, id), &wish, confirming, now)?;
    }
    Ok(Subscribed { id, confirmed: wish.confirming.is_none() })
}

/// What a wish gets for which there is a subscription.
fn again(it: &Subscription, wish: &Subscribing) -> Result<Subscribed, StoreError> {
    if it.settings == wish.settings || wish.settings == SubscriptionSettings::default() {
        return Ok(Subscribed { id: it.id, confirmed: true });
    }
    let what = "a subscription of this endpoint with other attributes:";
    Err(StoreError::Exists { what, name: it.id.to_string(), id: None })
}

fn insert(
    connection: &Connection,
    topic: i64,
    wish: &Subscribing,
    now: Timestamp,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO notice_subscriptions (id, topic, protocol, endpoint, settings, authenticated, \
             pending_until, created_at) VALUES (?, ?, ?, ?, ?, 0, ?, ?)",
        )?
        .execute(params![
            wish.id.as_bytes(),
            topic,
            wish.protocol.as_str(),
            wish.endpoint,
            to_json("subscription", &wish.settings)?,
            wish.confirming.as_ref().map(|_| (now + PENDING_FOR).as_millis()),
            now.as_millis()
        ])?;
    let count = if wish.confirming.is_some() { Count::Pending } else { Count::Confirmed };
    recount(connection, topic, &[(count, 1)])?;
    let body = json!({ "id": wish.id.to_string(), "topic": wish.topic.as_str(),
        "protocol": wish.protocol, "endpoint": wish.endpoint, "settings": wish.settings });
    events::append(connection, "subscription.created", &body, now)
}

/// Has the subscriber asked whether they want the messages.
fn ask(
    connection: &Connection,
    (topic, id): (i64, Uuid),
    wish: &Subscribing,
    confirming: &Confirming,
    now: Timestamp,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE notice_subscriptions SET token_digest = ?, token_until = ?, pending_until = ? \
             WHERE id = ?",
        )?
        .execute(params![
            confirming.digest.as_bytes(),
            (now + CONFIRMED_WITHIN).as_millis(),
            (now + PENDING_FOR).as_millis(),
            id.as_bytes()
        ])?;
    let body = Body::Confirmation { token: confirming.token.clone() };
    let message = confirming.message_id;
    publishing::insert(connection, (message, topic), &body, false, now)?;
    let place = (wish.protocol.as_str(), wish.endpoint.as_str());
    publishing::deliver(connection, (message, topic), id, place, now)
}

fn confirm(
    connection: &Connection,
    topic: &TopicName,
    token: Digest,
    authenticated: bool,
    now: Timestamp,
) -> Result<Uuid, StoreError> {
    let invalid = || {
        StoreError::Invalid("Invalid token: it is another topic's, or its time is over".to_owned())
    };
    let (number, _) = topics::found(connection, topic)?;
    let row: Option<([u8; 16], i64, bool)> = connection
        .prepare_cached(
            "SELECT id, token_until, pending_until IS NOT NULL FROM notice_subscriptions \
             WHERE token_digest = ? AND topic = ?",
        )?
        .query_row(params![token.as_bytes(), number], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    let (id, until, is_pending) = row.ok_or_else(invalid)?;
    let id = Uuid::from_bytes(id);
    if until < now.as_millis() {
        return Err(invalid());
    }
    if !is_pending {
        return Ok(id);
    }
    connection
        .prepare_cached(
            "UPDATE notice_subscriptions SET pending_until = NULL, authenticated = ? WHERE id = ?",
        )?
        .execute(params![authenticated, id.as_bytes()])?;
    recount(connection, number, &[(Count::Pending, -1), (Count::Confirmed, 1)])?;
    let body = json!({ "id": id.to_string(), "topic": topic.as_str() });
    events::append(connection, "subscription.confirmed", &body, now)?;
    Ok(id)
}

fn found(connection: &Connection, id: Uuid) -> Result<Subscription, StoreError> {
    let mut statement =
        connection.prepare_cached(&format!("SELECT {COLUMNS} FROM {FROM} WHERE s.id = ?"))?;
    let mut rows = statement.query([id.as_bytes()])?;
    match rows.next()? {
        Some(row) => subscription(row),
        None => Err(StoreError::not_found("subscription", id)),
    }
}

/// Deletes a subscription of a topic that exists, and counts it.
pub(super) fn delete(connection: &Connection, it: &Subscription) -> Result<(), StoreError> {
    connection
        .prepare_cached("DELETE FROM notice_subscriptions WHERE id = ?")?
        .execute([it.id.as_bytes()])?;
    let count = if it.confirmed { Count::Confirmed } else { Count::Pending };
    recount(connection, it.topic_number, &[(count, -1), (Count::Deleted, 1)])
}

/// Reads the columns of [`COLUMNS`].
fn subscription(row: &Row<'_>) -> Result<Subscription, StoreError> {
    let (protocol, settings): (String, String) = (row.get(2)?, row.get(4)?);
    let pending_until: Option<i64> = row.get(6)?;
    Ok(Subscription {
        id: Uuid::from_bytes(row.get(0)?),
        topic: topic_name(&row.get::<_, String>(1)?)?,
        protocol: protocol.parse().map_err(|error| StoreError::corrupt("protocol", error))?,
        endpoint: row.get(3)?,
        settings: from_json("subscription", &settings)?,
        authenticated: row.get(5)?,
        confirmed: pending_until.is_none(),
        topic_number: row.get(7)?,
    })
}
