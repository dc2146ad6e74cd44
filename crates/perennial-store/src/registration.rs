//! Registration by the customer: the code that proves a CA is theirs, and device certificates
//! that register themselves.

use perennial_core::{
    certificate::{CertificateStatus, Validity},
    ids::{CertificateId, Digest, RegistrationCode},
    registry::{AutoRegistration, CaStatus},
    time::Timestamp,
};
use rusqlite::{Connection, OptionalExtension as _};
use serde_json::json;

use crate::{Store, StoreError, ca_certificates, certificates, draw, events, withdrawn};

/// A certificate that a device showed, in proof of its key, before anybody registered it.
#[derive(Debug, Clone)]
pub struct Presented {
    /// SHA-256 of the DER.
    pub certificate_id: CertificateId,
    /// The DER.
    pub der: Vec<u8>,
    /// SHA-256 of its SubjectPublicKeyInfo.
    pub spki_digest: Digest,
    /// When it may be used.
    pub validity: Validity,
    /// The registered CA that it leads to.
    pub ca_certificate_id: CertificateId,
}

impl Store {
    /// The code that a verification certificate has to name; drawn when first asked for.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written.
    pub async fn registration_code(&self, now: Timestamp) -> Result<RegistrationCode, StoreError> {
        self.write(move |connection| code(connection, now)).await
    }

    /// Forgets the code; another is drawn when it is asked for.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none.
    pub async fn delete_registration_code(&self, now: Timestamp) -> Result<(), StoreError> {
        self.write(move |connection| {
            let sql = "DELETE FROM registration_code WHERE number = 1";
            if connection.prepare_cached(sql)?.execute([])? == 0 {
                return Err(StoreError::not_found("registration code", "to delete"));
            }
            events::append(connection, "registration-code.deleted", &json!({}), now)
        })
        .await
    }

    /// Registers a presented certificate as PENDING_ACTIVATION; answers with its status and when
    /// it was registered, now or before.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] or [`StoreError::StateConflict`] when its CA lets nothing
    /// register itself any more, or when it was withdrawn for good before.
    pub async fn register_presented(
        &self,
        presented: Presented,
        now: Timestamp,
    ) -> Result<(CertificateStatus, Timestamp), StoreError> {
        self.write(move |connection| register_presented(connection, &presented, now)).await
    }
}

fn code(connection: &Connection, now: Timestamp) -> Result<RegistrationCode, StoreError> {
    let found = connection
        .prepare_cached("SELECT code FROM registration_code WHERE number = 1")?
        .query_row([], |row| row.get(0).map(RegistrationCode::from_bytes))
        .optional()?;
    if let Some(found) = found {
        return Ok(found);
    }
    let code = draw::registration_code();
    connection
        .prepare_cached("INSERT INTO registration_code (number, code) VALUES (1, ?)")?
        .execute([code.as_bytes()])?;
    events::append(connection, "registration-code.created", &json!({}), now)?;
    Ok(code)
}

fn register_presented(
    connection: &Connection,
    it: &Presented,
    now: Timestamp,
) -> Result<(CertificateStatus, Timestamp), StoreError> {
    if let Some(known) = certificates::find(connection, &it.certificate_id)? {
        return Ok((known.status, known.created_at));
    }
    let ca = ca_certificates::existing(connection, &it.ca_certificate_id)?;
    let lets = ca.status == CaStatus::Active && ca.auto_registration == AutoRegistration::Enable;
    if !lets || !ca.validity.contains(now) {
        let id = it.ca_certificate_id;
        let why = format!("CA certificate {id} lets no certificate register itself");
        return Err(StoreError::StateConflict(why));
    }
    withdrawn::check_by_itself(connection, &it.certificate_id)?;
    let status = CertificateStatus::PendingActivation;
    let row = certificates::Row {
        id: &it.certificate_id,
        der: &it.der,
        status,
        validity: it.validity,
        issuer: Some(it.ca_certificate_id),
        mode: ca.mode,
        spki_digest: Some(it.spki_digest),
    };
    certificates::insert(connection, &row, now)?;
    let body = json!({ "certificateId": it.certificate_id, "status": status,
        "validity": it.validity, "caCertificateId": it.ca_certificate_id, "by": "device" });
    events::append(connection, "certificate.registered", &body, now)?;
    Ok((status, now))
}
