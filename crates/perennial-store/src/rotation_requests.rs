//! What an operator asks of rotations: recorded with who asked, and put into the inbox, at once.

use perennial_core::{
    certificate::{Certificate, CertificateStatus},
    ids::{CertificateId, RotationId, ThingName},
    rotation::State,
    time::Timestamp,
};
use perennial_orchestrator::port::Fact;
use rusqlite::{Connection, OptionalExtension as _};
use serde_json::json;

use crate::{Store, StoreError, attachments, events, journal, row::from_json, things};

/// How many certificates an error names.
const NAMED: usize = 5;

/// A rotation that somebody wants.
#[derive(Debug, Clone)]
pub struct RotationRequest {
    /// The id it shall have.
    pub rotation_id: RotationId,
    /// The thing.
    pub thing: ThingName,
    /// Its certificate; `None` for the only one that is ACTIVE.
    pub certificate_id: Option<CertificateId>,
    /// Whether a new key is wanted.
    pub rekey: bool,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestedRotation {
    /// The request is in the inbox, for this certificate.
    Accepted(CertificateId),
    /// The thing has an open rotation already, and it is under way.
    Open(RotationId),
    /// The thing has an open rotation that waits to begin; that it begin now is in the inbox.
    Waiting(RotationId),
}

impl Store {
    /// Asks for a rotation.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for the thing; [`StoreError::Conflict`] when it has no ACTIVE
    /// certificate, not the one named, several and none was named, or an open rotation of another
    /// one than was named.
    pub async fn request_rotation(
        &self,
        request: RotationRequest,
        now: Timestamp,
    ) -> Result<RequestedRotation, StoreError> {
        self.write(move |connection| request_rotation(connection, request, now)).await
    }

    /// Asks for an open rotation to be called off.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Conflict`] when it has ended, is rolling back, or has
    /// its incoming certificate proven already.
    pub async fn request_cancellation(
        &self,
        rotation_id: RotationId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            check_cancellable(&rotation_id, &state(connection, &rotation_id)?)?;
            journal::insert_fact(connection, Fact::CancellationRequested { rotation_id })?;
            let body = json!({ "rotationId": rotation_id });
            events::append(connection, "rotation.cancellation_requested", &body, now)
        })
        .await
    }
}

fn request_rotation(
    connection: &Connection,
    request: RotationRequest,
    now: Timestamp,
) -> Result<RequestedRotation, StoreError> {
    let RotationRequest { rotation_id, thing, certificate_id, rekey } = request;
    if let Some((open, outgoing)) = open_rotation(connection, &thing)? {
        if certificate_id.is_some_and(|wanted| wanted != outgoing) {
            let why = format!(
                "rotation {open} of thing {thing} is open, for its certificate {outgoing}: wait \
                 for its end or cancel it"
            );
            return Err(StoreError::Conflict(why));
        }
        return request_start(connection, open, &thing, now);
    }
    things::existing(connection, &thing)?;
    let mut active = attachments::certificates_of(connection, &thing)?;
    active.retain(|it| it.status == CertificateStatus::Active);
    let outgoing = choose(&thing, &active, certificate_id)?;
    let body = json!({ "rotationId": rotation_id, "thingName": thing,
        "certificateId": outgoing, "rekey": rekey });
    let fact = Fact::RotationRequested {
        rotation_id: Some(rotation_id),
        thing,
        certificate_id: Some(outgoing),
        rekey,
    };
    journal::insert_fact(connection, fact)?;
    events::append(connection, "rotation.requested", &body, now)?;
    Ok(RequestedRotation::Accepted(outgoing))
}

/// Lets an open rotation that waits to begin do so now; one under way goes on as it does.
fn request_start(
    connection: &Connection,
    rotation_id: RotationId,
    thing: &ThingName,
    now: Timestamp,
) -> Result<RequestedRotation, StoreError> {
    match state(connection, &rotation_id)? {
        State::AwaitingCsr(waiting) if waiting.is_to_begin() => {
            journal::insert_fact(connection, Fact::StartRequested { rotation_id })?;
            let body = json!({ "rotationId": rotation_id, "thingName": thing });
            events::append(connection, "rotation.start_requested", &body, now)?;
            Ok(RequestedRotation::Waiting(rotation_id))
        }
        State::AwaitingCsr(_)
        | State::Issuing(_)
        | State::Enrolling(_)
        | State::AwaitingAck(_)
        | State::Retiring(_)
        | State::RollingBack(_)
        | State::Rotated(_)
        | State::Failed(_) => Ok(RequestedRotation::Open(rotation_id)),
    }
}

/// The thing's open rotation and the certificate that it replaces.
fn open_rotation(
    connection: &Connection,
    thing: &ThingName,
) -> Result<Option<(RotationId, CertificateId)>, StoreError> {
    let found = connection
        .prepare_cached(
            "SELECT r.id, r.outgoing FROM rotation_states s JOIN rotations r ON r.id = s.rotation_id \
             WHERE s.open_thing = ?",
        )?
        .query_row([thing.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(found
        .map(|(id, outgoing)| (RotationId::from_bytes(id), CertificateId::from_bytes(outgoing))))
}

/// The certificate to rotate: the one named, or the only one.
fn choose(
    thing: &ThingName,
    active: &[Certificate],
    named: Option<CertificateId>,
) -> Result<CertificateId, StoreError> {
    let why = match (named, active) {
        (Some(id), active) if active.iter().any(|it| it.certificate_id == id) => return Ok(id),
        (None, [only]) => return Ok(only.certificate_id),
        (_, []) => format!("thing {thing} has no ACTIVE certificate to rotate: enrol its device"),
        (Some(id), _) => format!(
            "certificate {id} is not an ACTIVE one of thing {thing}, which has {}",
            listed(active)
        ),
        (None, _) => format!(
            "thing {thing} has several ACTIVE certificates: name the one to rotate, of {}",
            listed(active)
        ),
    };
    Err(StoreError::Conflict(why))
}

fn listed(active: &[Certificate]) -> String {
    let ids = active.iter().take(NAMED).map(|it| it.certificate_id.to_string());
    let rest = active.len().saturating_sub(NAMED);
    let rest = (rest > 0).then(|| format!("{rest} more"));
    ids.chain(rest).collect::<Vec<_>>().join(", ")
}

fn state(connection: &Connection, id: &RotationId) -> Result<State, StoreError> {
    let found: Option<String> = connection
        .prepare_cached("SELECT state FROM rotation_states WHERE rotation_id = ?")?
        .query_row([id.as_bytes()], |row| row.get(0))
        .optional()?;
    let found = found.ok_or_else(|| StoreError::not_found("rotation", id))?;
    from_json("rotation state", &found)
}

/// In these states a cancellation counts; see the files of `core::rotation`.
fn check_cancellable(id: &RotationId, state: &State) -> Result<(), StoreError> {
    let why = match state {
        State::AwaitingCsr(_) | State::Issuing(_) | State::Enrolling(_) | State::AwaitingAck(_) => {
            return Ok(());
        }
        State::Retiring(_) => {
            "has its incoming certificate proven: it cannot be called off any more"
        }
        State::RollingBack(_) => "is rolling back already",
        State::Rotated(_) | State::Failed(_) => "has ended",
    };
    Err(StoreError::Conflict(format!("rotation {id} {why}")))
}
