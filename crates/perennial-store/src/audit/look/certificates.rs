//! Looking at device certificates: along their end, their age, and what was read from them.

use std::collections::HashMap;

use perennial_core::{
    audit::{
        Candidates, CheckName, KeyPrint, KeyQuality, NonCompliance, ResourceIdentifier, hygiene,
        revocation, validity,
    },
    certificate::{Certificate, CertificateStatus},
    ids::{CertificateId, Digest},
    time::Timestamp,
};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{Context, Looked, PAGE, Place};
use crate::{
    GroupNumber, StoreError, certificates,
    events::count,
    policy_targets,
    row::{self, CERTIFICATE},
    thing_groups,
};

pub(super) fn expiring(
    connection: &Connection,
    context: &Context,
    place: &Place,
) -> Result<Looked, StoreError> {
    let threshold = context.threshold(CheckName::DeviceCertificateExpiring);
    let candidates = Candidates::expiring(threshold, context.now);
    let (page, next) = in_range(connection, candidates, place)?;
    let examine = |it: &Certificate| validity::expiring(it, threshold, context.now);
    Ok((page.iter().filter_map(examine).collect(), next))
}

pub(super) fn aged(
    connection: &Connection,
    context: &Context,
    place: &Place,
) -> Result<Looked, StoreError> {
    let threshold = context.threshold(CheckName::DeviceCertificateAge);
    let candidates = Candidates::aged(threshold, context.now);
    let (page, next) = in_range(connection, candidates, place)?;
    let examine = |it: &Certificate| validity::aged(it, threshold, context.now);
    Ok((page.iter().filter_map(examine).collect(), next))
}

/// A page of the ACTIVE certificates in a range.
pub(super) fn in_range(
    connection: &Connection,
    candidates: Candidates,
    place: &Place,
) -> Result<(Vec<Certificate>, Option<Place>), StoreError> {
    let (column, index, up_to) = match candidates {
        Candidates::NotAfterUpTo(up_to) => ("not_after", "certificates_active_by_end", up_to),
        Candidates::CreatedUpTo(up_to) => ("created_at", "certificates_active_by_age", up_to),
    };
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {CERTIFICATE} FROM certificates INDEXED BY {index} WHERE status = 1 \
         AND {column} <= ? AND ({column}, id) > (?, ?) ORDER BY {column}, id LIMIT ?"
    ))?;
    let mut rows = statement.query(params![up_to.as_millis(), place.at, place.key, count(PAGE)])?;
    let mut page = Vec::new();
    while let Some(row) = rows.next()? {
        page.push(row::certificate(row)?);
    }
    let last = page.last().filter(|_| page.len() == PAGE).map(|last: &Certificate| {
        let at = match candidates {
            Candidates::NotAfterUpTo(_) => last.validity.not_after,
            Candidates::CreatedUpTo(_) => last.created_at,
        };
        Place { at: at.as_millis(), key: last.certificate_id.as_bytes().to_vec() }
    });
    Ok((page, last))
}

/// A page of RSA keys: others have neither weakness.
pub(super) fn weak(
    connection: &Connection,
    context: &Context,
    place: &Place,
) -> Result<Looked, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT certificate_id, roca, print FROM certificate_notes \
         INDEXED BY certificate_notes_rsa WHERE print IS NOT NULL AND certificate_id > ? \
         ORDER BY certificate_id LIMIT ?",
    )?;
    let mut rows = statement.query(params![place.key, count(PAGE * 4)])?;
    let (mut found, mut seen, mut last) = (Vec::new(), 0, None);
    while let Some(row) = rows.next()? {
        let id = CertificateId::from_bytes(row.get(0)?);
        let key = KeyQuality { roca: row.get(1)?, print: Some(KeyPrint(row.get(2)?)) };
        (seen, last) = (seen + 1, Some(id));
        let resource = ResourceIdentifier::DeviceCertificateId(id);
        if let Some(weak) = key.examine(resource, &context.surroundings.blocklist)
            && is_active(connection, &id)?
        {
            found.push(weak);
        }
    }
    Ok((found, last.filter(|_| seen == PAGE * 4).map(|id| Place::key(id.as_bytes()))))
}

pub(super) fn reused(connection: &Connection, place: &Place) -> Result<Looked, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT certificate_id, spki_digest FROM certificate_notes \
         INDEXED BY certificate_notes_reused WHERE reused = 1 AND certificate_id > ? \
         ORDER BY certificate_id LIMIT ?",
    )?;
    let mut rows = statement.query(params![place.key, count(PAGE)])?;
    let (mut found, mut seen, mut last) = (Vec::new(), 0, None);
    while let Some(row) = rows.next()? {
        let id = CertificateId::from_bytes(row.get(0)?);
        (seen, last) = (seen + 1, Some(id));
        if is_active(connection, &id)? {
            found.push(hygiene::key_reused(id, Digest::from_bytes(row.get(1)?)));
        }
    }
    Ok((found, last.filter(|_| seen == PAGE).map(|id| Place::key(id.as_bytes()))))
}

