//! Which certificate is attached to which thing, and how.

use perennial_core::{
    certificate::Certificate,
    ids::{CertificateId, ThingName},
    registry::PrincipalType,
    time::Timestamp,
};
use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::json;

use crate::{
    Page, Store, StoreError, certificates,
    events::{self, count},
    page::one_more,
    row::{self, CERTIFICATE},
    things,
};

/// How many certificates of a thing are looked at; one in order has one, or two while it rotates.
const LOOKED_AT: usize = 250;

impl Store {
    /// Attaches a certificate to a thing; answers whether that is new.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for either; [`StoreError::Invalid`] when the one belongs to the
    /// other, or to another thing, in a way that does not go with this one.
    pub async fn attach_principal(
        &self,
        thing: ThingName,
        certificate_id: CertificateId,
        as_: PrincipalType,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(move |connection| attach(connection, &thing, &certificate_id, as_, now)).await
    }

    /// Detaches a certificate from a thing; answers whether it was attached.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for either.
    pub async fn detach_principal(
        &self,
        thing: ThingName,
        certificate_id: CertificateId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(move |connection| detach(connection, &thing, &certificate_id, now)).await
    }

    /// A thing's certificates with how they are attached, by id, at most `limit` after `after`;
    /// only those attached in one way if that is given.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for the thing.
    pub async fn principals_of(
        &self,
        thing: ThingName,
        only: Option<PrincipalType>,
        after: Option<CertificateId>,
        limit: usize,
    ) -> Result<Page<(CertificateId, PrincipalType), CertificateId>, StoreError> {
        self.read(move |connection| {
            things::existing(connection, &thing)?;
            let mut statement = connection.prepare_cached(
                "SELECT certificate_id, exclusive FROM thing_certificates \
                 WHERE thing = ?1 AND certificate_id > ?2 AND (?3 IS NULL OR exclusive = ?3) \
                 ORDER BY certificate_id LIMIT ?4",
            )?;
            let after = after.map_or_else(Vec::new, |id| id.as_bytes().to_vec());
            let only = only.map(|it| it == PrincipalType::ExclusiveThing);
            let rows = statement.query_map(
                params![thing.as_str(), after, only, one_more(limit)],
                |row| {
                    let id = row.get(0).map(CertificateId::from_bytes)?;
                    Ok((id, row::principal_type(row.get(1)?)))
                },
            )?;
            Ok(Page::cut(rows.collect::<Result<_, _>>()?, limit, |(id, _)| *id))
        })
        .await
    }

    /// A certificate's things with how they are attached, by name, at most `limit` after
    /// `after`; only those attached in one way if that is given.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for the certificate.
    pub async fn things_of_principal(
        &self,
        certificate_id: CertificateId,
        only: Option<PrincipalType>,
        after: Option<ThingName>,
        limit: usize,
    ) -> Result<Page<(ThingName, PrincipalType), ThingName>, StoreError> {
        self.read(move |connection| {
            certificates::check_exists(connection, &certificate_id)?;
            // A certificate has one exclusive thing or any number of others: never both.
            let mut statement = connection.prepare_cached(
                "SELECT thing, exclusive FROM thing_certificates \
                 WHERE certificate_id = ?1 AND thing > ?2 ORDER BY thing LIMIT ?3",
            )?;
            let after = after.as_ref().map_or("", ThingName::as_str);
            let mut rows =
                statement.query(params![certificate_id.as_bytes(), after, one_more(limit)])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                let attached = row::principal_type(row.get(1)?);
                if only.is_some_and(|only| only != attached) {
                    break;
                }
                found.push((row::thing_name(&row.get::<_, String>(0)?)?, attached));
            }
            Ok(Page::cut(found, limit, |(thing, _)| thing.clone()))
        })
        .await
    }
}

/// The certificates of a thing, whatever their status, up to a bound.
pub(crate) fn certificates_of(
    connection: &Connection,
    thing: &ThingName,
) -> Result<Vec<Certificate>, StoreError> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {CERTIFICATE} FROM certificates WHERE id IN \
         (SELECT certificate_id FROM thing_certificates WHERE thing = ? LIMIT ?)"
    ))?;
    let mut rows = statement.query(params![thing.as_str(), count(LOOKED_AT)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(row::certificate(row)?);
    }
    Ok(found)
}

/// How the certificate is attached to `thing`, if it is.
pub(crate) fn attached_as(
    connection: &Connection,
    thing: &ThingName,
    id: &CertificateId,
) -> Result<Option<PrincipalType>, StoreError> {
    let exclusive: Option<bool> = connection
        .prepare_cached(
            "SELECT exclusive FROM thing_certificates WHERE certificate_id = ? AND thing = ?",
        )?
        .query_row(params![id.as_bytes(), thing.as_str()], |row| row.get(0))
        .optional()?;
    Ok(exclusive.map(row::principal_type))
}

/// One thing that the certificate is attached to, other than `thing`.
fn elsewhere(
    connection: &Connection,
    thing: &ThingName,
    id: &CertificateId,
) -> Result<Option<(ThingName, PrincipalType)>, StoreError> {
    let found: Option<(String, bool)> = connection
        .prepare_cached(
            "SELECT thing, exclusive FROM thing_certificates \
             WHERE certificate_id = ? AND thing <> ? LIMIT 1",
        )?
        .query_row(params![id.as_bytes(), thing.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((thing, exclusive)) = found else { return Ok(None) };
    Ok(Some((row::thing_name(&thing)?, row::principal_type(exclusive))))
}

pub(crate) fn insert(
    connection: &Connection,
    thing: &ThingName,
    id: &CertificateId,
    as_: PrincipalType,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT OR IGNORE INTO thing_certificates (certificate_id, thing, exclusive) \
             VALUES (?, ?, ?)",
        )?
        .execute(params![id.as_bytes(), thing.as_str(), as_ == PrincipalType::ExclusiveThing])?;
    Ok(())
}

pub(crate) fn attach(
    connection: &Connection,
    thing: &ThingName,
    id: &CertificateId,
    as_: PrincipalType,
    now: Timestamp,
) -> Result<bool, StoreError> {
    things::existing(connection, thing)?;
    certificates::check_exists(connection, id)?;
    let here = attached_as(connection, thing, id)?;
    let elsewhere = elsewhere(connection, thing, id)?;
    if !as_.attach(here, elsewhere.as_ref().map(|(thing, as_)| (thing, *as_)))? {
        return Ok(false);
    }
    insert(connection, thing, id, as_)?;
    certificates::claim_own_key(connection, id, thing)?;
    // One that was retired is wanted again.
    connection
        .prepare_cached(
            "UPDATE certificates SET delete_at = NULL WHERE id = ? AND delete_at IS NOT NULL",
        )?
        .execute([id.as_bytes()])?;
    let body = json!({ "thingName": thing, "certificateId": id, "thingPrincipalType": as_ });
    events::append(connection, "thing.principal.attached", &body, now)?;
    Ok(true)
}

fn detach(
    connection: &Connection,
    thing: &ThingName,
    id: &CertificateId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    things::existing(connection, thing)?;
    certificates::check_exists(connection, id)?;
    let left = connection
        .prepare_cached("DELETE FROM thing_certificates WHERE certificate_id = ? AND thing = ?")?
        .execute(params![id.as_bytes(), thing.as_str()])?;
    if left == 0 {
        return Ok(false);
    }
    let body = json!({ "thingName": thing, "certificateId": id });
    events::append(connection, "thing.principal.detached", &body, now)?;
    Ok(true)
}
