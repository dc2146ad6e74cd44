//! Tags of resources, by kind and name as their ARNs have them.

use std::collections::BTreeMap;

use perennial_core::{
    registry::{MAX_TAGS, Resource, Tag, TagError, Tags},
    time::Timestamp,
};
use rusqlite::{Connection, params};
use serde_json::json;

use crate::{Store, StoreError, events, notice_topics::NOTICE_TOPIC};

/// Kinds that the audit's part of the store keeps.
pub(crate) const SCHEDULED_AUDIT: &str = "scheduledaudit";
pub(crate) const MITIGATION_ACTION: &str = "mitigationaction";
/// The kind of a billing group.
pub(crate) const BILLING_GROUP: &str = "billinggroup";
/// The kind of a topic rule.
pub(crate) const TOPIC_RULE: &str = "rule";

impl Store {
    /// Gives a resource these tags beside those it has; a key it has gets the new value.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::LimitExceeded`]; [`StoreError::Invalid`] for a
    /// kind of resource that has no tags.
    pub async fn tag(
        &self,
        resource: Resource,
        tags: Tags,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            check_exists(connection, &resource)?;
            give(connection, (resource.kind(), &resource.name()), &tags, now)
        })
        .await
    }

    /// Takes the tags with these keys from a resource.
    ///
    /// # Errors
    /// As [`tag`](Self::tag).
    pub async fn untag(
        &self,
        resource: Resource,
        keys: Vec<String>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            check_exists(connection, &resource)?;
            let mut delete = connection
                .prepare_cached("DELETE FROM tags WHERE kind = ? AND name = ? AND key = ?")?;
            for key in &keys {
                delete.execute(params![resource.kind(), resource.name(), key])?;
            }
            let body = json!({ "kind": resource.kind(), "name": resource.name(), "keys": keys });
            events::append(connection, "resource.untagged", &body, now)
        })
        .await
    }

    /// A resource's tags, by key: never more than fit into one answer.
    ///
    /// # Errors
    /// As [`tag`](Self::tag).
    pub async fn tags_of(&self, resource: Resource) -> Result<Vec<Tag>, StoreError> {
        self.read(move |connection| {
            check_exists(connection, &resource)?;
            let all = read(connection, (resource.kind(), &resource.name()))?;
            Ok(all.into_iter().map(|(key, value)| Tag { key, value }).collect())
        })
        .await
    }
}

pub(crate) fn read(
    connection: &Connection,
    (kind, name): (&str, &str),
) -> Result<BTreeMap<String, String>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT key, value FROM tags WHERE kind = ? AND name = ? ORDER BY key")?;
    let rows = statement.query_map([kind, name], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Writes tags of a resource that exists; the event of its making names them.
pub(crate) fn put(
    connection: &Connection,
    resource: &Resource,
    tags: &Tags,
) -> Result<(), StoreError> {
    write(connection, (resource.kind(), &resource.name()), tags)
}

/// Writes tags of a resource that the registry knows only by name, and an event of it.
pub(crate) fn give(
    connection: &Connection,
    (kind, name): (&str, &str),
    tags: &Tags,
    now: Timestamp,
) -> Result<(), StoreError> {
    if tags.as_map().is_empty() {
        return Ok(());
    }
    write(connection, (kind, name), tags)?;
    let body = json!({ "kind": kind, "name": name, "tags": tags.as_map() });
    events::append(connection, "resource.tagged", &body, now)
}

fn write(
    connection: &Connection,
    (kind, name): (&str, &str),
    tags: &Tags,
) -> Result<(), StoreError> {
    if tags.as_map().is_empty() {
        return Ok(());
    }
    let mut all = read(connection, (kind, name))?;
    all.extend(tags.as_map().clone());
    if all.len() > MAX_TAGS {
        return Err(TagError::TooMany(all.len()).into());
    }
    let mut insert = connection.prepare_cached(
        "INSERT OR REPLACE INTO tags (kind, name, key, value) VALUES (?, ?, ?, ?)",
    )?;
    for (key, value) in tags.as_map() {
        insert.execute(params![kind, name, key, value])?;
    }
    Ok(())
}

/// Forgets the tags of a resource that is deleted.
pub(crate) fn clear(connection: &Connection, resource: &Resource) -> Result<(), StoreError> {
    clear_named(connection, resource.kind(), &resource.name())
}

/// As [`clear`], for a kind that the registry knows only by name.
pub(crate) fn clear_named(
    connection: &Connection,
    kind: &str,
    name: &str,
) -> Result<(), StoreError> {
    connection
        .prepare_cached("DELETE FROM tags WHERE kind = ? AND name = ?")?
        .execute(params![kind, name])?;
    Ok(())
}

/// Forgets the tags of every resource of a kind, when all are deleted.
pub(crate) fn clear_all(connection: &Connection, kind: &str) -> Result<(), StoreError> {
    connection.prepare_cached("DELETE FROM tags WHERE kind = ?")?.execute([kind])?;
    Ok(())
}

fn check_exists(connection: &Connection, resource: &Resource) -> Result<(), StoreError> {
    let (what, sql) = match resource {
        Resource::ThingType(_) => ("thing type", "SELECT 1 FROM thing_types WHERE name = ?"),
        Resource::ThingGroup(_) => ("thing group", "SELECT 1 FROM thing_groups WHERE name = ?"),
        Resource::Policy(_) => ("policy", "SELECT 1 FROM policies WHERE name = ?"),
        Resource::CaCertificate(id) => {
            let found = connection
                .prepare_cached("SELECT 1 FROM ca_certificates WHERE id = ?")?
                .exists([id.as_bytes()])?;
            let missing = || StoreError::not_found("CA certificate", id);
            return if found { Ok(()) } else { Err(missing()) };
        }
        Resource::Other { kind, .. } if kind == SCHEDULED_AUDIT => {
            ("scheduled audit", "SELECT 1 FROM scheduled_audits WHERE name = ?")
        }
        Resource::Other { kind, .. } if kind == MITIGATION_ACTION => {
            ("mitigation action", "SELECT 1 FROM mitigation_actions WHERE name = ?")
        }
        Resource::Other { kind, .. } if kind == NOTICE_TOPIC => {
            ("topic", "SELECT 1 FROM notice_topics WHERE name = ?")
        }
        Resource::Other { kind, .. } if kind == BILLING_GROUP => {
            ("billing group", "SELECT 1 FROM billing_groups WHERE name = ?")
        }
        Resource::Other { kind, .. } if kind == TOPIC_RULE => {
            ("topic rule", "SELECT 1 FROM topic_rules WHERE name = ?")
        }
        Resource::Thing(_) | Resource::Certificate(_) | Resource::Other { .. } => {
            let why = format!("a {} has no tags", resource.kind());
            return Err(StoreError::Invalid(why));
        }
    };
    let name = resource.name();
    let found = connection.prepare_cached(sql)?.exists([&name])?;
    if found { Ok(()) } else { Err(StoreError::not_found(what, name)) }
}
