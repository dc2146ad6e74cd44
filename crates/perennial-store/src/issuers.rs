//! Issuers by number: every certificate names one, so its name is kept once.

use perennial_core::ids::CertificateId;
use rusqlite::{Connection, OptionalExtension as _};

use crate::StoreError;

/// The number of an issuing certificate, given to it if it has none.
pub(crate) fn number(connection: &Connection, id: &CertificateId) -> Result<i64, StoreError> {
    if let Some(number) = find(connection, id)? {
        return Ok(number);
    }
    connection
        .prepare_cached("INSERT INTO certificate_issuers (certificate_id) VALUES (?)")?
        .execute([id.as_bytes()])?;
    Ok(connection.last_insert_rowid())
}

pub(crate) fn find(connection: &Connection, id: &CertificateId) -> Result<Option<i64>, StoreError> {
    Ok(connection
        .prepare_cached("SELECT number FROM certificate_issuers WHERE certificate_id = ?")?
        .query_row([id.as_bytes()], |row| row.get(0))
        .optional()?)
}
