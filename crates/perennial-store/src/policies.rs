//! Policies: documents, and which certificates they are attached to.

use perennial_core::{
    ids::{CertificateId, PolicyName},
    policy::Document,
    time::Timestamp,
};
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::Serialize;
use serde_json::json;

use crate::{
    Store, StoreError,
    events::{self, count},
};

/// A policy as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredPolicy {
    /// Its name.
    pub name: PolicyName,
    /// Its document's JSON text.
    pub document: String,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Store {
    /// Makes a policy; making the same one again changes nothing. Answers whether it is new.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when one of that name has another document.
    pub async fn create_policy(
        &self,
        name: PolicyName,
        document: &Document,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let document = document.as_json().to_owned();
        self.write(move |connection| create(connection, &name, &document, now)).await
    }

    /// Attaches a policy to a certificate; attaching it again changes nothing.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when either does not exist.
    pub async fn attach_policy(
        &self,
        name: PolicyName,
        certificate_id: CertificateId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            if attach(connection, &name, &certificate_id)? {
                let body = json!({ "policyName": name, "certificateId": certificate_id });
                events::append(connection, "policy.attached", &body, now)?;
            }
            Ok(())
        })
        .await
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
}

pub(crate) fn find(connection: &Connection, name: &PolicyName) -> Result<StoredPolicy, StoreError> {
    let found: Option<(String, i64)> = connection
        .prepare_cached("SELECT document, created_at FROM policies WHERE name = ?")?
        .query_row([name.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (document, created_at) = found.ok_or_else(|| StoreError::not_found("policy", name))?;
    let created_at = Timestamp::from_millis(created_at);
    Ok(StoredPolicy { name: name.clone(), document, created_at })
}

/// Policies whose name is above `after`, in order, at most `limit`.
pub(crate) fn page(
    connection: &Connection,
    after: &str,
    limit: usize,
) -> Result<Vec<StoredPolicy>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT name, document, created_at FROM policies WHERE name > ? ORDER BY name LIMIT ?",
    )?;
    let mut rows = statement.query(params![after, count(limit)])?;
    let mut page = Vec::new();
    while let Some(row) = rows.next()? {
        let name = policy_name(&row.get::<_, String>(0)?)?;
        let created_at = Timestamp::from_millis(row.get(2)?);
        page.push(StoredPolicy { name, document: row.get(1)?, created_at });
    }
    Ok(page)
}

fn create(
    connection: &Connection,
    name: &PolicyName,
    document: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let found: Option<String> = connection
        .prepare_cached("SELECT document FROM policies WHERE name = ?")?
        .query_row([name.as_str()], |row| row.get(0))
        .optional()?;
    match found {
        Some(found) if found == document => return Ok(false),
        Some(_) => return Err(StoreError::Exists { what: "policy", name: name.to_string() }),
        None => {}
    }
    connection
        .prepare_cached("INSERT INTO policies (name, document, created_at) VALUES (?, ?, ?)")?
        .execute(params![name.as_str(), document, now.as_millis()])?;
    events::append(connection, "policy.created", &json!({ "policyName": name }), now)?;
    Ok(true)
}

/// Attaches; answers whether that is new.
pub(crate) fn attach(
    connection: &Connection,
    name: &PolicyName,
    certificate_id: &CertificateId,
) -> Result<bool, StoreError> {
    let exists = |sql: &str, key: &dyn rusqlite::ToSql| -> Result<bool, StoreError> {
        Ok(connection.prepare_cached(sql)?.exists([key])?)
    };
    if !exists("SELECT 1 FROM policies WHERE name = ?", &name.as_str())? {
        return Err(StoreError::not_found("policy", name));
    }
    if !exists("SELECT 1 FROM certificates WHERE id = ?", certificate_id.as_bytes())? {
        return Err(StoreError::not_found("certificate", certificate_id));
    }
    let attached = connection
        .prepare_cached(
            "INSERT OR IGNORE INTO policy_targets (certificate_id, policy) VALUES (?, ?)",
        )?
        .execute(params![certificate_id.as_bytes(), name.as_str()])?;
    Ok(attached > 0)
}

pub(crate) fn attached(
    connection: &Connection,
    id: &CertificateId,
) -> Result<Vec<PolicyName>, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT policy FROM policy_targets WHERE certificate_id = ?")?;
    let rows = statement.query_map([id.as_bytes()], |row| row.get::<_, String>(0))?;
    rows.map(|name| policy_name(&name?)).collect()
}

pub(crate) fn policy_name(text: &str) -> Result<PolicyName, StoreError> {
    PolicyName::new(text).map_err(|error| StoreError::corrupt("policy name", error))
}
