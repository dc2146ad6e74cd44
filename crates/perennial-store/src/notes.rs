//! What was read from each certificate's DER, once: issuer, serial number, what its key is like.
//!
//! Certificates come in by many ways, and the store reads no DER. So they are read here in the
//! order in which they came, behind a mark that says how far that got. Audits go by what was read
//! and parse nothing.

use perennial_core::{
    audit::revocation::{CertificateNotes, RevocationList},
    ids::Digest,
    time::Timestamp,
};
use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::json;

use crate::{
    Store, StoreError,
    events::{self, count},
};

type Unread = Vec<(i64, [u8; 32], Vec<u8>)>;

impl Store {
    /// Reads certificates that came since the last time with `reader`, at most `limit`; answers
    /// how many. What `reader` cannot read is left without notes.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read or written.
    pub async fn read_new_certificates(
        &self,
        reader: fn(&[u8]) -> Option<CertificateNotes>,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let (unread, read) = self
            .read(move |connection| {
                let unread = unread(connection, limit)?;
                let read: Vec<_> = unread.iter().map(|(_, _, der)| reader(der)).collect();
                Ok((unread, read))
            })
            .await?;
        let Some(last) = unread.last().map(|(place, ..)| *place) else { return Ok(0) };
        let count = unread.len();
        self.write(move |connection| {
            for ((_, id, _), notes) in unread.iter().zip(&read) {
                if let Some(notes) = notes {
                    insert(connection, id, notes)?;
                }
            }
            connection
                .prepare_cached("UPDATE certificates_read SET up_to = ? WHERE id = 1")?
                .execute([last])?;
            Ok(count)
        })
        .await
    }

    /// Takes in a revocation list in place of the issuer's one before; answers whether it is newer
    /// than that. Its signature must have been checked.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written.
    pub async fn replace_crl(
        &self,
        list: RevocationList,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(move |connection| replace_crl(connection, &list, now)).await
    }
}

fn unread(connection: &Connection, limit: usize) -> Result<Unread, StoreError> {
    let mut statement = connection.prepare_cached(
        // A mark beyond the last row is one of before the rows were numbered anew.
        "SELECT rowid, id, der FROM certificate_ders WHERE rowid > (SELECT MIN(up_to, COALESCE(\
         (SELECT MAX(rowid) FROM certificate_ders), 0)) FROM certificates_read WHERE id = 1) \
         ORDER BY rowid LIMIT ?",
    )?;
    let rows =
        statement.query_map([count(limit)], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn insert(
    connection: &Connection,
    id: &[u8; 32],
    notes: &CertificateNotes,
) -> Result<(), StoreError> {
    let is_there =
        connection.prepare_cached("SELECT 1 FROM certificates WHERE id = ?")?.exists([id])?;
    if !is_there {
        return Ok(());
    }
    let issuer = issuer_number(connection, &notes.issuer)?;
    let key = connection
        .prepare_cached("INSERT OR IGNORE INTO certified_keys (spki_digest) VALUES (?)")?
        .execute([notes.spki_digest.as_bytes()])?;
    connection
        .prepare_cached(
            "INSERT OR IGNORE INTO certificate_notes \
             (certificate_id, issuer, serial, spki_digest, roca, print, reused) \
             VALUES (?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            id,
            issuer,
            notes.serial.as_bytes(),
            notes.spki_digest.as_bytes(),
            notes.key.roca,
            notes.key.print.map(|print| print.0),
            key == 0,
        ])?;
    Ok(())
}

fn issuer_number(connection: &Connection, name: &Digest) -> Result<i64, StoreError> {
    let find = "SELECT id FROM issuers WHERE name_digest = ?";
    let known: Option<i64> = connection
        .prepare_cached(find)?
        .query_row([name.as_bytes()], |row| row.get(0))
        .optional()?;
    if let Some(known) = known {
        return Ok(known);
    }
    connection
        .prepare_cached("INSERT INTO issuers (name_digest) VALUES (?)")?
        .execute([name.as_bytes()])?;
    Ok(connection.last_insert_rowid())
}

fn replace_crl(
    connection: &Connection,
    list: &RevocationList,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let issuer = list.issuer.as_bytes();
    let before: Option<i64> = connection
        .prepare_cached("SELECT this_update FROM crls WHERE issuer = ?")?
        .query_row([issuer], |row| row.get(0))
        .optional()?;
    if before.is_some_and(|before| before >= list.this_update.as_millis()) {
        return Ok(false);
    }
    connection.prepare_cached("DELETE FROM crl_entries WHERE issuer = ?")?.execute([issuer])?;
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO crls (issuer, this_update, next_update) VALUES (?, ?, ?)",
        )?
        .execute(params![
            issuer,
            list.this_update.as_millis(),
            list.next_update.map(Timestamp::as_millis)
        ])?;
    let mut insert = connection.prepare_cached(
        "INSERT OR IGNORE INTO crl_entries (issuer, serial, revoked_at) VALUES (?, ?, ?)",
    )?;
    for it in &list.entries {
        insert.execute(params![issuer, it.serial.as_bytes(), it.revoked_at.as_millis()])?;
    }
    let body = json!({ "issuer": list.issuer, "thisUpdate": list.this_update,
        "entries": list.entries.len() });
    events::append(connection, "crl.taken_in", &body, now)?;
    Ok(true)
}
