//! Topics: making, describing, listing and deleting them.

use perennial_core::{
    notice::FoldKey,
    notice_topic::{TopicName, TopicSettings},
    registry::Tags,
    time::Timestamp,
};
use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::json;

use crate::{
    Page, Store, StoreError, events, notices,
    page::one_more,
    row::{from_json, to_json},
    tags,
};

/// What tags know topics as.
pub const NOTICE_TOPIC: &str = "notice-topic";

/// A topic as it is described.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeTopic {
    /// Its settings.
    pub settings: TopicSettings,
    /// How many subscriptions are confirmed, how many wait for that, and how many were ended.
    pub subscriptions: [i64; 3],
}

impl Store {
    /// Makes a topic; one that exists stays as it is, unless it has other settings or tags than
    /// are asked for.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when it exists and is different.
    pub async fn create_notice_topic(
        &self,
        name: TopicName,
        settings: TopicSettings,
        tags: Tags,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            let key = (NOTICE_TOPIC, name.as_str());
            if let Some((_, found)) = find(connection, &name)? {
                let same = settings == TopicSettings::default() || settings == found;
                let wanted = tags.as_map();
                let same_tags = wanted.is_empty() || *wanted == tags::read(connection, key)?;
                return if same && same_tags { Ok(()) } else { Err(exists(&name)) };
            }
            connection
                .prepare_cached(
                    "INSERT INTO notice_topics (name, settings, created_at) VALUES (?, ?, ?)",
                )?
                .execute(params![name.as_str(), to_json("topic", &settings)?, now.as_millis()])?;
            let body = json!({ "name": name.as_str(), "settings": settings });
            events::append(connection, "notice_topic.created", &body, now)?;
            tags::give(connection, key, &tags, now)
        })
        .await
    }

    /// A topic.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn notice_topic(&self, name: TopicName) -> Result<NoticeTopic, StoreError> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT settings, confirmed, pending, deleted FROM notice_topics WHERE name = ?",
            )?;
            let row = statement
                .query_row([name.as_str()], |row| {
                    let text: String = row.get(0)?;
                    Ok((text, [row.get(1)?, row.get(2)?, row.get(3)?]))
                })
                .optional()?;
            let (text, subscriptions) = row.ok_or_else(|| missing(&name))?;
            Ok(NoticeTopic { settings: from_json("topic", &text)?, subscriptions })
        })
        .await
    }

    /// The topics' names, in order, at most `limit` behind `after`.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub async fn list_notice_topics(
        &self,
        after: Option<TopicName>,
        limit: usize,
    ) -> Result<Page<TopicName>, StoreError> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT name FROM notice_topics WHERE name > ? ORDER BY name LIMIT ?",
            )?;
            let after = after.as_ref().map_or("", TopicName::as_str);
            let rows = statement
                .query_map(params![after, one_more(limit)], |row| row.get::<_, String>(0))?;
            let names = rows.map(|row| topic_name(&row?)).collect::<Result<_, StoreError>>()?;
            Ok(Page::cut(names, limit, Clone::clone))
        })
        .await
    }

    /// Changes one of a topic's settings.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or [`StoreError::Invalid`] when it may not be.
    pub async fn set_notice_topic(
        &self,
        name: TopicName,
        (attribute, value): (String, String),
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            let (number, mut settings) = found(connection, &name)?;
            settings.set(&attribute, &value)?;
            connection
                .prepare_cached("UPDATE notice_topics SET settings = ? WHERE number = ?")?
                .execute(params![to_json("topic", &settings)?, number])?;
            let body = json!({ "name": name.as_str(), "settings": settings });
            events::append(connection, "notice_topic.changed", &body, now)
        })
        .await
    }

    /// Deletes a topic, if there is one, with its subscriptions and with what they wait for.
    ///
    /// # Errors
    /// [`StoreError`] when that cannot be written.
    pub async fn delete_notice_topic(
        &self,
        name: TopicName,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let settings = self.settings.clone();
        self.write(move |connection| {
            let Some((number, _)) = find(connection, &name)? else { return Ok(()) };
            for sql in [
                "DELETE FROM notice_topics WHERE number = ?",
                "INSERT INTO notice_topics_gone (number) VALUES (?)",
            ] {
                connection.prepare_cached(sql)?.execute([number])?;
            }
            tags::clear_named(connection, NOTICE_TOPIC, name.as_str())?;
            let key = FoldKey::subscription_failing(name.as_str());
            notices::resolve(connection, &settings.notices, &key, now)?;
            events::append(
                connection,
                "notice_topic.deleted",
                &json!({ "name": name.as_str() }),
                now,
            )
        })
        .await
    }
}

/// A topic's number and settings.
pub(super) fn found(
    connection: &Connection,
    name: &TopicName,
) -> Result<(i64, TopicSettings), StoreError> {
    find(connection, name)?.ok_or_else(|| missing(name))
}

fn find(
    connection: &Connection,
    name: &TopicName,
) -> Result<Option<(i64, TopicSettings)>, StoreError> {
    let row: Option<(i64, String)> = connection
        .prepare_cached("SELECT number, settings FROM notice_topics WHERE name = ?")?
        .query_row([name.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    row.map(|(number, text)| Ok((number, from_json("topic", &text)?))).transpose()
}

/// Which of a topic's counts.
#[derive(Debug, Clone, Copy)]
pub(super) enum Count {
    Confirmed,
    Pending,
    Deleted,
}

/// Changes a topic's counts.
pub(super) fn recount(
    connection: &Connection,
    topic: i64,
    changes: &[(Count, i64)],
) -> Result<(), StoreError> {
    for (count, by) in changes {
        let sql = match count {
            Count::Confirmed => {
                "UPDATE notice_topics SET confirmed = confirmed + ? WHERE number = ?"
            }
            Count::Pending => "UPDATE notice_topics SET pending = pending + ? WHERE number = ?",
            Count::Deleted => "UPDATE notice_topics SET deleted = deleted + ? WHERE number = ?",
        };
        connection.prepare_cached(sql)?.execute([*by, topic])?;
    }
    Ok(())
}

pub(super) fn topic_name(text: &str) -> Result<TopicName, StoreError> {
    TopicName::new(text).map_err(|error| StoreError::corrupt("topic name", error))
}

fn missing(name: &TopicName) -> StoreError {
    StoreError::not_found("topic", name)
}

fn exists(name: &TopicName) -> StoreError {
    StoreError::Exists {
        what: "a topic with other attributes or tags:",
        name: name.to_string(),
        id: None,
    }
}
