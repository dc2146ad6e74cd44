//! Looking at things: those with several certificates, and those whose devices are silent.

use perennial_core::{
    audit::{Candidates, CheckName, NonCompliance, connections::silent as silence, hygiene},
    certificate::Certificate,
    ids::{CertificateId, ThingName},
    rotation::{Failure, State},
    time::Timestamp,
};
use rusqlite::{Connection, params};

use super::{Context, Looked, PAGE, Place, certificates::in_range};
use crate::{
    StoreError,
    events::count,
    registry,
    row::{from_json, thing_name},
};

/// How many of a thing's latest rotations may have left a certificate over.
const ROTATIONS: i64 = 20;

pub(super) fn several_active(connection: &Connection, place: &Place) -> Result<Looked, StoreError> {
    with_several(connection, place, |thing, active| {
        let ids: Vec<CertificateId> = active.iter().map(|it| it.certificate_id).collect();
        Ok(hygiene::several_active(thing, &ids, is_rotating(connection, thing)?))
    })
}

/// An incoming certificate is attached with its thing's outgoing one: where one was left over,
/// there are two.
pub(super) fn orphans(connection: &Connection, place: &Place) -> Result<Looked, StoreError> {
    with_several(connection, place, |thing, active| {
        let mut statement = connection.prepare_cached(
            "SELECT r.id, s.state FROM rotations r JOIN rotation_states s ON s.rotation_id = r.id \
             WHERE r.thing = ? AND s.due_at IS NULL ORDER BY r.opened_at DESC, r.id DESC LIMIT ?",
        )?;
        let mut rows = statement.query(params![thing.as_str(), ROTATIONS])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let state: State = from_json("rotation state", &row.get::<_, String>(1)?)?;
            let left_over = left_over(&state);
            if let Some(id) =
                left_over.filter(|id| active.iter().any(|it| it.certificate_id == *id))
            {
                let rotation = perennial_core::ids::RotationId::from_bytes(row.get(0)?);
                found.push(hygiene::orphan_incoming(id, rotation));
            }
        }
        Ok(found)
    })
}

/// The incoming certificate that a rotation ended without.
fn left_over(state: &State) -> Option<CertificateId> {
    match state {
        // Here it is the outgoing one that stayed.
        State::Failed(failed) if matches!(failed.reason, Failure::RetiringFailed { .. }) => None,
        State::Failed(failed) => failed.incoming,
        State::AwaitingCsr(_)
        | State::Issuing(_)
        | State::Enrolling(_)
        | State::AwaitingAck(_)
        | State::Retiring(_)
        | State::RollingBack(_)
        | State::Rotated(_) => None,
    }
}

/// A page of things, of which those with several ACTIVE certificates are examined.
fn with_several(
    connection: &Connection,
    place: &Place,
    examine: impl Fn(&ThingName, &[Certificate]) -> Result<Vec<NonCompliance>, StoreError>,
) -> Result<Looked, StoreError> {
    let after = place.text();
    let last: Option<String> = connection
        .prepare_cached(
            "SELECT MAX(name) FROM (SELECT name FROM things WHERE name > ? ORDER BY name LIMIT ?)",
        )?
        .query_row(params![after, count(PAGE * 2)], |row| row.get(0))?;
    let Some(last) = last else { return Ok((Vec::new(), None)) };
    let mut statement = connection.prepare_cached(
        "SELECT thing FROM thing_certificates INDEXED BY thing_certificates_by_thing \
         WHERE thing > ? AND thing <= ? GROUP BY thing HAVING COUNT(*) > 1",
    )?;
    let names = statement.query_map(params![after, last], |row| row.get::<_, String>(0))?;
    let mut found = Vec::new();
    for name in names {
        let thing = thing_name(&name?)?;
        let active = registry::active_of(connection, &thing)?;
        found.extend(examine(&thing, &active)?);
    }
    Ok((found, Some(Place::key(last.as_bytes()))))
}

fn is_rotating(connection: &Connection, thing: &ThingName) -> Result<bool, StoreError> {
    Ok(connection
        .prepare_cached("SELECT 1 FROM rotation_states WHERE open_thing = ?")?
        .exists([thing.as_str()])?)
}

pub(super) fn silent(
    connection: &Connection,
    context: &Context,
    place: &Place,
) -> Result<Looked, StoreError> {
    let expiring = context.threshold(CheckName::DeviceCertificateExpiring);
    let thresholds = (context.threshold(CheckName::SilentThing), expiring);
    let candidates = Candidates::expiring(expiring, context.now);
    let (page, next) = in_range(connection, candidates, place)?;
    let mut found = Vec::new();
    for certificate in &page {
        for thing in registry::things_of(connection, &certificate.certificate_id)? {
            let heard_at = heard_at(connection, &thing, context.now)?;
            let since = certificate.created_at.max(context.collecting_since).max(heard_at);
            found.extend(silence(certificate, &thing, since, thresholds, context.now));
        }
    }
    Ok((found, next))
}

/// When the thing's device was last connected with any of its certificates; long ago if never.
fn heard_at(
    connection: &Connection,
    thing: &ThingName,
    now: Timestamp,
) -> Result<Timestamp, StoreError> {
    let heard: Option<i64> = connection
        .prepare_cached(
            "SELECT MAX(COALESCE(c.disconnected_at, ?2)) FROM thing_certificates t \
             JOIN connections c ON c.certificate_id = t.certificate_id WHERE t.thing = ?1",
        )?
        .query_row(params![thing.as_str(), now.as_millis()], |row| row.get(0))?;
    Ok(heard.map_or(Timestamp::EPOCH, Timestamp::from_millis))
}
