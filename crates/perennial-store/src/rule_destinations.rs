//! Where HTTP actions may send: URLs whose owner confirmed that they want messages.

use perennial_core::{
    ids::{Digest, ResourceId},
    time::Timestamp,
};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde_json::json;

use crate::{Page, Store, StoreError, draw, events, page::one_more};

/// The most destinations; all that are confirmed are kept in memory.
pub const MAX_RULE_DESTINATIONS: usize = 1000;

const COLUMNS: &str = "id, confirmation_url, status, reason, created_at, updated_at";

/// AWS's `TopicRuleDestinationStatus`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DestinationStatus {
    /// Its owner has not confirmed yet.
    InProgress,
    /// Confirmed: messages may go there.
    Enabled,
    /// Confirmed, and switched off by an operator.
    Disabled,
    /// The request to confirm did not arrive.
    Error,
}

impl DestinationStatus {
    const ALL: [Self; 4] = [Self::InProgress, Self::Enabled, Self::Disabled, Self::Error];

    /// As AWS spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "IN_PROGRESS",
            Self::Enabled => "ENABLED",
            Self::Disabled => "DISABLED",
            Self::Error => "ERROR",
        }
    }
}

/// A destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleDestination {
    /// Its id.
    pub id: ResourceId,
    /// What the URLs of actions begin with.
    pub confirmation_url: String,
    /// Whether messages may go there.
    pub status: DestinationStatus,
    /// Why it is in that status.
    pub reason: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its status changed.
    pub updated_at: Timestamp,
}

impl Store {
    /// Makes a destination that waits to be confirmed with the token of this digest.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when there is one of that URL, with its id;
    /// [`StoreError::LimitExceeded`].
    pub async fn create_rule_destination(
        &self,
        confirmation_url: String,
        token: Digest,
        now: Timestamp,
    ) -> Result<RuleDestination, StoreError> {
        self.write(move |connection| create(connection, confirmation_url, &token, now)).await
    }

    /// Lets a destination wait to be confirmed anew, with another token.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn await_confirmation(
        &self,
        id: ResourceId,
        token: Digest,
        now: Timestamp,
    ) -> Result<RuleDestination, StoreError> {
        self.write(move |connection| {
            change(connection, id, (DestinationStatus::InProgress, None), now)?;
            connection
                .prepare_cached("UPDATE rule_destinations SET token_digest = ? WHERE id = ?")?
                .execute(params![token.as_bytes(), id.as_bytes()])?;
            existing(connection, id)
        })
        .await
    }

    /// Confirms the destination that waits for the token of this digest.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when none does.
    pub async fn confirm_rule_destination(
        &self,
        token: Digest,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| confirm(connection, &token, now)).await
    }

    /// Changes a destination's status.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Invalid`] when it was never confirmed and is to be
    /// switched on or off.
    pub async fn set_rule_destination(
        &self,
        id: ResourceId,
        status: DestinationStatus,
        reason: Option<String>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            check_change(&existing(connection, id)?, status)?;
            change(connection, id, (status, reason), now)
        })
        .await
    }

    /// Deletes a destination; answers whether there was one.
    ///
    /// # Errors
    /// [`StoreError`] when that cannot be written.
    pub async fn delete_rule_destination(
        &self,
        id: ResourceId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let deleted = connection
                .prepare_cached("DELETE FROM rule_destinations WHERE id = ?")?
                .execute([id.as_bytes()])?;
            if deleted > 0 {
                let body = json!({ "destinationId": id });
                events::append(connection, "rule-destination.deleted", &body, now)?;
            }
            Ok(deleted > 0)
        })
        .await
    }

    /// A destination.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn rule_destination(&self, id: ResourceId) -> Result<RuleDestination, StoreError> {
        self.read(move |connection| existing(connection, id)).await
    }

    /// Destinations by id, at most `limit` after `after`.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub async fn rule_destinations(
        &self,
        after: Option<ResourceId>,
        limit: usize,
    ) -> Result<Page<RuleDestination, ResourceId>, StoreError> {
        self.read(move |connection| {
            let after = after.map_or_else(Vec::new, |id| id.as_bytes().to_vec());
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM rule_destinations WHERE id > ? ORDER BY id LIMIT ?"
            ))?;
            let mut rows = statement.query(params![after, one_more(limit)])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push(read(row)?);
            }
            Ok(Page::cut(found, limit, |it| it.id))
        })
        .await
    }
}

