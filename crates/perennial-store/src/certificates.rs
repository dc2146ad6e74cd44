//! Certificates: registering, listing, changing status, deleting.

use perennial_core::{
    certificate::{Certificate, CertificateStatus, Validity},
    ids::{CertificateId, Digest, PolicyName, ThingName},
    time::Timestamp,
};
use perennial_orchestrator::port::Fact;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::Serialize;
use serde_json::json;

use crate::{
    Store, StoreError,
    events::{self, count},
    journal, policies, registry,
    row::{self, CERTIFICATE, status_number},
};

/// A certificate to register that no rotation issued.
#[derive(Debug, Clone)]
pub struct NewCertificate {
    /// SHA-256 of the DER.
    pub certificate_id: CertificateId,
    /// The DER.
    pub der: Vec<u8>,
    /// SHA-256 of its SubjectPublicKeyInfo.
    pub spki_digest: Digest,
    /// When it may be used.
    pub validity: Validity,
    /// Its status from the start.
    pub status: CertificateStatus,
    /// The thing to attach it to; made when it does not exist.
    pub thing: ThingName,
    /// The policies to attach to it.
    pub policies: Vec<PolicyName>,
}

/// A certificate with what is attached to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredCertificate {
    /// Its state.
    #[serde(flatten)]
    pub certificate: Certificate,
    /// Its DER.
    #[serde(skip)]
    pub der: Vec<u8>,
    /// The things it is attached to.
    pub things: Vec<ThingName>,
    /// The policies attached to it.
    pub policies: Vec<PolicyName>,
}

impl Store {
    /// Registers certificates with their things and policies, all or none.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when a certificate is registered or its key belongs to another
    /// thing, [`StoreError::NotFound`] when a policy does not exist.
    pub async fn register(
        &self,
        batch: Vec<NewCertificate>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| batch.iter().try_for_each(|it| register(connection, it, now)))
            .await
    }

    /// A certificate with what is attached to it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when it is not registered.
    pub async fn certificate(&self, id: CertificateId) -> Result<StoredCertificate, StoreError> {
        self.read(move |connection| show(connection, &id)).await
    }

    /// Certificates whose id is above `after`, in order, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub async fn certificates(
        &self,
        after: Option<CertificateId>,
        limit: usize,
    ) -> Result<Vec<Certificate>, StoreError> {
        self.read(move |connection| {
            let after = after.map_or_else(Vec::new, |id| id.as_bytes().to_vec());
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {CERTIFICATE} FROM certificates WHERE id > ? ORDER BY id LIMIT ?"
            ))?;
            let mut rows = statement.query(params![after, count(limit)])?;
            let mut page = Vec::new();
            while let Some(row) = rows.next()? {
                page.push(row::certificate(row)?);
            }
            Ok(page)
        })
        .await
    }

    /// Changes a certificate's status; answers whether that changed anything. One that leaves
    /// ACTIVE puts a fact into the inbox: open rotations of it are called off.
    ///
    /// # Errors
    /// [`StoreError::Unlawful`] when the core's law forbids it, [`StoreError::NotFound`].
    pub async fn update_status(
        &self,
        id: CertificateId,
        to: CertificateStatus,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(move |connection| update_status(connection, &id, to, now)).await
    }

    /// Deletes retired certificates whose grace is over, at most `limit`; answers which.
    ///
    /// # Errors
    /// [`StoreError`] when that cannot be written.
    pub async fn sweep(
        &self,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<CertificateId>, StoreError> {
        self.write(move |connection| sweep(connection, limit, now)).await
    }

    /// The DER of each certificate; `None` for one that is not registered.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub async fn ders(&self, ids: Vec<CertificateId>) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        self.read(move |connection| ids.iter().map(|id| der(connection, id)).collect()).await
    }
}

pub(crate) fn find(
    connection: &Connection,
    id: &CertificateId,
) -> Result<Option<Certificate>, StoreError> {
    let mut statement = connection
        .prepare_cached(&format!("SELECT {CERTIFICATE} FROM certificates WHERE id = ?"))?;
    let mut rows = statement.query([id.as_bytes()])?;
    rows.next()?.map(row::certificate).transpose()
}

pub(crate) fn der(
    connection: &Connection,
    id: &CertificateId,
) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(connection
        .prepare_cached("SELECT der FROM certificate_ders WHERE id = ?")?
        .query_row([id.as_bytes()], |row| row.get(0))
        .optional()?)
}

pub(crate) fn write_status(
    connection: &Connection,
    id: &CertificateId,
    status: CertificateStatus,
) -> Result<(), StoreError> {
    connection
        .prepare_cached("UPDATE certificates SET status = ? WHERE id = ?")?
        .execute(params![status_number(status), id.as_bytes()])?;
    Ok(())
}

