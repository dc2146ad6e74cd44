//! Certificates: registering, describing, changing status, deleting.

use perennial_core::{
    certificate::{Certificate, CertificateStatus, Validity},
    ids::{CertificateId, Digest, PolicyName, ThingName},
    registry::{CertificateMode, PolicyTarget, PrincipalType},
    time::Timestamp,
};
use perennial_orchestrator::port::Fact;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::Serialize;
use serde_json::json;

use crate::{
    Store, StoreError, attachments, ca_certificates,
    events::{self, count},
    issuers, journal, policy_targets,
    row::{self, CERTIFICATE, status_number},
    withdrawn,
};

/// How many things of a certificate are shown with it; its list has the others.
const THINGS_SHOWN: usize = 250;

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
    /// The certificate that its signature was verified with; `None` when nobody's was.
    pub issuer: Option<CertificateId>,
    /// How it is registered. [`SniOnly`](CertificateMode::SniOnly) without an issuer means that
    /// the registry alone vouches for it.
    pub mode: CertificateMode,
    /// The thing to attach it to, not exclusively; made when it does not exist.
    pub thing: Option<ThingName>,
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
    /// The certificate of who issued it, as far as that was verified here.
    pub ca_certificate_id: Option<CertificateId>,
    /// How it was registered.
    pub certificate_mode: CertificateMode,
    /// One more with each change; 1 at first.
    pub customer_version: u64,
    /// When it was changed last.
    pub modified_at: Timestamp,
    /// The things it is attached to: the first 250 of them.
    pub things: Vec<ThingName>,
    /// The policies attached to it.
    pub policies: Vec<PolicyName>,
}

impl Store {
    /// Registers certificates with their things and policies, all or none.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when a certificate is registered, [`StoreError::Refused`] when its
    /// key belongs to another thing, [`StoreError::StateConflict`] when its issuer is a
    /// registered CA that is not ACTIVE or when it was revoked here before it was deleted,
    /// [`StoreError::NotFound`] when a policy does not exist.
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

    /// Deletes a certificate; with `force` also one that policies are attached to.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::StateConflict`] while it is ACTIVE,
    /// [`StoreError::DeleteConflict`] while it is attached to a thing, or has policies.
    pub async fn delete_certificate(
        &self,
        id: CertificateId,
        force: bool,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| delete(connection, &id, force, now)).await
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

fn existing(connection: &Connection, id: &CertificateId) -> Result<Certificate, StoreError> {
    find(connection, id)?.ok_or_else(|| StoreError::not_found("certificate", id))
}

pub(crate) fn check_exists(connection: &Connection, id: &CertificateId) -> Result<(), StoreError> {
    let found = connection
        .prepare_cached("SELECT 1 FROM certificates WHERE id = ?")?
        .exists([id.as_bytes()])?;
    if found { Ok(()) } else { Err(StoreError::not_found("certificate", id)) }
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
    now: Timestamp,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE certificates SET status = ?, modified_at = ?, \
             customer_version = customer_version + 1 WHERE id = ?",
        )?
        .execute(params![status_number(status), now.as_millis(), id.as_bytes()])?;
    Ok(())
}

/// What is written of a certificate that is attached to nothing.
pub(crate) struct Row<'a> {
    pub(crate) id: &'a CertificateId,
    pub(crate) der: &'a [u8],
    pub(crate) status: CertificateStatus,
    pub(crate) validity: Validity,
    pub(crate) issuer: Option<CertificateId>,
    pub(crate) mode: CertificateMode,
    /// `None` when its key was claimed before.
    pub(crate) spki_digest: Option<Digest>,
}

pub(crate) fn insert(
    connection: &Connection,
    it: &Row<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let issuer = it.issuer.map(|id| issuers::number(connection, &id)).transpose()?;
    connection
        .prepare_cached(
            "INSERT INTO certificates \
             (id, status, not_before, not_after, created_at, modified_at, issuer, sni_only) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            it.id.as_bytes(),
            status_number(it.status),
            it.validity.not_before.as_millis(),
            it.validity.not_after.as_millis(),
            now.as_millis(),
            now.as_millis(),
            issuer,
            it.mode == CertificateMode::SniOnly,
        ])?;
    connection
        .prepare_cached("INSERT INTO certificate_ders (id, der, spki_digest) VALUES (?, ?, ?)")?
        .execute(params![
            it.id.as_bytes(),
            it.der,
            it.spki_digest.as_ref().map(Digest::as_bytes)
        ])?;
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

/// Claims a registered certificate's key for its first thing.
pub(crate) fn claim_own_key(
    connection: &Connection,
    id: &CertificateId,
    thing: &ThingName,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT OR IGNORE INTO public_keys (spki_digest, thing) \
             SELECT spki_digest, ? FROM certificate_ders WHERE id = ? AND spki_digest IS NOT NULL",
        )?
        .execute(params![thing.as_str(), id.as_bytes()])?;
    Ok(())
}

