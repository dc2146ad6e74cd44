//! Certificates that no rotation made, and what is attached to and detached from them.

use perennial_core::{
    certificate::{Certificate, CertificateStatus, Validity},
    ids::{CertificateId, PolicyName, ThingName},
    time::Timestamp,
};
use rusqlite::{Connection, params};
use serde_json::json;

use crate::{
    Order, Page, Store, StoreError, StoredPolicy, certificates, events,
    page::one_more,
    policies, registry,
    row::{self, CERTIFICATE},
};

/// A certificate to register that is not a thing's yet.
#[derive(Debug, Clone)]
pub struct NewUnattached {
    /// SHA-256 of the DER.
    pub certificate_id: CertificateId,
    /// The DER.
    pub der: Vec<u8>,
    /// When it may be used.
    pub validity: Validity,
    /// Its status from the start.
    pub status: CertificateStatus,
}

impl Store {
    /// Registers a certificate that is attached to nothing.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when it is registered.
    pub async fn register_unattached(
        &self,
        it: NewUnattached,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| register(connection, &it, now)).await
    }

    /// Deletes a certificate; with `force`, also one that policies are attached to.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::StateConflict`] while it is ACTIVE,
    /// [`StoreError::DeleteConflict`] while something is attached to it.
    pub async fn delete_certificate(
        &self,
        id: CertificateId,
        force: bool,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| delete(connection, &id, force, now)).await
    }

    /// Certificates by id, beyond `after` in this order.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub async fn certificates_in(
        &self,
        order: Order,
        after: Option<CertificateId>,
        limit: usize,
    ) -> Result<Page<Certificate, CertificateId>, StoreError> {
        self.read(move |connection| {
            let (direction, beyond) = order.sql();
            let after = after.map(|id| id.as_bytes().to_vec());
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {CERTIFICATE} FROM certificates WHERE ?1 IS NULL OR id {beyond} ?1 \
                 ORDER BY id {direction} LIMIT ?2"
            ))?;
            let mut rows = statement.query(params![after, one_more(limit)])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push(row::certificate(row)?);
            }
            Ok(Page::cut(found, limit, |it| it.certificate_id))
        })
        .await
    }

    /// Policies' names, beyond `after` in this order.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub async fn policy_names(
        &self,
        order: Order,
        after: Option<PolicyName>,
        limit: usize,
    ) -> Result<Page<PolicyName>, StoreError> {
        self.read(move |connection| {
            let (direction, beyond) = order.sql();
            let after = after.as_ref().map(PolicyName::as_str);
            let mut statement = connection.prepare_cached(&format!(
                "SELECT name FROM policies WHERE ?1 IS NULL OR name {beyond} ?1 \
                 ORDER BY name {direction} LIMIT ?2"
            ))?;
            let mut rows = statement.query(params![after, one_more(limit)])?;
            let mut names = Vec::new();
            while let Some(row) = rows.next()? {
                names.push(policies::policy_name(&row.get::<_, String>(0)?)?);
            }
            Ok(Page::cut(names, limit, PolicyName::clone))
        })
        .await
    }

    /// A policy by name.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none.
    pub async fn policy(&self, name: PolicyName) -> Result<StoredPolicy, StoreError> {
        self.read(move |connection| policies::find(connection, &name)).await
    }

    /// Detaches a policy from a certificate; answers whether it was attached.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written.
    pub async fn detach_policy(
        &self,
        name: PolicyName,
        certificate_id: CertificateId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(move |connection| detach_policy(connection, &name, &certificate_id, now)).await
    }

    /// Attaches a certificate to a thing; answers whether that is new.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when either does not exist.
    pub async fn attach_thing(
        &self,
        thing: ThingName,
        certificate_id: CertificateId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(move |connection| attach_thing(connection, &thing, &certificate_id, now)).await
    }

    /// Detaches a certificate from a thing; answers whether it was attached.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when either does not exist.
    pub async fn detach_thing(
        &self,
        thing: ThingName,
        certificate_id: CertificateId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(move |connection| detach_thing(connection, &thing, &certificate_id, now)).await
    }

    /// The certificates attached to a thing, of any status, above `after` and in order.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such thing.
    pub async fn principals_of(
        &self,
        thing: ThingName,
        after: Option<CertificateId>,
        limit: usize,
    ) -> Result<Page<CertificateId>, StoreError> {
        self.read(move |connection| {
            must_exist_thing(connection, &thing)?;
            let after = after.map_or_else(Vec::new, |id| id.as_bytes().to_vec());
            let mut statement = connection.prepare_cached(
                "SELECT certificate_id FROM thing_certificates \
                 WHERE thing = ? AND certificate_id > ? ORDER BY certificate_id LIMIT ?",
            )?;
            let rows = statement
                .query_map(params![thing.as_str(), after, one_more(limit)], |row| row.get(0))?;
            let ids = rows.map(|id| id.map(CertificateId::from_bytes));
            Ok(Page::cut(ids.collect::<Result<_, _>>()?, limit, |id| *id))
        })
        .await
    }

    /// The things that a certificate is attached to, above `after` and in order.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such certificate.
    pub async fn things_of_principal(
        &self,
        id: CertificateId,
        after: Option<ThingName>,
        limit: usize,
    ) -> Result<Page<ThingName>, StoreError> {
        self.read(move |connection| {
            must_exist(connection, &id)?;
            let after = after.as_ref().map_or("", ThingName::as_str);
            let mut statement = connection.prepare_cached(
                "SELECT thing FROM thing_certificates \
                 WHERE certificate_id = ? AND thing > ? ORDER BY thing LIMIT ?",
            )?;
            let mut rows = statement.query(params![id.as_bytes(), after, one_more(limit)])?;
            let mut things = Vec::new();
            while let Some(row) = rows.next()? {
                things.push(row::thing_name(&row.get::<_, String>(0)?)?);
            }
            Ok(Page::cut(things, limit, ThingName::clone))
        })
        .await
    }
}

