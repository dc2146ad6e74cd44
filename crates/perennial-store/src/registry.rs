//! The registry's verbs for rotations: describe, enrol and retire in batches.

use async_trait::async_trait;
use perennial_core::{
    certificate::{Certificate, CertificateStatus},
    ids::{CertificateId, ThingName},
    time::Timestamp,
};
use perennial_orchestrator::port::{Enrolment, PortError, Registry, Retirement};
use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::json;

use crate::{
    Store, StoreError, attachments, certificates, events,
    row::{self, CERTIFICATE},
};

#[async_trait]
impl Registry for Store {
    async fn describe(&self, ids: &[CertificateId]) -> Result<Vec<Option<Certificate>>, PortError> {
        let ids = ids.to_vec();
        let job = move |connection: &Connection| {
            ids.iter().map(|id| certificates::find(connection, id)).collect()
        };
        Ok(self.read(job).await?)
    }

    async fn things_of(&self, ids: &[CertificateId]) -> Result<Vec<Vec<ThingName>>, PortError> {
        let ids = ids.to_vec();
        let job =
            move |connection: &Connection| ids.iter().map(|id| things_of(connection, id)).collect();
        Ok(self.read(job).await?)
    }

    async fn certificates_of(
        &self,
        things: &[ThingName],
    ) -> Result<Vec<Vec<Certificate>>, PortError> {
        let things = things.to_vec();
        let job = move |connection: &Connection| {
            things.iter().map(|thing| active_of(connection, thing)).collect()
        };
        Ok(self.read(job).await?)
    }

    async fn enroll(&self, batch: Vec<Enrolment>, now: Timestamp) -> Vec<Result<(), PortError>> {
        let count = batch.len();
        let job = move |connection: &Connection| each(&batch, |it| enroll(connection, it, now));
        spread(self.write(job).await, count)
    }

    async fn retire(&self, batch: Vec<Retirement>, now: Timestamp) -> Vec<Result<(), PortError>> {
        let count = batch.len();
        let delete_at = now + self.settings.grace_for;
        let job = move |connection: &Connection| {
            each(&batch, |it| retire(connection, it, delete_at, now))
        };
        spread(self.write(job).await, count)
    }
}

/// Does `verb` for each item. A refusal, which comes before anything is written, is that item's
/// own answer; trouble with the database undoes the whole batch.
fn each<T>(
    batch: &[T],
    verb: impl Fn(&T) -> Result<(), StoreError>,
) -> Result<Vec<Result<(), StoreError>>, StoreError> {
    let answer = |it| match verb(it) {
        Err(
            error @ (StoreError::Database(_) | StoreError::Corrupt { .. } | StoreError::Undone),
        ) => Err(error),
        refused_or_done => Ok(refused_or_done),
    };
    batch.iter().map(answer).collect()
}

/// Each item's answer, or the whole batch's failure for each.
fn spread(
    answers: Result<Vec<Result<(), StoreError>>, StoreError>,
    count: usize,
) -> Vec<Result<(), PortError>> {
    match answers {
        Ok(answers) => answers.into_iter().map(|it| it.map_err(PortError::from)).collect(),
        Err(error) => (0..count).map(|_| Err(PortError::from(error.clone()))).collect(),
    }
}

pub(crate) fn things_of(
    connection: &Connection,
    id: &CertificateId,
) -> Result<Vec<ThingName>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT thing FROM thing_certificates WHERE certificate_id = ?")?;
    let rows = statement.query_map([id.as_bytes()], |row| row.get::<_, String>(0))?;
    rows.map(|name| row::thing_name(&name?)).collect()
}

pub(crate) fn active_of(
    connection: &Connection,
    thing: &ThingName,
) -> Result<Vec<Certificate>, StoreError> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {CERTIFICATE} FROM certificates WHERE status = 1 AND id IN \
         (SELECT certificate_id FROM thing_certificates WHERE thing = ?) ORDER BY created_at DESC"
    ))?;
    let mut rows = statement.query([thing.as_str()])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(row::certificate(row)?);
    }
    Ok(found)
}