pub(crate) fn register(
    connection: &Connection,
    it: &NewCertificate,
    now: Timestamp,
) -> Result<(), StoreError> {
    if find(connection, &it.certificate_id)?.is_some() {
        let name = it.certificate_id.to_string();
        return Err(StoreError::Exists { what: "certificate", name, id: None });
    }
    if let Some(issuer) = &it.issuer {
        ca_certificates::check_may_issue(connection, issuer)?;
    }
    withdrawn::check_by_hand(connection, &it.certificate_id)?;
    if let Some(thing) = &it.thing {
        let owner = claim_key(connection, &it.spki_digest, thing)?;
        if owner != *thing {
            return Err(StoreError::Refused(format!("the key belongs to thing {owner}")));
        }
    }
    let row = Row {
        id: &it.certificate_id,
        der: &it.der,
        status: it.status,
        validity: it.validity,
        issuer: it.issuer,
        mode: it.mode,
        spki_digest: Some(it.spki_digest),
    };
    insert(connection, &row, now)?;
    if let Some(thing) = &it.thing {
        crate::things::ensure(connection, thing, now)?;
        let as_ = PrincipalType::NonExclusiveThing;
        attachments::insert(connection, thing, &it.certificate_id, as_)?;
    }
    let target = PolicyTarget::Certificate(it.certificate_id);
    for policy in &it.policies {
        policy_targets::attach(connection, policy, &target)?;
    }
    let body = json!({ "certificateId": it.certificate_id, "thingName": it.thing,
        "status": it.status, "policies": it.policies, "validity": it.validity,
        "caCertificateId": it.issuer, "certificateMode": it.mode });
    events::append(connection, "certificate.registered", &body, now)
}

fn show(connection: &Connection, id: &CertificateId) -> Result<StoredCertificate, StoreError> {
    let certificate = existing(connection, id)?;
    let (issuer, sni_only, version, modified_at): (Option<[u8; 32]>, bool, i64, i64) = connection
        .prepare_cached(
            "SELECT i.certificate_id, c.sni_only, c.customer_version, c.modified_at \
             FROM certificates c LEFT JOIN certificate_issuers i ON i.number = c.issuer WHERE c.id = ?",
        )?
        .query_row([id.as_bytes()], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?;
    Ok(StoredCertificate {
        certificate,
        der: der(connection, id)?.unwrap_or_default(),
        ca_certificate_id: issuer.map(CertificateId::from_bytes),
        certificate_mode: row::mode(sni_only),
        customer_version: version.unsigned_abs(),
        modified_at: Timestamp::from_millis(modified_at),
        things: things_shown(connection, id)?,
        policies: policy_targets::attached(connection, id)?,
    })
}

fn things_shown(connection: &Connection, id: &CertificateId) -> Result<Vec<ThingName>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT thing FROM thing_certificates WHERE certificate_id = ? ORDER BY thing LIMIT ?",
    )?;
    let rows = statement
        .query_map(params![id.as_bytes(), count(THINGS_SHOWN)], |row| row.get::<_, String>(0))?;
    rows.map(|name| row::thing_name(&name?)).collect()
}

pub(crate) fn update_status(
    connection: &Connection,
    id: &CertificateId,
    to: CertificateStatus,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let from = existing(connection, id)?.status;
    if from.transition(to)? == from {
        return Ok(false);
    }
    write_status(connection, id, to, now)?;
    if to != CertificateStatus::Active {
        // In the same transaction, so that no crash keeps an open rotation from hearing of it.
        journal::insert_fact(connection, Fact::CertificateWithdrawn { certificate_id: *id })?;
    }
    let body = json!({ "certificateId": id, "from": from, "to": to, "by": "operator" });
    events::append(connection, "certificate.status", &body, now)?;
    Ok(true)
}

fn delete(
    connection: &Connection,
    id: &CertificateId,
    force: bool,
    now: Timestamp,
) -> Result<(), StoreError> {
    if existing(connection, id)?.status == CertificateStatus::Active {
        let why = format!("Certificate must be deactivated (not ACTIVE) before deletion. Id: {id}");
        return Err(StoreError::StateConflict(why));
    }
    let attached = |sql: &str| -> Result<bool, StoreError> {
        Ok(connection.prepare_cached(sql)?.exists([id.as_bytes()])?)
    };
    if attached("SELECT 1 FROM thing_certificates WHERE certificate_id = ?")? {
        let why = format!("Things must be detached before deletion (certificate {id})");
        return Err(StoreError::DeleteConflict(why));
    }
    if !force && attached("SELECT 1 FROM policy_targets WHERE certificate_id = ?")? {
        let why =
            format!("Certificate policies must be detached before deletion (certificate {id})");
        return Err(StoreError::DeleteConflict(why));
    }
    remove(connection, id, now)
}

/// Deletes a certificate that is attached to no thing.
fn remove(connection: &Connection, id: &CertificateId, now: Timestamp) -> Result<(), StoreError> {
    withdrawn::remember(connection, id)?;
    connection
        .prepare_cached("DELETE FROM policy_targets WHERE certificate_id = ?")?
        .execute([id.as_bytes()])?;
    connection.prepare_cached("DELETE FROM certificates WHERE id = ?")?.execute([id.as_bytes()])?;
    events::append(connection, "certificate.deleted", &json!({ "certificateId": id }), now)
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
    ids.iter().try_for_each(|id| remove(connection, id, now))?;
    Ok(ids)
}
