//! Looking at connections: certificates with several client ids, client ids that were taken.

use perennial_core::{
    audit::connections::{self as core, Connection as Session, Window},
    ids::{CertificateId, ClientId},
    time::Timestamp,
};
use rusqlite::{Connection, Row, params};

use super::{Context, Looked, PAGE, Place};
use crate::{StoreError, certificates, connections::MAX_KEPT, events::count};

const SESSION: &str = "SELECT client_id, certificate_id, connected_at, disconnected_at, \
     reason = 'DUPLICATE_CLIENTID' FROM connections";

pub(super) fn shared(
    connection: &Connection,
    context: &Context,
    place: &Place,
) -> Result<Looked, StoreError> {
    let last: Option<Vec<u8>> = connection
        .prepare_cached(
            "SELECT MAX(certificate_id) FROM (SELECT certificate_id FROM connections \
             WHERE certificate_id > ? ORDER BY certificate_id LIMIT ?)",
        )?
        .query_row(params![place.key, count(PAGE * 2)], |row| row.get(0))?;
    let Some(last) = last else { return Ok((Vec::new(), None)) };
    let mut statement = connection.prepare_cached(
        "SELECT certificate_id FROM connections INDEXED BY connections_by_certificate \
         WHERE certificate_id > ? AND certificate_id <= ? \
         GROUP BY certificate_id HAVING MIN(client_id) <> MAX(client_id)",
    )?;
    let ids = statement.query_map(params![place.key, last], |row| row.get(0))?;
    let window = Window::of_shared(context.previous_run, context.now);
    let mut found = Vec::new();
    for id in ids {
        let id = CertificateId::from_bytes(id?);
        let status = certificates::find(connection, &id)?.map(|it| it.status);
        if status == Some(perennial_core::certificate::CertificateStatus::Active) {
            let sessions = sessions(connection, "certificate_id = ?", id.as_bytes())?;
            found.extend(core::shared(id, &sessions, window));
        }
    }
    Ok((found, Some(Place::key(&last))))
}

pub(super) fn conflicting(
    connection: &Connection,
    context: &Context,
    place: &Place,
) -> Result<Looked, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT client_id FROM connections INDEXED BY connections_taken_over \
         WHERE reason = 'DUPLICATE_CLIENTID' AND client_id > ? GROUP BY client_id LIMIT ?",
    )?;
    let names = statement
        .query_map(params![place.text(), count(PAGE)], |row| row.get::<_, String>(0))?
        .collect::<Result<Vec<_>, _>>()?;
    let window = Window::of_conflicts(context.previous_run, context.now);
    let mut found = Vec::new();
    for name in &names {
        let sessions = sessions(connection, "client_id = ?", name)?;
        let client_id = client_id(name)?;
        let rotates = |from, into| rotates_into(connection, from, into).unwrap_or(false);
        found.extend(core::conflicting(&client_id, &sessions, rotates, window));
    }
    let next = names.last().filter(|_| names.len() == PAGE);
    Ok((found, next.map(|name| Place::key(name.as_bytes()))))
}

fn sessions(
    connection: &Connection,
    of: &str,
    key: &dyn rusqlite::ToSql,
) -> Result<Vec<Session>, StoreError> {
    let mut statement = connection.prepare_cached(&format!(
        "{SESSION} WHERE {of} ORDER BY connected_at DESC LIMIT {MAX_KEPT}"
    ))?;
    let mut rows = statement.query([key])?;
    let mut sessions = Vec::new();
    while let Some(row) = rows.next()? {
        sessions.push(session(row)?);
    }
    Ok(sessions)
}

fn session(row: &Row<'_>) -> Result<Session, StoreError> {
    Ok(Session {
        client_id: client_id(&row.get::<_, String>(0)?)?,
        principal: CertificateId::from_bytes(row.get(1)?),
        connected_at: Timestamp::from_millis(row.get(2)?),
        disconnected_at: row.get::<_, Option<i64>>(3)?.map(Timestamp::from_millis),
        taken_over: row.get::<_, Option<bool>>(4)?.unwrap_or(false),
    })
}

fn client_id(text: &str) -> Result<ClientId, StoreError> {
    ClientId::new(text).map_err(|error| StoreError::corrupt("client id", error))
}

fn rotates_into(
    connection: &Connection,
    from: CertificateId,
    into: CertificateId,
) -> Result<bool, StoreError> {
    Ok(connection
        .prepare_cached(
            "SELECT 1 FROM rotations r JOIN rotation_states s ON s.rotation_id = r.id \
             WHERE r.outgoing = ? AND s.incoming = ?",
        )?
        .exists(params![from.as_bytes(), into.as_bytes()])?)
}
