//! Versions of policies: one of them is in force, the others wait.

use perennial_core::{
    ids::{PolicyName, ResourceId},
    policy::Document,
    registry::{MAX_POLICY_VERSIONS, PolicyRefused, PolicyVersionId},
    time::Timestamp,
};
use rusqlite::{Connection, params};
use serde::Serialize;
use serde_json::json;

use crate::{Store, StoreError, StoredPolicy, events, policies::existing};

/// One version of a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyVersion {
    /// Tells its policy from one that had its name before.
    pub generation_id: ResourceId,
    /// Its number.
    pub version: PolicyVersionId,
    /// Its document's JSON text.
    pub document: String,
    /// Whether it is in force.
    pub is_default: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Store {
    /// Adds a version, in force at once if it is to be; answers with its number.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::VersionsLimitExceeded`].
    pub async fn create_policy_version(
        &self,
        name: PolicyName,
        document: &Document,
        as_default: bool,
        now: Timestamp,
    ) -> Result<PolicyVersionId, StoreError> {
        let document = document.as_json().to_owned();
        self.write(move |connection| add_version(connection, &name, &document, as_default, now))
            .await
    }

    /// A policy's versions, the latest first; at most [`MAX_POLICY_VERSIONS`].
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for the policy.
    pub async fn policy_versions(
        &self,
        name: PolicyName,
    ) -> Result<Vec<PolicyVersion>, StoreError> {
        self.read(move |connection| {
            let policy = existing(connection, &name)?;
            versions(connection, &policy)
        })
        .await
    }

    /// One version of a policy.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for the policy or the version.
    pub async fn policy_version(
        &self,
        name: PolicyName,
        version: PolicyVersionId,
    ) -> Result<PolicyVersion, StoreError> {
        self.read(move |connection| {
            let policy = existing(connection, &name)?;
            let found = versions(connection, &policy)?.into_iter().find(|it| it.version == version);
            found.ok_or_else(|| no_version(&name, version))
        })
        .await
    }

    /// Puts a version in force; answers whether another was before.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for the policy or the version.
    pub async fn put_policy_version_in_force(
        &self,
        name: PolicyName,
        version: PolicyVersionId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(move |connection| put_in_force(connection, &name, version, now)).await
    }

    /// Puts a new version without any statement in force, in the place of `version`; answers
    /// whether that had to be done.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::VersionsLimitExceeded`];
    /// [`StoreError::VersionConflict`] when yet another version is in force.
    pub async fn blank_policy(
        &self,
        name: PolicyName,
        version: PolicyVersionId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(move |connection| blank(connection, &name, version, now)).await
    }

    /// Deletes a version that is not in force.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], and [`StoreError::DeleteConflict`] for the one in force.
    pub async fn delete_policy_version(
        &self,
        name: PolicyName,
        version: PolicyVersionId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| delete_version(connection, &name, version, now)).await
    }
}

pub(crate) fn insert_version(
    connection: &Connection,
    name: &PolicyName,
    version: PolicyVersionId,
    document: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO policy_versions (policy, version, document, created_at) \
             VALUES (?, ?, ?, ?)",
        )?
        .execute(params![name.as_str(), version, document, now.as_millis()])?;
    Ok(())
}

pub(crate) fn versions(
    connection: &Connection,
    policy: &StoredPolicy,
) -> Result<Vec<PolicyVersion>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT version, document, created_at FROM policy_versions WHERE policy = ? \
         ORDER BY version DESC",
    )?;
    let rows = statement.query_map([policy.name.as_str()], |row| {
        let version = row.get(0)?;
        Ok(PolicyVersion {
            generation_id: policy.generation_id,
            version,
            document: row.get(1)?,
            is_default: version == policy.default_version,
            created_at: Timestamp::from_millis(row.get(2)?),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn add_version(
    connection: &Connection,
    name: &PolicyName,
    document: &str,
    as_default: bool,
    now: Timestamp,
) -> Result<PolicyVersionId, StoreError> {
    let policy = existing(connection, name)?;
    if versions(connection, &policy)?.len() >= MAX_POLICY_VERSIONS {
        return Err(PolicyRefused::TooManyVersions(name.clone()).into());
    }
    connection
        .prepare_cached(
            "UPDATE policies SET last_version = last_version + 1, modified_at = ? WHERE name = ?",
        )?
        .execute(params![now.as_millis(), name.as_str()])?;
    let version = connection
        .prepare_cached("SELECT last_version FROM policies WHERE name = ?")?
        .query_row([name.as_str()], |row| row.get(0))?;
    insert_version(connection, name, version, document, now)?;
    let body = json!({ "policyName": name, "version": version, "document": document });
    events::append(connection, "policy.version.created", &body, now)?;
    if as_default {
        put_in_force(connection, name, version, now)?;
    }
    Ok(version)
}

fn blank(
    connection: &Connection,
    name: &PolicyName,
    version: PolicyVersionId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let policy = existing(connection, name)?;
    let in_force = Document::parse(&policy.document);
    if in_force.is_ok_and(|document| document.is_blank()) {
        return Ok(false);
    }
    let (expected, found) = (u64::from(version), u64::from(policy.default_version));
    StoreError::unless_version("policy", name, Some(expected), found)?;
    add_version(connection, name, Document::blank().as_json(), true, now)?;
    Ok(true)
}

fn check_version(
    connection: &Connection,
    name: &PolicyName,
    version: PolicyVersionId,
) -> Result<(), StoreError> {
    let found = connection
        .prepare_cached("SELECT 1 FROM policy_versions WHERE policy = ? AND version = ?")?
        .exists(params![name.as_str(), version])?;
    if found { Ok(()) } else { Err(no_version(name, version)) }
}

fn no_version(name: &PolicyName, version: PolicyVersionId) -> StoreError {
    StoreError::not_found("policy version", format!("{name}:{version}"))
}

fn put_in_force(
    connection: &Connection,
    name: &PolicyName,
    version: PolicyVersionId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let before = existing(connection, name)?.default_version;
    check_version(connection, name, version)?;
    if before == version {
        return Ok(false);
    }
    connection
        .prepare_cached("UPDATE policies SET default_version = ?, modified_at = ? WHERE name = ?")?
        .execute(params![version, now.as_millis(), name.as_str()])?;
    let body = json!({ "policyName": name, "from": before, "to": version });
    events::append(connection, "policy.version.in-force", &body, now)?;
    Ok(true)
}

fn delete_version(
    connection: &Connection,
    name: &PolicyName,
    version: PolicyVersionId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let policy = existing(connection, name)?;
    check_version(connection, name, version)?;
    if policy.default_version == version {
        return Err(PolicyRefused::IsDefault { policy: name.clone(), version }.into());
    }
    connection
        .prepare_cached("DELETE FROM policy_versions WHERE policy = ? AND version = ?")?
        .execute(params![name.as_str(), version])?;
    let body = json!({ "policyName": name, "version": version });
    events::append(connection, "policy.version.deleted", &body, now)
}