fn must_exist(connection: &Connection, id: &CertificateId) -> Result<(), StoreError> {
    let found = certificates::find(connection, id)?;
    found.map(drop).ok_or_else(|| StoreError::not_found("certificate", id))
}

fn must_exist_thing(connection: &Connection, thing: &ThingName) -> Result<(), StoreError> {
    let found = connection
        .prepare_cached("SELECT 1 FROM things WHERE name = ?")?
        .exists([thing.as_str()])?;
    if found { Ok(()) } else { Err(StoreError::not_found("thing", thing)) }
}

fn register(connection: &Connection, it: &NewUnattached, now: Timestamp) -> Result<(), StoreError> {
    if certificates::find(connection, &it.certificate_id)?.is_some() {
        let name = it.certificate_id.to_string();
        return Err(StoreError::Exists { what: "certificate", name });
    }
    let certificate = (&it.certificate_id, it.der.as_slice());
    certificates::insert(connection, certificate, it.status, it.validity, now)?;
    let body = json!({ "certificateId": it.certificate_id, "status": it.status,
        "validity": it.validity });
    events::append(connection, "certificate.registered", &body, now)
}

fn delete(
    connection: &Connection,
    id: &CertificateId,
    force: bool,
    now: Timestamp,
) -> Result<(), StoreError> {
    let found = certificates::find(connection, id)?
        .ok_or_else(|| StoreError::not_found("certificate", id))?;
    if found.status == CertificateStatus::Active {
        let text =
            format!("Certificate must be deactivated (not ACTIVE) before deletion. Id: {id}");
        return Err(StoreError::StateConflict(text));
    }
    if !registry::things_of(connection, id)?.is_empty() {
        let text = format!("Things must be detached before deletion (certificate {id})");
        return Err(StoreError::DeleteConflict(text));
    }
    if !force && !policies::attached(connection, id)?.is_empty() {
        let text =
            format!("Certificate policies must be detached before deletion (certificate {id})");
        return Err(StoreError::DeleteConflict(text));
    }
    connection
        .prepare_cached("DELETE FROM policy_targets WHERE certificate_id = ?")?
        .execute([id.as_bytes()])?;
    connection.prepare_cached("DELETE FROM certificates WHERE id = ?")?.execute([id.as_bytes()])?;
    events::append(connection, "certificate.deleted", &json!({ "certificateId": id }), now)
}

fn detach_policy(
    connection: &Connection,
    name: &PolicyName,
    id: &CertificateId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let detached = connection
        .prepare_cached("DELETE FROM policy_targets WHERE certificate_id = ? AND policy = ?")?
        .execute(params![id.as_bytes(), name.as_str()])?;
    if detached == 0 {
        return Ok(false);
    }
    let body = json!({ "policyName": name, "certificateId": id });
    events::append(connection, "policy.detached", &body, now)?;
    Ok(true)
}

fn attach_thing(
    connection: &Connection,
    thing: &ThingName,
    id: &CertificateId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    must_exist_thing(connection, thing)?;
    must_exist(connection, id)?;
    let attached = connection
        .prepare_cached(
            "INSERT OR IGNORE INTO thing_certificates (certificate_id, thing) VALUES (?, ?)",
        )?
        .execute(params![id.as_bytes(), thing.as_str()])?;
    if attached == 0 {
        return Ok(false);
    }
    let body = json!({ "thingName": thing, "certificateId": id });
    events::append(connection, "thing.principal_attached", &body, now)?;
    Ok(true)
}

fn detach_thing(
    connection: &Connection,
    thing: &ThingName,
    id: &CertificateId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    must_exist_thing(connection, thing)?;
    must_exist(connection, id)?;
    let detached = connection
        .prepare_cached("DELETE FROM thing_certificates WHERE certificate_id = ? AND thing = ?")?
        .execute(params![id.as_bytes(), thing.as_str()])?;
    if detached == 0 {
        return Ok(false);
    }
    let body = json!({ "thingName": thing, "certificateId": id });
    events::append(connection, "thing.principal_detached", &body, now)?;
    Ok(true)
}
