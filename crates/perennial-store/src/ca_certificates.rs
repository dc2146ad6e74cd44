//! The customer's own CAs: whose device certificates may be registered.

use perennial_core::{
    certificate::Validity,
    ids::{CertificateId, Digest, TemplateName},
    registry::{
        AutoRegistration, CaCertificate, CaRefused, CaStatus, CertificateMode, MAX_SAME_SUBJECT,
        RegistrationConfig, Resource, Tags,
    },
    time::Timestamp,
};
use rusqlite::{Connection, Row, params};
use serde_json::json;

use crate::{
    Dated, Order, Page, Store, StoreError, events,
    page::one_more,
    row::{self, from_json, to_json},
    tags,
};

/// A CA to register, after its certificate was checked.
#[derive(Debug, Clone)]
pub struct NewCa {
    /// SHA-256 of the DER.
    pub certificate_id: CertificateId,
    /// The DER.
    pub der: Vec<u8>,
    /// SHA-256 of its subject's DER: what issued certificates name.
    pub subject_digest: Digest,
    /// When it may be used.
    pub validity: Validity,
    /// Its status from the start.
    pub status: CaStatus,
    /// Whether its device certificates register themselves.
    pub auto_registration: AutoRegistration,
    /// How it was shown to be the customer's.
    pub mode: CertificateMode,
    /// What registration by template needs.
    pub registration_config: Option<RegistrationConfig>,
    /// Its tags.
    pub tags: Tags,
}

/// A change of a CA; `None` leaves what it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CaUpdate {
    /// Its status.
    pub status: Option<CaStatus>,
    /// Whether its device certificates register themselves.
    pub auto_registration: Option<AutoRegistration>,
    /// What registration by template needs.
    pub registration_config: Option<RegistrationConfig>,
    /// Ends registration by itself and forgets its config (`removeAutoRegistration`).
    pub remove_auto_registration: bool,
}

/// Where a list of CAs was left.
pub type CaPlace = Dated<CertificateId>;

const COLUMNS: &str = "id, der, active, auto_registration, sni_only, registration_config, \
     not_before, not_after, created_at, modified_at, customer_version";

impl Store {
    /// Registers a CA.
    ///
    /// # Errors
    /// [`StoreError::Exists`], [`StoreError::LimitExceeded`] when ten with its subject are
    /// registered, [`StoreError::Invalid`] for its registration config.
    pub async fn register_ca(&self, new: NewCa, now: Timestamp) -> Result<(), StoreError> {
        self.write(move |connection| register(connection, &new, now)).await
    }

    /// A CA.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when it is not registered.
    pub async fn ca_certificate(&self, id: CertificateId) -> Result<CaCertificate, StoreError> {
        self.read(move |connection| existing(connection, &id)).await
    }

    /// CAs by the time they were registered, at most `limit` after the place `after`; only those
    /// whose config names `template`, if it is given.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub async fn ca_certificates(
        &self,
        template: Option<TemplateName>,
        order: Order,
        after: Option<CaPlace>,
        limit: usize,
    ) -> Result<Page<CaCertificate, CaPlace>, StoreError> {
        self.read(move |connection| list(connection, template.as_ref(), order, after, limit)).await
    }

    /// The CAs with this subject: those that may have issued a certificate which names it.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub async fn cas_named(&self, subject: Digest) -> Result<Vec<CaCertificate>, StoreError> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM ca_certificates WHERE subject_digest = ? ORDER BY id"
            ))?;
            let mut rows = statement.query([subject.as_bytes()])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push(read(row)?);
            }
            Ok(found)
        })
        .await
    }

    /// Changes a CA; answers whether that changed anything.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Invalid`] for its registration config.
    pub async fn update_ca(
        &self,
        id: CertificateId,
        update: CaUpdate,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(move |connection| change(connection, &id, update, now)).await
    }

    /// Deletes a CA. What certificates of it are registered stay so.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::StateConflict`] while it is ACTIVE.
    pub async fn delete_ca(&self, id: CertificateId, now: Timestamp) -> Result<(), StoreError> {
        self.write(move |connection| delete(connection, &id, now)).await
    }
}

pub(crate) fn find(
    connection: &Connection,
    id: &CertificateId,
) -> Result<Option<CaCertificate>, StoreError> {
    let mut statement = connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM ca_certificates WHERE id = ?"))?;
    let mut rows = statement.query([id.as_bytes()])?;
    rows.next()?.map(read).transpose()
}

pub(crate) fn existing(
    connection: &Connection,
    id: &CertificateId,
) -> Result<CaCertificate, StoreError> {
    find(connection, id)?.ok_or_else(|| StoreError::not_found("CA certificate", id))
}

/// Whether certificates of this issuer may be registered: if it is a registered CA, it must be
/// ACTIVE; the built-in one is none.
pub(crate) fn check_may_issue(
    connection: &Connection,
    id: &CertificateId,
) -> Result<(), StoreError> {
    match find(connection, id)? {
        Some(ca) if ca.status == CaStatus::Inactive => Err(CaRefused::NotActive(*id).into()),
        Some(_) | None => Ok(()),
    }
}

fn read(row: &Row<'_>) -> Result<CaCertificate, StoreError> {
    let at = |column| row.get(column).map(Timestamp::from_millis);
    let config: Option<String> = row.get(5)?;
    Ok(CaCertificate {
        certificate_id: CertificateId::from_bytes(row.get(0)?),
        der: row.get(1)?,
        status: if row.get(2)? { CaStatus::Active } else { CaStatus::Inactive },
        auto_registration: if row.get(3)? {
            AutoRegistration::Enable
        } else {
            AutoRegistration::Disable
        },
        mode: row::mode(row.get(4)?),
        registration_config: config
            .map(|text| from_json("registration config", &text))
            .transpose()?,
        validity: Validity { not_before: at(6)?, not_after: at(7)? },
        created_at: at(8)?,
        modified_at: at(9)?,
        customer_version: row.get::<_, i64>(10)?.unsigned_abs(),
    })
}

