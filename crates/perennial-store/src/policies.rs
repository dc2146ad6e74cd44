//! Policies: made with a first version, listed, deleted when nothing hangs on them.

use perennial_core::{
    ids::{PolicyName, ResourceId},
    policy::Document,
    registry::{PolicyRefused, PolicyVersionId, Resource, Tags},
    time::Timestamp,
};
use rusqlite::{Connection, Row, params};
use serde::Serialize;
use serde_json::json;

use crate::{
    Dated, Order, Page, Store, StoreError, draw, events,
    page::one_more,
    policy_versions::{insert_version, versions},
    row, tags,
};

/// A policy with the document that is in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredPolicy {
    /// Its name.
    pub name: PolicyName,
    /// Tells it from a policy that had its name before.
    pub generation_id: ResourceId,
    /// The version that is in force.
    pub default_version: PolicyVersionId,
    /// Its document's JSON text.
    pub document: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub modified_at: Timestamp,
}

/// Where a list of policies was left.
pub type PolicyPlace = Dated<PolicyName>;

const COLUMNS: &str =
    "p.name, p.policy_id, p.default_version, v.document, p.created_at, p.modified_at";
const IN_FORCE: &str = "policies p CROSS JOIN policy_versions v ON v.policy = p.name AND v.version = p.default_version";

impl Store {
    /// Makes a policy; making the same one again changes nothing. Answers whether it is new.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when one of that name has another document in force.
    pub async fn create_policy(
        &self,
        name: PolicyName,
        document: &Document,
        tags: Tags,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let document = document.as_json().to_owned();
        self.write(move |connection| create(connection, &name, &document, &tags, now)).await
    }

    /// A policy.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when it does not exist.
    pub async fn policy(&self, name: PolicyName) -> Result<StoredPolicy, StoreError> {
        self.read(move |connection| existing(connection, &name)).await
    }

    /// Policies whose name is above `after`, in order, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub async fn policies(
        &self,
        after: Option<PolicyName>,
        limit: usize,
    ) -> Result<Vec<StoredPolicy>, StoreError> {
        self.read(move |connection| {
            let after = after.as_ref().map_or("", PolicyName::as_str);
            page(connection, after, limit)
        })
        .await
    }

    /// Policies by the time they were made, at most `limit` after the place `after`.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub async fn list_policies(
        &self,
        order: Order,
        after: Option<PolicyPlace>,
        limit: usize,
    ) -> Result<Page<StoredPolicy, PolicyPlace>, StoreError> {
        self.read(move |connection| list(connection, order, after, limit)).await
    }

    /// Deletes a policy.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::DeleteConflict`] while it is attached to anything
    /// or has versions that are not in force.
    pub async fn delete_policy(&self, name: PolicyName, now: Timestamp) -> Result<(), StoreError> {
        self.write(move |connection| delete(connection, &name, now)).await
    }
}

pub(crate) fn existing(
    connection: &Connection,
    name: &PolicyName,
) -> Result<StoredPolicy, StoreError> {
    find(connection, name)?.ok_or_else(|| StoreError::not_found("policy", name))
}

fn find(connection: &Connection, name: &PolicyName) -> Result<Option<StoredPolicy>, StoreError> {
    let mut statement =
        connection.prepare_cached(&format!("SELECT {COLUMNS} FROM {IN_FORCE} WHERE p.name = ?"))?;
    let mut rows = statement.query([name.as_str()])?;
    rows.next()?.map(read).transpose()
}

fn read(row: &Row<'_>) -> Result<StoredPolicy, StoreError> {
    Ok(StoredPolicy {
        name: row::policy_name(&row.get::<_, String>(0)?)?,
        generation_id: ResourceId::from_random(row.get(1)?),
        default_version: row.get(2)?,
        document: row.get(3)?,
        created_at: Timestamp::from_millis(row.get(4)?),
        modified_at: Timestamp::from_millis(row.get(5)?),
    })
}

/// Policies whose name is above `after`, in order, at most `limit`.
pub(crate) fn page(
    connection: &Connection,
    after: &str,
    limit: usize,
) -> Result<Vec<StoredPolicy>, StoreError> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM {IN_FORCE} WHERE p.name > ? ORDER BY p.name LIMIT ?"
    ))?;
    let mut rows = statement.query(params![after, events::count(limit)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}

fn list(
    connection: &Connection,
    order: Order,
    after: Option<PolicyPlace>,
    limit: usize,
) -> Result<Page<StoredPolicy, PolicyPlace>, StoreError> {
    let (direction, beyond) = order.sql();
    let (at, name) = match (&after, order) {
        (Some(place), _) => (place.at.as_millis(), place.what.as_str()),
        (None, Order::Ascending) => (i64::MIN, ""),
        (None, Order::Descending) => (i64::MAX, ""),
    };
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM {IN_FORCE} WHERE (p.created_at, p.name) {beyond} (?, ?) \
         ORDER BY p.created_at {direction}, p.name {direction} LIMIT ?"
    ))?;
    let mut rows = statement.query(params![at, name, one_more(limit)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(Page::cut(found, limit, |it: &StoredPolicy| Dated {
        at: it.created_at,
        what: it.name.clone(),
    }))
}

pub(crate) fn create(
    connection: &Connection,
    name: &PolicyName,
    document: &str,
    tags: &Tags,
    now: Timestamp,
) -> Result<bool, StoreError> {
    if let Some(found) = find(connection, name)? {
        if found.document == document {
            return Ok(false);
        }
        let (name, id) = (name.to_string(), Some(found.generation_id));
        return Err(StoreError::Exists { what: "policy", name, id });
    }
    let id = draw::resource_id();
    connection
        .prepare_cached(
            "INSERT INTO policies (name, policy_id, created_at, modified_at) VALUES (?, ?, ?, ?)",
        )?
        .execute(params![name.as_str(), id.as_bytes(), now.as_millis(), now.as_millis()])?;
    insert_version(connection, name, 1, document, now)?;
    tags::put(connection, &Resource::Policy(name.clone()), tags)?;
    let body = json!({ "policyName": name, "version": 1, "document": document,
        "tags": tags.as_map() });
    events::append(connection, "policy.created", &body, now)?;
    Ok(true)
}

fn delete(connection: &Connection, name: &PolicyName, now: Timestamp) -> Result<(), StoreError> {
    let policy = existing(connection, name)?;
    if versions(connection, &policy)?.len() > 1 {
        return Err(PolicyRefused::HasVersions(name.clone()).into());
    }
    let attached = |sql: &str| -> Result<bool, StoreError> {
        Ok(connection.prepare_cached(sql)?.exists([name.as_str()])?)
    };
    if attached("SELECT 1 FROM policy_targets WHERE policy = ?")?
        || attached("SELECT 1 FROM thing_group_policies WHERE policy = ?")?
    {
        return Err(PolicyRefused::Attached(name.clone()).into());
    }
    connection.prepare_cached("DELETE FROM policies WHERE name = ?")?.execute([name.as_str()])?;
    tags::clear(connection, &Resource::Policy(name.clone()))?;
    let body = json!({ "policyName": name, "generationId": policy.generation_id });
    events::append(connection, "policy.deleted", &body, now)
}
