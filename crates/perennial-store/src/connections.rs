//! Connections: who was connected when, as far as audits ask, and no more than that.
//!
//! A device that comes and goes overwrites its own last record, unless that record tells of two
//! devices with one certificate, or of two with one client id. So there is about one record for
//! each device, and never more than [`MAX_KEPT`] for a certificate.

use perennial_core::{
    audit::connections::REMEMBERED_FOR,
    ids::{CertificateId, ClientId},
    time::Timestamp,
};
use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::json;

use crate::{
    Store, StoreError,
    events::{self, count},
};

/// The most records of one certificate, or looked at for one client id.
pub(crate) const MAX_KEPT: i64 = 100;

/// A device came or went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectionChange {
    /// It connected.
    Connected {
        /// Its client id.
        client_id: ClientId,
        /// Its certificate.
        principal: CertificateId,
        /// When.
        at: Timestamp,
    },
    /// It disconnected, or was.
    Disconnected {
        /// Its client id.
        client_id: ClientId,
        /// Its certificate.
        principal: CertificateId,
        /// When.
        at: Timestamp,
        /// AWS IoT's `disconnectReason`.
        reason: String,
    },
}

impl Store {
    /// Writes down who came and went, in order.
    ///
    /// # Errors
    /// [`StoreError`] when that cannot be written, and then nothing is.
    pub async fn record_connections(
        &self,
        changes: Vec<ConnectionChange>,
    ) -> Result<(), StoreError> {
        self.write(move |connection| changes.iter().try_for_each(|it| record(connection, it))).await
    }

    /// Records that an operator is about to end a client's connection.
    ///
    /// # Errors
    /// [`StoreError`] when that cannot be written.
    pub async fn record_deleted_connection(
        &self,
        client_id: ClientId,
        clean_session: bool,
        prevent_will: bool,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            let body = json!({ "clientId": client_id, "cleanSession": clean_session,
                "preventWillMessage": prevent_will });
            events::append(connection, "connection.deleted", &body, now)
        })
        .await
    }

    /// Ends records that an earlier run left open, at most `limit`; answers how many.
    ///
    /// # Errors
    /// [`StoreError`] when that cannot be written.
    pub async fn end_left_connections(
        &self,
        limit: usize,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        self.write(move |connection| {
            Ok(connection
                .prepare_cached(
                    "UPDATE connections SET disconnected_at = MAX(?1, connected_at), \
                     reason = 'SERVER_STOPPED' WHERE id IN (SELECT id FROM connections \
                     WHERE disconnected_at IS NULL LIMIT ?2)",
                )?
                .execute(params![now.as_millis(), count(limit)])?)
        })
        .await
    }

    /// Forgets connections that ended longer ago than audits look back, at most `limit`; answers
    /// how many.
    ///
    /// # Errors
    /// [`StoreError`] when that cannot be written.
    pub async fn forget_connections(
        &self,
        limit: usize,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        self.write(move |connection| {
            Ok(connection
                .prepare_cached(
                    "DELETE FROM connections WHERE id IN (SELECT id FROM connections \
                     WHERE disconnected_at IS NOT NULL AND disconnected_at < ? LIMIT ?)",
                )?
                .execute(params![(now - REMEMBERED_FOR).as_millis(), count(limit)])?)
        })
        .await
    }
}

fn record(connection: &Connection, change: &ConnectionChange) -> Result<(), StoreError> {
    match change {
        ConnectionChange::Connected { client_id, principal, at } => {
            connected(connection, client_id, principal, at.as_millis())
        }
        ConnectionChange::Disconnected { client_id, principal, at, reason } => {
            connection
                .prepare_cached(
                    "UPDATE connections SET disconnected_at = ?, reason = ? WHERE client_id = ? \
                     AND certificate_id = ? AND disconnected_at IS NULL",
                )?
                .execute(params![
                    at.as_millis(),
                    reason,
                    client_id.as_str(),
                    principal.as_bytes()
                ])?;
            Ok(())
        }
    }
}

fn connected(
    connection: &Connection,
    client_id: &ClientId,
    principal: &CertificateId,
    at: i64,
) -> Result<(), StoreError> {
    // Whose end was not heard of.
    connection
        .prepare_cached(
            "UPDATE connections SET disconnected_at = ?, reason = 'UNKNOWN' \
             WHERE client_id = ? AND disconnected_at IS NULL",
        )?
        .execute(params![at, client_id.as_str()])?;
    match overwritable(connection, client_id, principal)? {
        Some(id) => connection
            .prepare_cached(
                "UPDATE connections SET client_id = ?, connected_at = ?, disconnected_at = NULL, \
                 reason = NULL WHERE id = ?",
            )?
            .execute(params![client_id.as_str(), at, id])?,
        None => connection
            .prepare_cached(
                "INSERT INTO connections (client_id, certificate_id, connected_at) \
                 VALUES (?, ?, ?)",
            )?
            .execute(params![client_id.as_str(), principal.as_bytes(), at])?,
    };
    Ok(())
}

/// The record that may go: the pair's last one if it tells nothing, or else the oldest of too many.
fn overwritable(
    connection: &Connection,
    client_id: &ClientId,
    principal: &CertificateId,
) -> Result<Option<i64>, StoreError> {
    let last: Option<(i64, i64, i64, String)> = connection
        .prepare_cached(
            "SELECT id, connected_at, disconnected_at, COALESCE(reason, '') FROM connections \
             WHERE certificate_id = ? AND client_id = ? AND disconnected_at IS NOT NULL \
             ORDER BY connected_at DESC LIMIT 1",
        )?
        .query_row(params![principal.as_bytes(), client_id.as_str()], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .optional()?;
    if let Some((id, from, to, reason)) = last
        && !tells_something(connection, (client_id, principal), (from, to), &reason)?
    {
        return Ok(Some(id));
    }
    let (kept, oldest): (i64, Option<i64>) = connection
        .prepare_cached(
            "SELECT COUNT(*), (SELECT id FROM connections WHERE certificate_id = ?1 \
             AND disconnected_at IS NOT NULL ORDER BY disconnected_at LIMIT 1) \
             FROM connections WHERE certificate_id = ?1",
        )?
        .query_row([principal.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(oldest.filter(|_| kept >= MAX_KEPT))
}

/// Whether a connection was one of two at once with its certificate, or was taken over by another
/// certificate.
fn tells_something(
    connection: &Connection,
    (client_id, principal): (&ClientId, &CertificateId),
    (from, to): (i64, i64),
    reason: &str,
) -> Result<bool, StoreError> {
    let at_once = connection
        .prepare_cached(
            "SELECT 1 FROM connections WHERE certificate_id = ? AND client_id <> ? \
             AND connected_at < ? AND COALESCE(disconnected_at, ?) > ?",
        )?
        .exists(params![principal.as_bytes(), client_id.as_str(), to, i64::MAX, from])?;
    if at_once || reason != "DUPLICATE_CLIENTID" {
        return Ok(at_once);
    }
    Ok(connection
        .prepare_cached(
            "SELECT 1 FROM connections WHERE client_id = ? AND certificate_id <> ? \
             AND connected_at >= ?",
        )?
        .exists(params![client_id.as_str(), principal.as_bytes(), from])?)
}