fn enroll(connection: &Connection, it: &Enrolment, now: Timestamp) -> Result<(), StoreError> {
    let incoming = certificates::find(connection, &it.incoming)?
        .ok_or_else(|| StoreError::not_found("certificate", it.incoming))?;
    let attached = attachments::attached_as(connection, &it.thing, &it.incoming)?;
    if attached.is_some() && incoming.status == CertificateStatus::Active {
        return Ok(());
    }
    check_enrolment(connection, it)?;
    incoming.status.transition(CertificateStatus::Active)?;
    connection
        .prepare_cached(
            "INSERT OR IGNORE INTO policy_targets (certificate_id, policy) \
             SELECT ?, policy FROM policy_targets WHERE certificate_id = ?",
        )?
        .execute(params![it.incoming.as_bytes(), it.outgoing.as_bytes()])?;
    connection
        .prepare_cached(
            "INSERT OR IGNORE INTO thing_certificates (certificate_id, thing, exclusive) \
             SELECT ?, thing, exclusive FROM thing_certificates \
             WHERE certificate_id = ? AND thing = ?",
        )?
        .execute(params![it.incoming.as_bytes(), it.outgoing.as_bytes(), it.thing.as_str()])?;
    certificates::write_status(connection, &it.incoming, CertificateStatus::Active, now)?;
    let body = json!({ "certificateId": it.incoming, "thingName": it.thing,
        "rotationId": it.rotation_id, "policiesOf": it.outgoing });
    events::append(connection, "certificate.enrolled", &body, now)
}

/// What must hold before anything is written.
fn check_enrolment(connection: &Connection, it: &Enrolment) -> Result<(), StoreError> {
    let outgoing = certificates::find(connection, &it.outgoing)?;
    if outgoing.is_none_or(|outgoing| outgoing.status != CertificateStatus::Active) {
        let id = it.outgoing;
        return Err(StoreError::Refused(format!("the outgoing certificate {id} is not ACTIVE")));
    }
    if attachments::attached_as(connection, &it.thing, &it.outgoing)?.is_none() {
        let (id, thing) = (it.outgoing, &it.thing);
        let reason = format!("the outgoing certificate {id} is no longer attached to {thing}");
        return Err(StoreError::Refused(reason));
    }
    if is_retired(connection, &it.incoming)? {
        let id = it.incoming;
        return Err(StoreError::Refused(format!("certificate {id} was retired already")));
    }
    Ok(())
}

fn is_retired(connection: &Connection, id: &CertificateId) -> Result<bool, StoreError> {
    Ok(connection
        .prepare_cached("SELECT retired_at IS NOT NULL FROM certificates WHERE id = ?")?
        .query_row([id.as_bytes()], |row| row.get(0))
        .optional()?
        .unwrap_or(false))
}

fn retire(
    connection: &Connection,
    it: &Retirement,
    delete_at: Timestamp,
    now: Timestamp,
) -> Result<(), StoreError> {
    let id = it.certificate_id.as_bytes();
    let Some(certificate) = certificates::find(connection, &it.certificate_id)? else {
        return Ok(());
    };
    connection
        .prepare_cached("DELETE FROM thing_certificates WHERE certificate_id = ? AND thing = ?")?
        .execute(params![id, it.thing.as_str()])?;
    // A certificate that other things share goes on serving them.
    let shared = connection
        .prepare_cached("SELECT 1 FROM thing_certificates WHERE certificate_id = ?")?
        .exists([id])?;
    if shared {
        return Ok(());
    }
    connection
        .prepare_cached("DELETE FROM policy_targets WHERE certificate_id = ?")?
        .execute([id])?;
    connection
        .prepare_cached(
            "UPDATE certificates SET retired_at = ?, delete_at = ? \
             WHERE id = ? AND retired_at IS NULL",
        )?
        .execute(params![now.as_millis(), delete_at.as_millis(), id])?;
    if certificate.status == CertificateStatus::Revoked
        || certificate.status == CertificateStatus::Inactive
    {
        return Ok(());
    }
    certificates::write_status(connection, &it.certificate_id, CertificateStatus::Inactive, now)?;
    let body = json!({ "certificateId": it.certificate_id, "thingName": it.thing,
        "rotationId": it.rotation_id });
    events::append(connection, "certificate.retired", &body, now)
}
