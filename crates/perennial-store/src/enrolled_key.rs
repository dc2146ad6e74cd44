//! What a thing has of a key and of others: whether a key may have a certificate at all.

use perennial_core::{
    certificate::{Certificate, CertificateStatus},
    ids::{CertificateId, Digest, ThingName},
    time::Timestamp,
};
use rusqlite::Connection;

use crate::{OtherCertificates, StoreError, attachments, certificates};

/// Reads the SHA-256 of the SubjectPublicKeyInfo of a certificate's DER.
pub type KeyOf = fn(&[u8]) -> Option<Digest>;

/// A thing's certificates, seen from one key.
pub(crate) struct Known {
    /// Those of the key that are attached, whatever their status.
    own: Vec<Certificate>,
    /// The key's own from an earlier enrolment, where it is attached no more.
    detached: Option<Certificate>,
    /// ACTIVE ones of other keys.
    others: Vec<Certificate>,
}

/// Looks at what `thing` has. `before` is the certificate that an earlier enrolment of the key got.
pub(crate) fn known(
    connection: &Connection,
    thing: &ThingName,
    (key, before): (&Digest, Option<CertificateId>),
    key_of: KeyOf,
) -> Result<Known, StoreError> {
    let mut known = Known { own: Vec::new(), detached: None, others: Vec::new() };
    for certificate in attachments::certificates_of(connection, thing)? {
        let der = certificates::der(connection, &certificate.certificate_id)?;
        if der.and_then(|der| key_of(&der)).as_ref() == Some(key) {
            known.own.push(certificate);
        } else if certificate.status == CertificateStatus::Active {
            known.others.push(certificate);
        }
    }
    let attached = |id: &CertificateId| known.own.iter().any(|it| it.certificate_id == *id);
    if let Some(id) = before.filter(|id| !attached(id)) {
        known.detached = certificates::find(connection, &id)?;
    }
    Ok(known)
}

impl Known {
    /// The key's certificate that is ACTIVE and attached; `None` when a new one may be issued.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the key has a certificate that bars it from another.
    pub(crate) fn in_force(&self, now: Timestamp) -> Result<Option<CertificateId>, StoreError> {
        let mut all = self.own.iter().chain(&self.detached);
        if let Some(revoked) = all.find(|it| it.status == CertificateStatus::Revoked) {
            return Err(barred(revoked, "have the device make another key"));
        }
        let is_over = |it: &&Certificate| now > it.validity.not_after;
        let mut usable = self.own.iter().filter(|it| !is_over(it));
        if let Some(active) = usable.find(|it| it.status == CertificateStatus::Active) {
            return Ok(Some(active.certificate_id));
        }
        if let Some(barring) = self.own.iter().find(|it| !is_over(it)) {
            return Err(barred(barring, "activate it, or have the device make another key"));
        }
        match self.detached.as_ref().filter(|it| !is_over(it)) {
            Some(it) if it.status == CertificateStatus::Active => {
                Err(barred(it, "attach it to the thing, or have the device make another key"))
            }
            Some(it) => Err(barred(it, "have the device make another key")),
            None => Ok(None),
        }
    }

    /// Whether certificates of other keys let the thing have one more.
    pub(crate) fn check_others(
        &self,
        thing: &ThingName,
        others: OtherCertificates,
    ) -> Result<(), StoreError> {
        match self.others.first() {
            Some(other) if others == OtherCertificates::Refuse => {
                let id = other.certificate_id;
                let why = format!(
                    "thing {thing} has an ACTIVE certificate of another key, {id}: have it \
                     rotated, or say that it shall be kept or deactivated"
                );
                Err(StoreError::Conflict(why))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// What becomes INACTIVE when the key gets its certificate: its own that are over, and those of
    /// other keys if that is wanted.
    pub(crate) fn to_deactivate(&self, others: OtherCertificates) -> Vec<&Certificate> {
        let over = self.own.iter().filter(|it| it.status == CertificateStatus::Active);
        let replaced = (others == OtherCertificates::Deactivate).then_some(&self.others);
        over.chain(replaced.into_iter().flatten()).collect()
    }
}

fn barred(certificate: &Certificate, what_to_do: &str) -> StoreError {
    let (id, status) = (certificate.certificate_id, certificate.status);
    StoreError::Conflict(format!(
        "the CSR's key has certificate {id}, which is {status}: {what_to_do}"
    ))
}