/// Writes a certificate with its DER, attached to nothing.
pub(crate) fn insert(
    connection: &Connection,
    (id, der): (&CertificateId, &[u8]),
    status: CertificateStatus,
    validity: Validity,
    now: Timestamp,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO certificates (id, status, not_before, not_after, created_at) \
             VALUES (?, ?, ?, ?, ?)",
        )?
        .execute(params![
            id.as_bytes(),
            status_number(status),
            validity.not_before.as_millis(),
            validity.not_after.as_millis(),
            now.as_millis(),
        ])?;
    connection
        .prepare_cached("INSERT INTO certificate_ders (id, der) VALUES (?, ?)")?
        .execute(params![id.as_bytes(), der])?;
    Ok(())
}

/// Whose a public key is, after claiming it for `thing` if it was nobody's.
pub(crate) fn claim_key(
    connection: &Connection,
    spki_digest: &Digest,
    thing: &ThingName,
) -> Result<ThingName, StoreError> {
    connection
        .prepare_cached("INSERT OR IGNORE INTO public_keys (spki_digest, thing) VALUES (?, ?)")?
        .execute(params![spki_digest.as_bytes(), thing.as_str()])?;
    let owner: String = connection
        .prepare_cached("SELECT thing FROM public_keys WHERE spki_digest = ?")?
        .query_row([spki_digest.as_bytes()], |row| row.get(0))?;
    row::thing_name(&owner)
}

fn register(
    connection: &Connection,
    it: &NewCertificate,
    now: Timestamp,
) -> Result<(), StoreError> {
    if find(connection, &it.certificate_id)?.is_some() {
        let name = it.certificate_id.to_string();
        return Err(StoreError::Exists { what: "certificate", name });
    }
    let owner = claim_key(connection, &it.spki_digest, &it.thing)?;
    if owner != it.thing {
        return Err(StoreError::Refused(format!("the key belongs to thing {owner}")));
    }
    insert(connection, (&it.certificate_id, &it.der), it.status, it.validity, now)?;
    crate::things::ensure(connection, &it.thing, now)?;
    connection
        .prepare_cached("INSERT INTO thing_certificates (certificate_id, thing) VALUES (?, ?)")?
        .execute(params![it.certificate_id.as_bytes(), it.thing.as_str()])?;
    for policy in &it.policies {
        policies::attach(connection, policy, &it.certificate_id)?;
    }
    let body = json!({ "certificateId": it.certificate_id, "thingName": it.thing,
        "status": it.status, "policies": it.policies, "validity": it.validity });
    events::append(connection, "certificate.registered", &body, now)
}

fn show(connection: &Connection, id: &CertificateId) -> Result<StoredCertificate, StoreError> {
    let certificate =
        find(connection, id)?.ok_or_else(|| StoreError::not_found("certificate", id))?;
    Ok(StoredCertificate {
        certificate,
        der: der(connection, id)?.unwrap_or_default(),
        things: registry::things_of(connection, id)?,
        policies: policies::attached(connection, id)?,
    })
}

fn update_status(
    connection: &Connection,
    id: &CertificateId,
    to: CertificateStatus,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let found = find(connection, id)?.ok_or_else(|| StoreError::not_found("certificate", id))?;
    let from = found.status;
    if from.transition(to)? == from {
        return Ok(false);
    }
    write_status(connection, id, to)?;
    if to != CertificateStatus::Active {
        // In the same transaction, so that no crash keeps an open rotation from hearing of it.
        journal::insert_fact(connection, Fact::CertificateWithdrawn { certificate_id: *id })?;
    }
    let body = json!({ "certificateId": id, "from": from, "to": to, "by": "operator" });
    events::append(connection, "certificate.status", &body, now)?;
    Ok(true)
}

fn sweep(
    connection: &Connection,
    limit: usize,
    now: Timestamp,
) -> Result<Vec<CertificateId>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT id FROM certificates WHERE delete_at <= ? AND status <> 1 \
         ORDER BY delete_at LIMIT ?",
    )?;
    let rows = statement.query_map(params![now.as_millis(), count(limit)], |row| row.get(0))?;
    let ids = rows.map(|id| id.map(CertificateId::from_bytes)).collect::<Result<Vec<_>, _>>()?;
    let mut delete = connection.prepare_cached("DELETE FROM certificates WHERE id = ?")?;
    for id in &ids {
        delete.execute([id.as_bytes()])?;
        events::append(connection, "certificate.deleted", &json!({ "certificateId": id }), now)?;
    }
    Ok(ids)
}