fn read(row: &Row<'_>) -> Result<RuleDestination, StoreError> {
    let status: String = row.get(2)?;
    let known = DestinationStatus::ALL.into_iter().find(|it| it.as_str() == status);
    Ok(RuleDestination {
        id: ResourceId::from_random(row.get(0)?),
        confirmation_url: row.get(1)?,
        status: known.ok_or_else(|| StoreError::corrupt("destination status", status))?,
        reason: row.get(3)?,
        created_at: Timestamp::from_millis(row.get(4)?),
        updated_at: Timestamp::from_millis(row.get(5)?),
    })
}

fn existing(connection: &Connection, id: ResourceId) -> Result<RuleDestination, StoreError> {
    let mut statement = connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM rule_destinations WHERE id = ?"))?;
    let mut rows = statement.query([id.as_bytes()])?;
    let found = rows.next()?.map(read).transpose()?;
    found.ok_or_else(|| StoreError::not_found("topic rule destination", id))
}

fn create(
    connection: &Connection,
    confirmation_url: String,
    token: &Digest,
    now: Timestamp,
) -> Result<RuleDestination, StoreError> {
    let found: Option<[u8; 16]> = connection
        .prepare_cached("SELECT id FROM rule_destinations WHERE confirmation_url = ?")?
        .query_row([&confirmation_url], |row| row.get(0))
        .optional()?;
    if let Some(id) = found {
        let (what, id) = ("topic rule destination", Some(ResourceId::from_random(id)));
        return Err(StoreError::Exists { what, name: confirmation_url, id });
    }
    let counted: i64 = connection
        .prepare_cached("SELECT COUNT(*) FROM rule_destinations WHERE id > x''")?
        .query_row([], |row| row.get(0))?;
    if counted >= events::count(MAX_RULE_DESTINATIONS) {
        return Err(StoreError::limit(MAX_RULE_DESTINATIONS, "topic rule destinations"));
    }
    let (id, status) = (draw::resource_id(), DestinationStatus::InProgress);
    connection
        .prepare_cached(
            "INSERT INTO rule_destinations \
             (id, confirmation_url, status, token_digest, created_at, updated_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?5)",
        )?
        .execute(params![
            id.as_bytes(),
            confirmation_url,
            status.as_str(),
            token.as_bytes(),
            now.as_millis()
        ])?;
    let body = json!({ "destinationId": id, "confirmationUrl": confirmation_url });
    events::append(connection, "rule-destination.created", &body, now)?;
    Ok(RuleDestination {
        id,
        confirmation_url,
        status,
        reason: None,
        created_at: now,
        updated_at: now,
    })
}

fn confirm(connection: &Connection, token: &Digest, now: Timestamp) -> Result<(), StoreError> {
    let found: Option<[u8; 16]> = connection
        .prepare_cached("SELECT id FROM rule_destinations WHERE token_digest = ?")?
        .query_row([token.as_bytes()], |row| row.get(0))
        .optional()?;
    let id = found.map(ResourceId::from_random).ok_or_else(|| {
        let why = "No destination waits for this token: it was confirmed already, or a newer \
                   token was sent";
        StoreError::Invalid(why.to_owned())
    })?;
    if existing(connection, id)?.status == DestinationStatus::InProgress {
        change(connection, id, (DestinationStatus::Enabled, None), now)?;
    }
    Ok(())
}

/// AWS: on only from off, off only from on.
fn check_change(found: &RuleDestination, status: DestinationStatus) -> Result<(), StoreError> {
    let confirmed =
        matches!(found.status, DestinationStatus::Enabled | DestinationStatus::Disabled);
    let wanted = matches!(status, DestinationStatus::Enabled | DestinationStatus::Disabled);
    if wanted && !confirmed {
        let text = format!(
            "The destination is {}: only one whose owner has confirmed can be switched on or off",
            found.status.as_str()
        );
        return Err(StoreError::Invalid(text));
    }
    Ok(())
}

fn change(
    connection: &Connection,
    id: ResourceId,
    (status, reason): (DestinationStatus, Option<String>),
    now: Timestamp,
) -> Result<(), StoreError> {
    existing(connection, id)?;
    connection
        .prepare_cached(
            "UPDATE rule_destinations SET status = ?, reason = ?, updated_at = ? WHERE id = ?",
        )?
        .execute(params![status.as_str(), reason, now.as_millis(), id.as_bytes()])?;
    let body = json!({ "destinationId": id, "status": status.as_str(), "reason": reason });
    events::append(connection, "rule-destination.changed", &body, now)
}
