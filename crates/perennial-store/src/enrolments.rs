//! Enrolments: a device's first certificate. What is about to be signed is recorded first, and the
//! same key of the same thing gets the same certificate again.

use perennial_core::{
    certificate::{Certificate, CertificateStatus, Validity},
    ids::{CertificateId, Digest, PolicyName, ThingName},
    registry::CertificateMode,
    time::Timestamp,
};
use rusqlite::{Connection, params};

use crate::{
    Intent, NewCertificate, Store, StoreError, certificates,
    enrolled_key::{self, KeyOf},
};

/// What becomes of the ACTIVE certificates of other keys that a thing has when it is enrolled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OtherCertificates {
    /// They stay, and nothing is issued: a thing has one certificate, which is rotated.
    #[default]
    Refuse,
    /// They stay beside the new one.
    Keep,
    /// They become INACTIVE with the same commit.
    Deactivate,
}

/// An enrolment to record.
#[derive(Debug, Clone)]
pub struct EnrolmentRequest {
    /// What the certificate would say.
    pub intent: Intent,
    /// SHA-256 of the SubjectPublicKeyInfo.
    pub spki_digest: Digest,
    /// What becomes of certificates of other keys.
    pub others: OtherCertificates,
}

/// What came of recording it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnrolmentOutcome {
    /// Sign this: the intent as it was recorded now, or by an earlier try that did not get so far.
    Sign(Intent),
    /// The key has an ACTIVE certificate of this thing.
    Enrolled(CertificateId),
}

/// A first certificate that was signed.
#[derive(Debug, Clone)]
pub struct SignedEnrolment {
    /// The thing; made when it does not exist.
    pub thing: ThingName,
    /// SHA-256 of the SubjectPublicKeyInfo.
    pub spki_digest: Digest,
    /// SHA-256 of the DER.
    pub certificate_id: CertificateId,
    /// The DER.
    pub der: Vec<u8>,
    /// When it may be used.
    pub validity: Validity,
    /// The certificate of who signed it.
    pub issuer: CertificateId,
    /// The policies to attach to it.
    pub policies: Vec<PolicyName>,
    /// What becomes of certificates of other keys.
    pub others: OtherCertificates,
}

/// How an enrolment ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrolledCertificate {
    /// The thing's certificate: this one, or one that another enrolment of the key got first.
    pub certificate_id: CertificateId,
    /// Whether it was made by this enrolment.
    pub created: bool,
    /// Certificates that became INACTIVE.
    pub deactivated: Vec<CertificateId>,
}

impl Store {
    /// Records enrolments, each before anything is signed for it, all or none. `key_of` reads the
    /// SHA-256 of a certificate's SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when a key belongs to another thing, when its certificate is not
    /// ACTIVE, or when the thing has an ACTIVE certificate of another key.
    pub async fn record_enrolments(
        &self,
        batch: Vec<EnrolmentRequest>,
        key_of: KeyOf,
        now: Timestamp,
    ) -> Result<Vec<EnrolmentOutcome>, StoreError> {
        self.write(move |connection| {
            batch.iter().map(|it| record(connection, it, key_of, now)).collect()
        })
        .await
    }

    /// Stores first certificates as ACTIVE, attached to their things and policies, all or none.
    ///
    /// # Errors
    /// As for [`record_enrolments`](Self::record_enrolments): what held there may hold no more;
    /// [`StoreError::NotFound`] when a policy does not exist.
    pub async fn store_enrolled(
        &self,
        batch: Vec<SignedEnrolment>,
        key_of: KeyOf,
        now: Timestamp,
    ) -> Result<Vec<EnrolledCertificate>, StoreError> {
        self.write(move |connection| {
            batch.iter().map(|it| store(connection, it, key_of, now)).collect()
        })
        .await
    }
}

fn record(
    connection: &Connection,
    it: &EnrolmentRequest,
    key_of: KeyOf,
    now: Timestamp,
) -> Result<EnrolmentOutcome, StoreError> {
    let (thing, key) = (&it.intent.thing, &it.spki_digest);
    let recorded = recorded(connection, thing, key)?;
    let before = recorded.as_ref().and_then(|it| it.certificate_id);
    let known = enrolled_key::known(connection, thing, (key, before), key_of)?;
    if let Some(in_force) = known.in_force(now)? {
        return Ok(EnrolmentOutcome::Enrolled(in_force));
    }
    known.check_others(thing, it.others)?;
    let owner = certificates::claim_key(connection, key, thing)?;
    if owner != *thing {
        let why = format!("the CSR's key belongs to thing {owner}: have the device make another");
        return Err(StoreError::Conflict(why));
    }
    match recorded {
        Some(Recorded { intent, done: false, .. }) if is_still_wanted(&intent, &it.intent) => {
            Ok(EnrolmentOutcome::Sign(intent))
        }
        Some(_) | None => {
            write(connection, it)?;
            Ok(EnrolmentOutcome::Sign(it.intent.clone()))
        }
    }
}

