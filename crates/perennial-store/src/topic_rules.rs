//! Topic rules: made, replaced, switched on and off, deleted.

use perennial_core::{
    ids::RuleName,
    registry::{Resource, Tags},
    rule::TopicRule,
    time::Timestamp,
};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde_json::json;

use crate::{
    Store, StoreError, events,
    row::{from_json, to_json},
    rule_loops::check_loops,
    tags,
};

/// The most topic rules; all that are on are kept in memory.
pub const MAX_TOPIC_RULES: usize = 1000;

/// A topic rule with its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRule {
    /// Its name.
    pub name: RuleName,
    /// What it says.
    pub rule: TopicRule,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Store {
    /// Makes a topic rule.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when one of that name has another content,
    /// [`StoreError::LimitExceeded`], and [`StoreError::Rule`] when it is invalid or its messages
    /// may come back to it.
    pub async fn create_topic_rule(
        &self,
        name: RuleName,
        rule: TopicRule,
        tags: Tags,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| create(connection, &name, &rule, &tags, now)).await
    }

    /// Puts another content in a rule's place.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Rule`].
    pub async fn replace_topic_rule(
        &self,
        name: RuleName,
        rule: TopicRule,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            existing(connection, &name)?;
            check_loops(connection, &name, &rule)?;
            put(connection, &name, &rule, "topic-rule.replaced", now)
        })
        .await
    }

    /// Switches a rule on or off.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Rule`] when its messages would come back to it by
    /// way of rules that were made while it was off.
    pub async fn enable_topic_rule(
        &self,
        name: RuleName,
        enabled: bool,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            let mut rule = existing(connection, &name)?.rule;
            if rule.rule_disabled != enabled {
                return Ok(());
            }
            rule.rule_disabled = !enabled;
            check_loops(connection, &name, &rule)?;
            put(connection, &name, &rule, "topic-rule.switched", now)
        })
        .await
    }

    /// Deletes a rule; answers whether there was one.
    ///
    /// # Errors
    /// [`StoreError`] when that cannot be written.
    pub async fn delete_topic_rule(
        &self,
        name: RuleName,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(move |connection| delete(connection, &name, now)).await
    }

    /// A rule.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn topic_rule(&self, name: RuleName) -> Result<StoredRule, StoreError> {
        self.read(move |connection| existing(connection, &name)).await
    }

    /// Every rule by name, at most [`MAX_TOPIC_RULES`].
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub async fn topic_rules(&self) -> Result<Vec<StoredRule>, StoreError> {
        self.read(all).await
    }
}

/// Every rule, by name.
pub(crate) fn all(connection: &Connection) -> Result<Vec<StoredRule>, StoreError> {
    let sql = "SELECT name, payload, created_at FROM topic_rules WHERE name > '' ORDER BY name";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}

fn read(row: &Row<'_>) -> Result<StoredRule, StoreError> {
    let name: String = row.get(0)?;
    Ok(StoredRule {
        name: RuleName::new(&name).map_err(|error| StoreError::corrupt("rule name", error))?,
        rule: from_json("topic rule", &row.get::<_, String>(1)?)?,
        created_at: Timestamp::from_millis(row.get(2)?),
    })
}

fn find(connection: &Connection, name: &RuleName) -> Result<Option<StoredRule>, StoreError> {
    let sql = "SELECT name, payload, created_at FROM topic_rules WHERE name = ?";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([name.as_str()])?;
    rows.next()?.map(read).transpose()
}

fn existing(connection: &Connection, name: &RuleName) -> Result<StoredRule, StoreError> {
    find(connection, name)?.ok_or_else(|| StoreError::not_found("topic rule", name))
}

fn create(
    connection: &Connection,
    name: &RuleName,
    rule: &TopicRule,
    tags: &Tags,
    now: Timestamp,
) -> Result<(), StoreError> {
    if let Some(found) = find(connection, name)? {
        if found.rule == *rule {
            return Ok(());
        }
        return Err(StoreError::Exists { what: "topic rule", name: name.to_string(), id: None });
    }
    let counted = connection
        .prepare_cached("SELECT COUNT(*) FROM topic_rules WHERE name > ''")?
        .query_row([], |row| row.get::<_, i64>(0))
        .optional()?;
    if counted.unwrap_or(0) >= events::count(MAX_TOPIC_RULES) {
        return Err(StoreError::limit(MAX_TOPIC_RULES, "topic rules"));
    }
    check_loops(connection, name, rule)?;
    put(connection, name, rule, "topic-rule.created", now)?;
    tags::put(connection, &resource(name), tags)
}

fn put(
    connection: &Connection,
    name: &RuleName,
    rule: &TopicRule,
    event: &'static str,
    now: Timestamp,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO topic_rules (name, payload, created_at) VALUES (?, ?, ?) \
             ON CONFLICT (name) DO UPDATE SET payload = excluded.payload",
        )?
        .execute(params![name.as_str(), to_json("topic rule", rule)?, now.as_millis()])?;
    let body = json!({ "ruleName": name, "sql": rule.sql, "actions": rule.actions,
        "errorAction": rule.error_action, "ruleDisabled": rule.rule_disabled });
    events::append(connection, event, &body, now)
}

fn delete(connection: &Connection, name: &RuleName, now: Timestamp) -> Result<bool, StoreError> {
    let deleted = connection
        .prepare_cached("DELETE FROM topic_rules WHERE name = ?")?
        .execute([name.as_str()])?;
    if deleted == 0 {
        return Ok(false);
    }
    tags::clear(connection, &resource(name))?;
    events::append(connection, "topic-rule.deleted", &json!({ "ruleName": name }), now)?;
    Ok(true)
}

fn resource(name: &RuleName) -> Resource {
    Resource::Other { kind: tags::TOPIC_RULE.to_owned(), name: name.to_string() }
}
