//! Rotations and the lines of their history as the API shows them.

use perennial_core::{
    ids::{AuditTaskId, CertificateId, ClientId, RotationId, ThingName},
    rotation::{Cause, Evidence, Failure, Ignored, Note, Outcome, Remedy, State},
    time::Timestamp,
};
use perennial_orchestrator::port::{HistoryEntry, Stored};
use serde::Serialize;

use crate::wire::Seconds;

/// A rotation.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shown {
    rotation_id: RotationId,
    thing_name: ThingName,
    client_id: ClientId,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<Outcome>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<ShownFailure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<Evidence>,
    outgoing_certificate_id: CertificateId,
    outgoing_not_after: Seconds,
    #[serde(skip_serializing_if = "Option::is_none")]
    incoming_certificate_id: Option<CertificateId>,
    cause: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    audit_task_id: Option<AuditTaskId>,
    /// What it follows upon, and what follows upon it.
    #[serde(skip_serializing_if = "Option::is_none")]
    follows_rotation_id: Option<RotationId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    followed_by_rotation_id: Option<RotationId>,
    rekey: bool,
    opened_at: Seconds,
    begins_at: Seconds,
    gives_up_at: Seconds,
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<Seconds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<Seconds>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownFailure {
    name: &'static str,
    reason: String,
}

impl From<Stored> for Shown {
    fn from(stored: Stored) -> Self {
        let (it, state) = (&stored.rotation, &stored.state);
        let (cause, audit_task_id) = cause(it.cause);
        Self {
            rotation_id: it.id,
            thing_name: it.thing.clone(),
            client_id: it.client_id.clone(),
            state: state.name(),
            outcome: state.outcome(),
            failure: failure(state),
            evidence: evidence(state),
            outgoing_certificate_id: it.outgoing,
            outgoing_not_after: Seconds(it.outgoing_not_after),
            incoming_certificate_id: state.incoming().copied(),
            cause,
            audit_task_id,
            follows_rotation_id: it.resolution().map(|resolution| resolution.of),
            attempt: it.resolution().map(|resolution| resolution.attempt),
            remedy: it.remedy().map(Remedy::name),
            followed_by_rotation_id: followed_by(state),
            rekey: it.rekey,
            opened_at: Seconds(it.opened_at),
            begins_at: Seconds(it.begins_at),
            gives_up_at: Seconds(it.gives_up_at),
            due_at: state.due_at().map(Seconds),
            ended_at: ended_at(state).map(Seconds),
        }
    }
}

const fn cause(cause: Cause) -> (&'static str, Option<AuditTaskId>) {
    match cause {
        Cause::Finding { task } => ("finding", Some(task)),
        Cause::Operator => ("operator", None),
        Cause::Recovery => ("recovery", None),
        Cause::Resolution(_) => ("resolution", None),
    }
}

const fn followed_by(state: &State) -> Option<RotationId> {
    if let State::Failed(failed) = state { failed.followed_by } else { None }
}

fn failure(state: &State) -> Option<ShownFailure> {
    let reason: &Failure = match state {
        State::Failed(failed) => &failed.reason,
        State::RollingBack(rolling_back) => &rolling_back.reason,
        State::Retiring(retiring) => retiring.failure.as_ref()?,
        State::AwaitingCsr(_)
        | State::Issuing(_)
        | State::Enrolling(_)
        | State::AwaitingAck(_)
        | State::Rotated(_) => return None,
    };
    Some(ShownFailure { name: reason.name(), reason: reason.to_string() })
}

const fn evidence(state: &State) -> Option<Evidence> {
    match state {
        State::Retiring(retiring) => Some(retiring.evidence),
        State::Rotated(rotated) => Some(rotated.evidence),
        State::AwaitingCsr(_)
        | State::Issuing(_)
        | State::Enrolling(_)
        | State::AwaitingAck(_)
        | State::RollingBack(_)
        | State::Failed(_) => None,
    }
}

const fn ended_at(state: &State) -> Option<Timestamp> {
    match state {
        State::Rotated(rotated) => Some(rotated.ended_at),
        State::Failed(failed) => Some(failed.ended_at),
        State::AwaitingCsr(_)
        | State::Issuing(_)
        | State::Enrolling(_)
        | State::AwaitingAck(_)
        | State::Retiring(_)
        | State::RollingBack(_) => None,
    }
}

/// A line of a rotation's history.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Line {
    at: Seconds,
    input: String,
    from: String,
    to: String,
    counted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    ignored_as: Option<Ignored>,
    detail: String,
}

impl From<HistoryEntry> for Line {
    fn from(it: HistoryEntry) -> Self {
        let ignored_as = match it.note {
            Note::Counted => None,
            Note::Ignored(why) => Some(why),
        };
        Self {
            at: Seconds(it.at),
            input: it.input,
            from: it.from,
            to: it.to,
            counted: ignored_as.is_none(),
            ignored_as,
            detail: it.detail,
        }
    }
}