/// Whether an intent that was never carried out does for what is wanted now: the same life, and
/// not half of it over.
fn is_still_wanted(recorded: &Intent, wanted: &Intent) -> bool {
    let life_of = |it: &Intent| it.validity.not_after.since(it.validity.not_before);
    let over_for = wanted.validity.not_before.since(recorded.validity.not_before);
    life_of(recorded) == life_of(wanted) && over_for < life_of(recorded) / 2
}

/// An enrolment as it was recorded.
struct Recorded {
    intent: Intent,
    /// Whether its certificate was stored.
    done: bool,
    /// The certificate that the key got last, from this intent or one before it.
    certificate_id: Option<CertificateId>,
}

fn recorded(
    connection: &Connection,
    thing: &ThingName,
    spki_digest: &Digest,
) -> Result<Option<Recorded>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT serial, not_before, not_after, spki, done, certificate_id FROM enrolments \
         WHERE thing = ? AND spki_digest = ?",
    )?;
    let mut rows = statement.query(params![thing.as_str(), spki_digest.as_bytes()])?;
    let Some(found) = rows.next()? else { return Ok(None) };
    let intent = Intent {
        thing: thing.clone(),
        serial: found.get(0)?,
        validity: Validity {
            not_before: Timestamp::from_millis(found.get(1)?),
            not_after: Timestamp::from_millis(found.get(2)?),
        },
        spki: found.get(3)?,
    };
    let certificate_id = found.get::<_, Option<[u8; 32]>>(5)?.map(CertificateId::from_bytes);
    Ok(Some(Recorded { intent, done: found.get(4)?, certificate_id }))
}

fn write(connection: &Connection, it: &EnrolmentRequest) -> Result<(), StoreError> {
    let Intent { thing, serial, validity, spki } = &it.intent;
    connection
        .prepare_cached(
            "INSERT INTO enrolments \
             (thing, spki_digest, serial, not_before, not_after, spki, done) \
             VALUES (?, ?, ?, ?, ?, ?, 0) ON CONFLICT (thing, spki_digest) DO UPDATE SET \
             serial = excluded.serial, not_before = excluded.not_before, \
             not_after = excluded.not_after, done = 0",
        )?
        .execute(params![
            thing.as_str(),
            it.spki_digest.as_bytes(),
            serial,
            validity.not_before.as_millis(),
            validity.not_after.as_millis(),
            spki,
        ])?;
    Ok(())
}

fn store(
    connection: &Connection,
    it: &SignedEnrolment,
    key_of: KeyOf,
    now: Timestamp,
) -> Result<EnrolledCertificate, StoreError> {
    let before = recorded(connection, &it.thing, &it.spki_digest)?;
    let before = before.and_then(|it| it.certificate_id);
    let known = enrolled_key::known(connection, &it.thing, (&it.spki_digest, before), key_of)?;
    if let Some(certificate_id) = known.in_force(now)? {
        let deactivated = Vec::new();
        return Ok(EnrolledCertificate { certificate_id, created: false, deactivated });
    }
    known.check_others(&it.thing, it.others)?;
    let ends = known.to_deactivate(it.others);
    for certificate in &ends {
        let id = &certificate.certificate_id;
        certificates::update_status(connection, id, CertificateStatus::Inactive, now)?;
    }
    certificates::register(connection, &first_certificate(it), now)?;
    connection
        .prepare_cached(
            "UPDATE enrolments SET done = 1, certificate_id = ? \
             WHERE thing = ? AND spki_digest = ?",
        )?
        .execute(params![
            it.certificate_id.as_bytes(),
            it.thing.as_str(),
            it.spki_digest.as_bytes()
        ])?;
    let deactivated = ends.iter().map(|it: &&Certificate| it.certificate_id).collect();
    Ok(EnrolledCertificate { certificate_id: it.certificate_id, created: true, deactivated })
}

fn first_certificate(it: &SignedEnrolment) -> NewCertificate {
    NewCertificate {
        certificate_id: it.certificate_id,
        der: it.der.clone(),
        spki_digest: it.spki_digest,
        validity: it.validity,
        status: CertificateStatus::Active,
        issuer: Some(it.issuer),
        mode: CertificateMode::Default,
        thing: Some(it.thing.clone()),
        policies: it.policies.clone(),
    }
}
