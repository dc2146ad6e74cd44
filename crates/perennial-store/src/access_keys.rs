//! Access keys: who may call the API, with which secret, for what.

use perennial_core::{access::Role, ids::AccessKeyId, time::Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::Serialize;
use serde_json::json;

use crate::{Page, Store, StoreError, events, page::one_more};

/// The most access keys in force at a time; all of them are kept in memory.
pub const MAX_ACCESS_KEYS: usize = 1000;

const COLUMNS: &str = "id, role, description, created_at, revoked_at";

/// An access key as it is shown: without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessKey {
    /// Its id, which requests name.
    pub access_key_id: AccessKeyId,
    /// What it is for.
    pub role: Role,
    /// Whose it is, in words.
    pub description: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// An access key's secret; never shown.
#[derive(Clone)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

impl Store {
    /// Registers an access key, which is in force from then on.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when there is or was one of that id, [`StoreError::LimitExceeded`]
    /// when [`MAX_ACCESS_KEYS`] are in force.
    pub async fn create_access_key(
        &self,
        key: AccessKey,
        secret: Secret,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| create(connection, &key, &secret, now)).await
    }

    /// Access keys whose id is above `after`, in order, revoked ones included.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub async fn access_keys(
        &self,
        after: Option<AccessKeyId>,
        limit: usize,
    ) -> Result<Page<AccessKey, AccessKeyId>, StoreError> {
        self.read(move |connection| {
            let after = after.as_ref().map_or("", AccessKeyId::as_str);
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM access_keys WHERE id > ? ORDER BY id LIMIT ?"
            ))?;
            let mut rows = statement.query(params![after, one_more(limit)])?;
            let mut keys = Vec::new();
            while let Some(row) = rows.next()? {
                keys.push(read(row)?);
            }
            Ok(Page::cut(keys, limit, |key| key.access_key_id.clone()))
        })
        .await
    }

    /// Every access key in force with its secret.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub async fn access_keys_in_force(&self) -> Result<Vec<(AccessKey, Secret)>, StoreError> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {COLUMNS}, secret FROM access_keys WHERE revoked_at IS NULL"
            ))?;
            let mut rows = statement.query([])?;
            let mut keys = Vec::new();
            while let Some(row) = rows.next()? {
                keys.push((read(row)?, Secret(row.get(5)?)));
            }
            Ok(keys)
        })
        .await
    }

    /// Revokes an access key for good; answers whether it was in force.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or [`StoreError::Invalid`] for the last administrator's.
    pub async fn revoke_access_key(
        &self,
        id: AccessKeyId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(move |connection| revoke(connection, &id, now)).await
    }
}

fn read(row: &Row<'_>) -> Result<AccessKey, StoreError> {
    let (id, role): (String, String) = (row.get(0)?, row.get(1)?);
    Ok(AccessKey {
        access_key_id: AccessKeyId::new(&id)
            .map_err(|error| StoreError::corrupt("access key id", error))?,
        role: role.parse().map_err(|error| StoreError::corrupt("role", error))?,
        description: row.get(2)?,
        created_at: Timestamp::from_millis(row.get(3)?),
        revoked_at: row.get::<_, Option<i64>>(4)?.map(Timestamp::from_millis),
    })
}

fn find(connection: &Connection, id: &AccessKeyId) -> Result<Option<AccessKey>, StoreError> {
    let mut statement =
        connection.prepare_cached(&format!("SELECT {COLUMNS} FROM access_keys WHERE id = ?"))?;
    let mut rows = statement.query([id.as_str()])?;
    rows.next()?.map(read).transpose()
}

/// How many keys are in force, of one role or of any.
fn in_force(connection: &Connection, role: Option<Role>) -> Result<i64, StoreError> {
    let sql = "SELECT COUNT(*) FROM access_keys \
               WHERE revoked_at IS NULL AND (?1 IS NULL OR role = ?1)";
    let role = role.map(Role::as_str);
    let counted = connection.prepare_cached(sql)?.query_row([role], |row| row.get(0)).optional()?;
    Ok(counted.unwrap_or(0))
}

fn create(
    connection: &Connection,
    key: &AccessKey,
    secret: &Secret,
    now: Timestamp,
) -> Result<(), StoreError> {
    let id = &key.access_key_id;
    if find(connection, id)?.is_some() {
        return Err(StoreError::Exists { what: "access key", name: id.to_string(), id: None });
    }
    if in_force(connection, None)? >= events::count(MAX_ACCESS_KEYS) {
        let text = format!("{MAX_ACCESS_KEYS} access keys are in force: revoke one first");
        return Err(StoreError::LimitExceeded(text));
    }
    connection
        .prepare_cached(
            "INSERT INTO access_keys (id, secret, role, description, created_at) \
             VALUES (?, ?, ?, ?, ?)",
        )?
        .execute(params![
            id.as_str(),
            secret.0,
            key.role.as_str(),
            key.description,
            now.as_millis()
        ])?;
    let body = json!({ "accessKeyId": id, "role": key.role, "description": key.description });
    events::append(connection, "access_key.created", &body, now)
}

fn revoke(connection: &Connection, id: &AccessKeyId, now: Timestamp) -> Result<bool, StoreError> {
    let key = find(connection, id)?.ok_or_else(|| StoreError::not_found("access key", id))?;
    if key.revoked_at.is_some() {
        return Ok(false);
    }
    if key.role == Role::Administrator && in_force(connection, Some(key.role))? == 1 {
        let text = format!("{id} is the last administrator's access key: make another one first");
        return Err(StoreError::Invalid(text));
    }
    connection
        .prepare_cached("UPDATE access_keys SET revoked_at = ?, secret = '' WHERE id = ?")?
        .execute(params![now.as_millis(), id.as_str()])?;
    events::append(connection, "access_key.revoked", &json!({ "accessKeyId": id }), now)?;
    Ok(true)
}