/// Along the revocation lists, which are shorter than the registry.
pub(super) fn revoked(connection: &Connection, place: &Place) -> Result<Looked, StoreError> {
    let (issuer, serial) = place.key.split_at_checked(32).unwrap_or((&[], &[]));
    let mut statement = connection.prepare_cached(
        "SELECT issuer, serial, revoked_at, (SELECT n.certificate_id FROM issuers i \
         JOIN certificate_notes n ON n.issuer = i.id AND n.serial = e.serial \
         WHERE i.name_digest = e.issuer) \
         FROM crl_entries e WHERE (issuer, serial) > (?, ?) ORDER BY issuer, serial LIMIT ?",
    )?;
    let mut rows = statement.query(params![issuer, serial, count(PAGE)])?;
    let (mut found, mut seen, mut last) = (Vec::new(), 0, None);
    while let Some(row) = rows.next()? {
        let (issuer, serial): (Vec<u8>, Vec<u8>) = (row.get(0)?, row.get(1)?);
        (seen, last) = (seen + 1, Some([issuer, serial].concat()));
        let Some(id) = row.get::<_, Option<[u8; 32]>>(3)?.map(CertificateId::from_bytes) else {
            continue;
        };
        if is_active(connection, &id)? {
            found.push(revocation::revoked(id, Timestamp::from_millis(row.get(2)?)));
        }
    }
    Ok((found, last.filter(|_| seen == PAGE).map(|key| Place::key(&key))))
}

/// Along the registry, of which only what is found leaves the database.
pub(super) fn unattached(connection: &Connection, place: &Place) -> Result<Looked, StoreError> {
    let last: Option<Vec<u8>> = connection
        .prepare_cached(
            "SELECT MAX(id) FROM (SELECT id FROM certificates WHERE id > ? ORDER BY id LIMIT ?)",
        )?
        .query_row(params![place.key, count(PAGE * 2)], |row| row.get(0))?;
    let Some(last) = last else { return Ok((Vec::new(), None)) };
    let mut statement = connection.prepare_cached(
        "SELECT id, thing, policy FROM (SELECT id, \
         EXISTS (SELECT 1 FROM thing_certificates WHERE certificate_id = id) AS thing, \
         EXISTS (SELECT 1 FROM policy_targets WHERE certificate_id = id) AS policy \
         FROM certificates WHERE id > ? AND id <= ? AND status = 1) WHERE NOT (thing AND policy)",
    )?;
    let rows = statement.query_map(params![place.key, last], |row| {
        Ok((CertificateId::from_bytes(row.get(0)?), row.get(1)?, row.get(2)?))
    })?;
    let mut found: Vec<NonCompliance> = Vec::new();
    let mut groups = GroupsWithPolicies::default();
    for row in rows {
        let (id, thing, mut policy) = row?;
        policy = policy || thing && groups.reach(connection, &id)?;
        found.extend(hygiene::unattached(id, thing, policy));
    }
    Ok((found, Some(Place::key(&last))))
}

/// Which groups have a policy, themselves or by one that they lie in, as far as was asked.
#[derive(Default)]
struct GroupsWithPolicies(HashMap<GroupNumber, bool>);

impl GroupsWithPolicies {
    /// Whether some thing of the certificate is in one of them.
    fn reach(&mut self, connection: &Connection, id: &CertificateId) -> Result<bool, StoreError> {
        let mut statement = connection.prepare_cached(
            "SELECT m.member_of FROM thing_certificates t \
             CROSS JOIN thing_group_members m ON m.thing = t.thing WHERE t.certificate_id = ?",
        )?;
        let mut rows = statement.query([id.as_bytes()])?;
        while let Some(row) = rows.next()? {
            if self.contain(connection, row.get(0)?)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn contain(&mut self, connection: &Connection, group: GroupNumber) -> Result<bool, StoreError> {
        if let Some(known) = self.0.get(&group) {
            return Ok(*known);
        }
        let mut has = false;
        for (number, _) in thing_groups::path(connection, group)? {
            has |= !policy_targets::attached_to_group(connection, number)?.is_empty();
        }
        self.0.insert(group, has);
        Ok(has)
    }
}

fn is_active(connection: &Connection, id: &CertificateId) -> Result<bool, StoreError> {
    let found = certificates::find(connection, id)?;
    Ok(found.is_some_and(|it| it.status == CertificateStatus::Active))
}

/// The first few ACTIVE certificates from an issuer, by its name's digest.
pub(super) fn active_from(
    connection: &Connection,
    issuer: &Digest,
    limit: usize,
) -> Result<Vec<CertificateId>, StoreError> {
    let number: Option<i64> = connection
        .prepare_cached("SELECT id FROM issuers WHERE name_digest = ?")?
        .query_row([issuer.as_bytes()], |row| row.get(0))
        .optional()?;
    let Some(number) = number else { return Ok(Vec::new()) };
    let mut statement = connection.prepare_cached(
        "SELECT n.certificate_id FROM certificate_notes n INDEXED BY certificate_notes_by_serial \
         JOIN certificates c ON c.id = n.certificate_id AND c.status = 1 \
         WHERE n.issuer = ? LIMIT ?",
    )?;
    let rows = statement.query_map(params![number, count(limit)], |row| row.get(0))?;
    Ok(rows.map(|id| id.map(CertificateId::from_bytes)).collect::<Result<_, _>>()?)
}
