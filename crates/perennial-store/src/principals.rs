//! Principals: what the broker needs to know of a certificate, by primary key and at once.

use perennial_core::{
    certificate::Certificate,
    ids::{CertificateId, PolicyName, ThingName},
};
use rusqlite::{Connection, OptionalExtension as _};

use crate::{Store, StoreError, certificates, policies, registry};

/// A certificate with all that decides what it may do.
#[derive(Debug, Clone)]
pub struct PrincipalRecord {
    /// Its state.
    pub certificate: Certificate,
    /// Its DER.
    pub der: Vec<u8>,
    /// The things it is attached to.
    pub things: Vec<ThingName>,
    /// The policies attached to it: their names.
    pub policies: Vec<PolicyName>,
}

impl Store {
    /// What is known of a principal; `None` when it is not registered. Blocks for a few indexed
    /// reads, so that it can be asked in the midst of a TLS handshake.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    pub fn principal_record(
        &self,
        id: &CertificateId,
    ) -> Result<Option<PrincipalRecord>, StoreError> {
        self.readers.with(|connection| record(connection, id))
    }

    /// A policy's document by name; blocks like [`principal_record`](Self::principal_record).
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such policy.
    pub fn policy_document(&self, name: &PolicyName) -> Result<String, StoreError> {
        self.readers.with(|connection| {
            let found: Option<String> = connection
                .prepare_cached("SELECT document FROM policies WHERE name = ?")?
                .query_row([name.as_str()], |row| row.get(0))
                .optional()?;
            found.ok_or_else(|| StoreError::not_found("policy", name))
        })
    }
}

fn record(
    connection: &Connection,
    id: &CertificateId,
) -> Result<Option<PrincipalRecord>, StoreError> {
    let Some(certificate) = certificates::find(connection, id)? else { return Ok(None) };
    Ok(Some(PrincipalRecord {
        certificate,
        der: certificates::der(connection, id)?.unwrap_or_default(),
        things: registry::things_of(connection, id)?,
        policies: policies::attached(connection, id)?,
    }))
}