fn list(
    connection: &Connection,
    template: Option<&TemplateName>,
    order: Order,
    after: Option<CaPlace>,
    limit: usize,
) -> Result<Page<CaCertificate, CaPlace>, StoreError> {
    let which = if template.is_some() { "template = ?1" } else { "?1 IS NULL" };
    let (direction, beyond) = order.sql();
    let (at, id) = match (after, order) {
        (Some(place), _) => (place.at.as_millis(), place.what.as_bytes().to_vec()),
        (None, Order::Ascending) => (i64::MIN, Vec::new()),
        (None, Order::Descending) => (i64::MAX, Vec::new()),
    };
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM ca_certificates WHERE {which} AND (created_at, id) {beyond} (?2, ?3) \
         ORDER BY created_at {direction}, id {direction} LIMIT ?4"
    ))?;
    let template = template.map(TemplateName::as_str);
    let mut rows = statement.query(params![template, at, id, one_more(limit)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(Page::cut(found, limit, |it| Dated { at: it.created_at, what: it.certificate_id }))
}

fn register(connection: &Connection, new: &NewCa, now: Timestamp) -> Result<(), StoreError> {
    let id = new.certificate_id;
    new.registration_config.as_ref().map_or(Ok(()), RegistrationConfig::check)?;
    if find(connection, &id)?.is_some() {
        let name = id.to_string();
        return Err(StoreError::Exists { what: "CA certificate", name, id: None });
    }
    let same: i64 = connection
        .prepare_cached("SELECT COUNT(*) FROM ca_certificates WHERE subject_digest = ?")?
        .query_row([new.subject_digest.as_bytes()], |row| row.get(0))?;
    if same >= i64::try_from(MAX_SAME_SUBJECT).unwrap_or(i64::MAX) {
        return Err(CaRefused::TooManySameSubject.into());
    }
    connection
        .prepare_cached(
            "INSERT INTO ca_certificates (id, der, subject_digest, active, auto_registration, \
             sni_only, not_before, not_after, created_at, modified_at, customer_version) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)",
        )?
        .execute(params![
            id.as_bytes(),
            new.der,
            new.subject_digest.as_bytes(),
            new.status == CaStatus::Active,
            new.auto_registration == AutoRegistration::Enable,
            new.mode == CertificateMode::SniOnly,
            new.validity.not_before.as_millis(),
            new.validity.not_after.as_millis(),
            now.as_millis(),
            now.as_millis(),
        ])?;
    write_config(connection, &id, new.registration_config.as_ref())?;
    tags::put(connection, &Resource::CaCertificate(id), &new.tags)?;
    let body = json!({ "caCertificateId": id, "status": new.status,
        "autoRegistrationStatus": new.auto_registration, "certificateMode": new.mode,
        "registrationConfig": new.registration_config, "validity": new.validity,
        "tags": new.tags.as_map() });
    events::append(connection, "ca-certificate.registered", &body, now)
}

fn write_config(
    connection: &Connection,
    id: &CertificateId,
    config: Option<&RegistrationConfig>,
) -> Result<(), StoreError> {
    let text = config.map(|config| to_json("registration config", config)).transpose()?;
    let template = config.and_then(|config| config.template_name.as_ref());
    connection
        .prepare_cached(
            "UPDATE ca_certificates SET registration_config = ?, template = ? WHERE id = ?",
        )?
        .execute(params![text, template.map(TemplateName::as_str), id.as_bytes()])?;
    Ok(())
}

fn change(
    connection: &Connection,
    id: &CertificateId,
    update: CaUpdate,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let before = existing(connection, id)?;
    let mut after = before.clone();
    after.status = update.status.unwrap_or(before.status);
    after.auto_registration = update.auto_registration.unwrap_or(before.auto_registration);
    if let Some(config) = update.registration_config {
        config.check()?;
        after.registration_config = Some(config);
    }
    if update.remove_auto_registration {
        after.auto_registration = AutoRegistration::Disable;
        after.registration_config = None;
    }
    if after == before {
        return Ok(false);
    }
    connection
        .prepare_cached(
            "UPDATE ca_certificates SET active = ?, auto_registration = ?, modified_at = ?, \
             customer_version = customer_version + 1 WHERE id = ?",
        )?
        .execute(params![
            after.status == CaStatus::Active,
            after.auto_registration == AutoRegistration::Enable,
            now.as_millis(),
            id.as_bytes(),
        ])?;
    write_config(connection, id, after.registration_config.as_ref())?;
    let body = json!({ "caCertificateId": id, "status": after.status,
        "autoRegistrationStatus": after.auto_registration,
        "registrationConfig": after.registration_config });
    events::append(connection, "ca-certificate.updated", &body, now)?;
    Ok(true)
}

fn delete(connection: &Connection, id: &CertificateId, now: Timestamp) -> Result<(), StoreError> {
    if existing(connection, id)?.status == CaStatus::Active {
        return Err(CaRefused::StillActive(*id).into());
    }
    connection
        .prepare_cached("DELETE FROM ca_certificates WHERE id = ?")?
        .execute([id.as_bytes()])?;
    tags::clear(connection, &Resource::CaCertificate(*id))?;
    let body = json!({ "caCertificateId": id });
    events::append(connection, "ca-certificate.deleted", &body, now)
}
