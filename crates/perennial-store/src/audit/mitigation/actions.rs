//! Mitigation actions: made, shown, listed, changed, deleted.

use perennial_core::{
    audit::{ActionParams, ActionType},
    registry::Tags,
    time::Timestamp,
};
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    Store, StoreError,
    events::{self, count},
    row::{from_json, to_json},
    tags,
};

/// The most actions in an account.
const MAX_ACTIONS: i64 = 100;

/// A mitigation action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MitigationAction {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: String,
    /// The role that AWS would act with; kept and shown.
    pub role_arn: String,
    /// What it does.
    pub action_params: ActionParams,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub modified_at: Timestamp,
}

impl Store {
    /// Makes an action (`CreateMitigationAction`).
    ///
    /// # Errors
    /// [`StoreError::Exists`], [`StoreError::LimitExceeded`] for the 101st.
    pub async fn create_mitigation_action(
        &self,
        action: MitigationAction,
        tags: Tags,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            if find(connection, &action.name)?.is_some() {
                let name = action.name;
                return Err(StoreError::Exists { what: "mitigation action", name, id: None });
            }
            let count: i64 = connection
                .prepare_cached("SELECT COUNT(*) FROM mitigation_actions")?
                .query_row([], |row| row.get(0))?;
            if count >= MAX_ACTIONS {
                return Err(StoreError::limit(100, "mitigation actions"));
            }
            put(connection, &action, now)?;
            tags::give(connection, (tags::MITIGATION_ACTION, &action.name), &tags, now)
        })
        .await
    }

    /// An action (`DescribeMitigationAction`).
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn mitigation_action(&self, name: String) -> Result<MitigationAction, StoreError> {
        self.read(move |connection| existing(connection, &name)).await
    }

    /// Actions of `action_type` if given, by name behind `after`, at most `limit`
    /// (`ListMitigationActions`).
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub async fn mitigation_actions(
        &self,
        action_type: Option<ActionType>,
        after: Option<String>,
        limit: usize,
    ) -> Result<Vec<MitigationAction>, StoreError> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT action FROM mitigation_actions WHERE name > ? \
                 AND type = COALESCE(?, type) ORDER BY name LIMIT ?",
            )?;
            let kind = action_type.map(|it| to_json("action type", &it)).transpose()?;
            let bound = params![after.unwrap_or_default(), kind, count(limit)];
            let rows = statement.query_map(bound, |row| row.get::<_, String>(0))?;
            rows.map(|text| from_json("mitigation action", &text?)).collect()
        })
        .await
    }

    /// Changes what is given of an action (`UpdateMitigationAction`).
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Refused`] for parameters of another type.
    pub async fn update_mitigation_action(
        &self,
        name: String,
        role_arn: Option<String>,
        action_params: Option<ActionParams>,
        now: Timestamp,
    ) -> Result<MitigationAction, StoreError> {
        self.write(move |connection| {
            let kept = existing(connection, &name)?;
            let action_params = action_params.unwrap_or_else(|| kept.action_params.clone());
            if action_params.action_type() != kept.action_params.action_type() {
                let reason = "an action's type cannot change: make another action".to_owned();
                return Err(StoreError::Refused(reason));
            }
            let role_arn = role_arn.unwrap_or(kept.role_arn);
            let next = MitigationAction { role_arn, action_params, modified_at: now, ..kept };
            put(connection, &next, now)?;
            Ok(next)
        })
        .await
    }

    /// Deletes an action, if there is one (`DeleteMitigationAction`). Tasks keep what they took.
    ///
    /// # Errors
    /// [`StoreError`] when that cannot be written.
    pub async fn delete_mitigation_action(
        &self,
        name: String,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            let deleted = connection
                .prepare_cached("DELETE FROM mitigation_actions WHERE name = ?")?
                .execute([&name])?;
            if deleted == 0 {
                return Ok(());
            }
            tags::clear_named(connection, tags::MITIGATION_ACTION, &name)?;
            events::append(connection, "mitigation.action_deleted", &json!({ "name": name }), now)
        })
        .await
    }
}

fn find(connection: &Connection, name: &str) -> Result<Option<MitigationAction>, StoreError> {
    let text: Option<String> = connection
        .prepare_cached("SELECT action FROM mitigation_actions WHERE name = ?")?
        .query_row([name], |row| row.get(0))
        .optional()?;
    text.map(|text| from_json("mitigation action", &text)).transpose()
}

pub(super) fn existing(
    connection: &Connection,
    name: &str,
) -> Result<MitigationAction, StoreError> {
    find(connection, name)?.ok_or_else(|| StoreError::not_found("mitigation action", name))
}

fn put(
    connection: &Connection,
    action: &MitigationAction,
    now: Timestamp,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO mitigation_actions (name, type, action) VALUES (?, ?, ?)",
        )?
        .execute(params![
            action.name,
            to_json("action type", &action.action_params.action_type())?,
            to_json("mitigation action", action)?
        ])?;
    events::append(connection, "mitigation.action_written", &json!(action), now)
}
