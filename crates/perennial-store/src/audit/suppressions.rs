//! Suppressions: one row for a check and a resource, gone when its time is over.

use perennial_core::{
    audit::{CheckName, ResourceIdentifier, Suppression},
    time::Timestamp,
};
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    Store, StoreError,
    events::{self, count},
    row::{from_json, to_json},
};

/// A place in the list of suppressions: what the next page begins behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuppressionPlace(String, String);

impl SuppressionPlace {
    /// The place of a suppression.
    pub fn of(suppression: &Suppression) -> Self {
        Self(suppression.check_name.to_string(), suppression.resource_identifier.key())
    }
}

impl Store {
    /// Makes a suppression; the same request, known by its token, again changes nothing
    /// (`CreateAuditSuppression`).
    ///
    /// # Errors
    /// [`StoreError::Exists`] when the check and resource have one of another request, or the
    /// request's token is that of another one.
    pub async fn create_suppression(
        &self,
        suppression: Suppression,
        token: String,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            let Suppression { check_name, resource_identifier, .. } = &suppression;
            let key = resource_identifier.key();
            match find(connection, *check_name, &key)? {
                Some((_, earlier)) if earlier == token => return Ok(()),
                Some((kept, _)) if kept.is_in_force(now) => {
                    let name = format!("of {check_name} for {key}");
                    return Err(StoreError::Exists { what: "audit suppression", name, id: None });
                }
                Some(_) | None => {}
            }
            check_token(connection, (*check_name, &key), &token)?;
            put(connection, &suppression, &token)?;
            events::append(connection, "audit.suppressed", &json!(suppression), now)
        })
        .await
    }

    /// A suppression (`DescribeAuditSuppression`).
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn suppression(
        &self,
        check: CheckName,
        resource: ResourceIdentifier,
    ) -> Result<Suppression, StoreError> {
        self.read(move |connection| Ok(existing(connection, check, &resource)?.0)).await
    }

    /// Changes a suppression: its end, its description, or both (`UpdateAuditSuppression`).
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or [`StoreError::Refused`] with the core's reason.
    pub async fn update_suppression(
        &self,
        check: CheckName,
        resource: ResourceIdentifier,
        expiry: Option<(Option<Timestamp>, bool)>,
        description: Option<String>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            let (kept, token) = existing(connection, check, &resource)?;
            let expiry = expiry.unwrap_or((kept.expires_at, kept.expires_at.is_none()));
            let description = description.unwrap_or(kept.description);
            let next = Suppression::new(check, resource, expiry, description, now);
            let next = next.map_err(super::account::refused)?;
            put(connection, &next, &token)?;
            events::append(connection, "audit.suppressed", &json!(next), now)
        })
        .await
    }

    /// Deletes a suppression, if there is one (`DeleteAuditSuppression`).
    ///
    /// # Errors
    /// [`StoreError`] when that cannot be written.
    pub async fn delete_suppression(
        &self,
        check: CheckName,
        resource: ResourceIdentifier,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            let deleted = connection
                .prepare_cached(
                    "DELETE FROM audit_suppressions WHERE check_name = ? AND resource = ?",
                )?
                .execute([check.as_str(), &resource.key()])?;
            if deleted == 0 {
                return Ok(());
            }
            let body = json!({ "checkName": check, "resourceIdentifier": resource });
            events::append(connection, "audit.unsuppressed", &body, now)
        })
        .await
    }

    /// Suppressions of `check` or `resource` if given, by check and resource, from behind `after`
    /// on, at most `limit` (`ListAuditSuppressions`).
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub async fn suppressions(
        &self,
        (check, resource): (Option<CheckName>, Option<ResourceIdentifier>),
        after: Option<SuppressionPlace>,
        ascending: bool,
        limit: usize,
    ) -> Result<Vec<Suppression>, StoreError> {
        self.read(move |connection| {
            let (than, order) = if ascending { (">", "ASC") } else { ("<", "DESC") };
            let begin = if ascending { "" } else { "\u{10ffff}" };
            let begin = SuppressionPlace(begin.to_owned(), begin.to_owned());
            let SuppressionPlace(after_check, after_resource) = after.unwrap_or(begin);
            let mut statement = connection.prepare_cached(&format!(
                "SELECT suppression FROM audit_suppressions \
                 WHERE (check_name, resource) {than} (?1, ?2) \
                 AND (?3 IS NULL OR check_name = ?3) AND (?4 IS NULL OR resource = ?4) \
                 ORDER BY check_name {order}, resource {order} LIMIT ?5"
            ))?;
            let resource = resource.as_ref().map(ResourceIdentifier::key);
            let check = check.map(CheckName::as_str);
            let bound = params![after_check, after_resource, check, resource, count(limit)];
            let rows = statement.query_map(bound, |row| row.get::<_, String>(0))?;
            rows.map(|text| from_json("suppression", &text?)).collect()
        })
        .await
    }
}

fn find(
    connection: &Connection,
    check: CheckName,
    resource: &str,
) -> Result<Option<(Suppression, String)>, StoreError> {
    let found: Option<(String, String)> = connection
        .prepare_cached(
            "SELECT suppression, token FROM audit_suppressions \
             WHERE check_name = ? AND resource = ?",
        )?
        .query_row([check.as_str(), resource], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    found.map(|(text, token)| Ok((from_json("suppression", &text)?, token))).transpose()
}

/// A token that stands for a suppression stands for no other one.
fn check_token(
    connection: &Connection,
    (check, resource): (CheckName, &str),
    token: &str,
) -> Result<(), StoreError> {
    let other = connection
        .prepare_cached(
            "SELECT 1 FROM audit_suppressions INDEXED BY audit_suppressions_by_token \
             WHERE token = ? AND NOT (check_name = ? AND resource = ?)",
        )?
        .exists([token, check.as_str(), resource])?;
    if other {
        let name = "of this clientRequestToken".to_owned();
        return Err(StoreError::Exists { what: "audit suppression", name, id: None });
    }
    Ok(())
}

fn existing(
    connection: &Connection,
    check: CheckName,
    resource: &ResourceIdentifier,
) -> Result<(Suppression, String), StoreError> {
    let key = resource.key();
    let missing = || StoreError::not_found("audit suppression", format!("of {check} for {key}"));
    find(connection, check, &key)?.ok_or_else(missing)
}

fn put(connection: &Connection, it: &Suppression, token: &str) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO audit_suppressions \
             (check_name, resource, expires_at, token, suppression) VALUES (?, ?, ?, ?, ?)",
        )?
        .execute(params![
            it.check_name.as_str(),
            it.resource_identifier.key(),
            it.expires_at.map(Timestamp::as_millis),
            token,
            to_json("suppression", it)?,
        ])?;
    Ok(())
}

/// Whether anything is muted at all.
pub(super) fn any(connection: &Connection) -> Result<bool, StoreError> {
    Ok(connection.prepare_cached("SELECT 1 FROM audit_suppressions LIMIT 1")?.exists([])?)
}

/// Whether this check's finding about this resource is muted.
pub(super) fn mutes(
    connection: &Connection,
    check: CheckName,
    resource: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    Ok(connection
        .prepare_cached(
            "SELECT 1 FROM audit_suppressions WHERE check_name = ? AND resource = ? \
             AND (expires_at IS NULL OR expires_at > ?)",
        )?
        .exists(params![check.as_str(), resource, now.as_millis()])?)
}
