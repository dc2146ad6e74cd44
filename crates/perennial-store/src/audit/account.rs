//! The account's audit configuration, and what the server's configuration file makes of it.

use std::collections::BTreeSet;

use perennial_core::{
    audit::{AccountConfiguration, CheckConfiguration, CheckName, ConfigurationUpdate, Recurrence},
    time::Timestamp,
};
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::schedules;
use crate::{
    Store, StoreError, events,
    row::{from_json, to_json},
    tags,
};

/// The scheduled audit that the first start makes.
pub const DAILY: &str = "perennial-daily";

/// What the server's configuration file says of audits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditFile {
    /// The checks that it wants to run, beside those that somebody enabled.
    pub enable: BTreeSet<CheckName>,
}

impl Store {
    /// Takes the file's wishes over when they are not those of the last start: enables its checks
    /// and has [`DAILY`] run them. The first time it makes that audit, and remembers since when
    /// connections are recorded. What was changed by hand since then stays.
    ///
    /// # Errors
    /// [`StoreError`] when that cannot be written.
    pub async fn take_over_audit_file(
        &self,
        file: AuditFile,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| take_over(connection, &file, now)).await
    }

    /// The configuration; that of an account without one has nothing enabled.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    pub async fn audit_configuration(&self) -> Result<AccountConfiguration, StoreError> {
        self.read(|connection| Ok(configuration(connection)?.unwrap_or_default())).await
    }

    /// Changes what `update` names and keeps the rest (`UpdateAccountAuditConfiguration`).
    ///
    /// # Errors
    /// [`StoreError::Refused`] with the core's reason.
    pub async fn update_audit_configuration(
        &self,
        update: ConfigurationUpdate,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            let before = configuration(connection)?;
            let used = schedules::used_checks(connection)?;
            let next = before.clone().unwrap_or_default().updated(update, &used);
            let next = next.map_err(refused)?;
            if before.is_none() {
                next.check_complete().map_err(refused)?;
            }
            write(connection, Some(&next), now)
        })
        .await
    }

    /// Forgets the configuration, so that nothing is enabled (`DeleteAccountAuditConfiguration`).
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none, [`StoreError::Refused`] while there are
    /// scheduled audits that shall not be deleted with it.
    pub async fn delete_audit_configuration(
        &self,
        with_scheduled_audits: bool,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            if configuration(connection)?.is_none() {
                return Err(StoreError::not_found("audit configuration", "of this account"));
            }
            if with_scheduled_audits {
                connection.execute("DELETE FROM scheduled_audits", [])?;
                tags::clear_all(connection, tags::SCHEDULED_AUDIT)?;
            } else if !schedules::used_checks(connection)?.is_empty() {
                let reason = "there are scheduled audits: delete them first, or with it";
                return Err(StoreError::Refused(reason.to_owned()));
            }
            write(connection, None, now)
        })
        .await
    }
}

pub(super) fn refused(error: impl std::error::Error) -> StoreError {
    StoreError::Refused(error.to_string())
}

pub(super) fn configuration(
    connection: &Connection,
) -> Result<Option<AccountConfiguration>, StoreError> {
    let text: Option<Option<String>> = connection
        .prepare_cached("SELECT configuration FROM audit_account WHERE id = 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    text.flatten().map(|text| from_json("audit configuration", &text)).transpose()
}

/// Since when connections are recorded.
pub(super) fn collecting_since(connection: &Connection) -> Result<Timestamp, StoreError> {
    let since: Option<i64> = connection
        .prepare_cached("SELECT collecting_since FROM audit_account WHERE id = 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    Ok(since.map_or(Timestamp::MAX, Timestamp::from_millis))
}

fn write(
    connection: &Connection,
    configuration: Option<&AccountConfiguration>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let text = configuration.map(|it| to_json("audit configuration", it)).transpose()?;
    connection
        .prepare_cached(
            "INSERT INTO audit_account (id, configuration, file, collecting_since) \
             VALUES (1, ?1, '', ?2) ON CONFLICT (id) DO UPDATE SET configuration = ?1",
        )?
        .execute(params![text, now.as_millis()])?;
    let enabled = configuration.map(AccountConfiguration::enabled).unwrap_or_default();
    events::append(connection, "audit.configured", &json!({ "enabled": enabled }), now)
}

fn take_over(connection: &Connection, file: &AuditFile, now: Timestamp) -> Result<(), StoreError> {
    let wanted = to_json("audit file", file)?;
    let known: Option<String> = connection
        .prepare_cached("SELECT file FROM audit_account WHERE id = 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    if known.as_ref() == Some(&wanted) {
        return Ok(());
    }
    let before: Option<AuditFile> =
        known.as_ref().and_then(|text| from_json("audit file", text).ok());
    let added = |check: &&CheckName| before.as_ref().is_none_or(|it| !it.enable.contains(check));
    let added: BTreeSet<CheckName> = file.enable.iter().filter(added).copied().collect();
    if known.is_none() || !added.is_empty() {
        let mut configuration = configuration(connection)?.unwrap_or_default();
        for check in &added {
            let kept = configuration.checks.entry(*check).or_default();
            *kept = CheckConfiguration { enabled: true, ..std::mem::take(kept) };
        }
        write(connection, Some(&configuration), now)?;
        if known.is_none() {
            schedules::insert(connection, DAILY, (Recurrence::DAILY, &added), now)?;
        } else {
            schedules::add_checks(connection, DAILY, &added)?;
        }
    }
    connection
        .prepare_cached("UPDATE audit_account SET file = ? WHERE id = 1")?
        .execute([wanted])?;
    Ok(())
}
