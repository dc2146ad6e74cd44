//! Issuing intents: what is about to be signed is recorded first, and a rotation that was served
//! gets the same certificate again.

use perennial_core::{
    certificate::{CertificateStatus, Validity},
    ids::{CertificateId, Digest, RotationId, ThingName},
    registry::CertificateMode,
    time::Timestamp,
};
use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::json;

use crate::{Store, StoreError, certificates, events, row};

/// What a certificate will say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// The thing it will name.
    pub thing: ThingName,
    /// Its serial number, 20 octets.
    pub serial: [u8; 20],
    /// When it may be used.
    pub validity: Validity,
    /// Its SubjectPublicKeyInfo in DER.
    pub spki: Vec<u8>,
}

/// An intent to record.
#[derive(Debug, Clone)]
pub struct IntentRequest {
    /// The rotation.
    pub rotation_id: RotationId,
    /// What the certificate would say.
    pub intent: Intent,
    /// SHA-256 of the SubjectPublicKeyInfo.
    pub spki_digest: Digest,
}

/// What came of recording it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IntentOutcome {
    /// Sign this: the intent as it was recorded now, or by an earlier try that did not get so far.
    Sign(Intent),
    /// The rotation has its certificate.
    Issued(CertificateId),
    /// The key is another thing's.
    KeyInUse,
}

/// A certificate that was signed.
#[derive(Debug, Clone)]
pub struct IssuedCertificate {
    /// The rotation.
    pub rotation_id: RotationId,
    /// SHA-256 of the DER.
    pub certificate_id: CertificateId,
    /// The DER.
    pub der: Vec<u8>,
    /// When it may be used.
    pub validity: Validity,
    /// The certificate of who signed it.
    pub issuer: CertificateId,
}

impl Store {
    /// Records intents, each before anything is signed for it.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be written, and then none is.
    pub async fn record_intents(
        &self,
        batch: Vec<IntentRequest>,
    ) -> Result<Vec<IntentOutcome>, StoreError> {
        self.write(move |connection| batch.iter().map(|it| record(connection, it)).collect()).await
    }

    /// Stores certificates as INACTIVE; answers, for each, the certificate that its rotation has:
    /// an earlier one if there is one.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be written, and then none is.
    pub async fn store_issued(
        &self,
        batch: Vec<IssuedCertificate>,
        now: Timestamp,
    ) -> Result<Vec<CertificateId>, StoreError> {
        self.write(move |connection| {
            batch.iter().map(|it| store_issued(connection, it, now)).collect()
        })
        .await
    }
}

fn recorded(
    connection: &Connection,
    rotation_id: &RotationId,
) -> Result<Option<(Intent, Option<CertificateId>)>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT thing, serial, not_before, not_after, spki, certificate_id FROM issue_intents \
         WHERE rotation_id = ?",
    )?;
    let mut rows = statement.query([rotation_id.as_bytes()])?;
    let Some(found) = rows.next()? else { return Ok(None) };
    let intent = Intent {
        thing: row::thing_name(&found.get::<_, String>(0)?)?,
        serial: found.get(1)?,
        validity: Validity {
            not_before: Timestamp::from_millis(found.get(2)?),
            not_after: Timestamp::from_millis(found.get(3)?),
        },
        spki: found.get(4)?,
    };
    Ok(Some((intent, found.get::<_, Option<[u8; 32]>>(5)?.map(CertificateId::from_bytes))))
}

fn record(connection: &Connection, it: &IntentRequest) -> Result<IntentOutcome, StoreError> {
    match recorded(connection, &it.rotation_id)? {
        Some((_, Some(issued))) => return Ok(IntentOutcome::Issued(issued)),
        // An intent for another key was never signed: the CSR that led to it was superseded.
        Some((intent, None)) if intent.spki == it.intent.spki => {
            return Ok(IntentOutcome::Sign(intent));
        }
        Some(_) | None => {}
    }
    let Intent { thing, serial, validity, spki } = &it.intent;
    if certificates::claim_key(connection, &it.spki_digest, thing)? != *thing {
        return Ok(IntentOutcome::KeyInUse);
    }
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO issue_intents \
             (rotation_id, serial, thing, not_before, not_after, spki) VALUES (?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            it.rotation_id.as_bytes(),
            serial,
            thing.as_str(),
            validity.not_before.as_millis(),
            validity.not_after.as_millis(),
            spki,
        ])?;
    Ok(IntentOutcome::Sign(it.intent.clone()))
}

fn store_issued(
    connection: &Connection,
    it: &IssuedCertificate,
    now: Timestamp,
) -> Result<CertificateId, StoreError> {
    let issued: Option<Option<[u8; 32]>> = connection
        .prepare_cached("SELECT certificate_id FROM issue_intents WHERE rotation_id = ?")?
        .query_row([it.rotation_id.as_bytes()], |row| row.get(0))
        .optional()?;
    if let Some(Some(earlier)) = issued {
        return Ok(CertificateId::from_bytes(earlier));
    }
    let row = certificates::Row {
        id: &it.certificate_id,
        der: &it.der,
        status: CertificateStatus::Inactive,
        validity: it.validity,
        issuer: Some(it.issuer),
        mode: CertificateMode::Default,
        spki_digest: None,
    };
    certificates::insert(connection, &row, now)?;
    connection
        .prepare_cached("UPDATE issue_intents SET certificate_id = ? WHERE rotation_id = ?")?
        .execute(params![it.certificate_id.as_bytes(), it.rotation_id.as_bytes()])?;
    let body = json!({ "certificateId": it.certificate_id, "rotationId": it.rotation_id,
        "validity": it.validity });
    events::append(connection, "certificate.issued", &body, now)?;
    Ok(it.certificate_id)
}
