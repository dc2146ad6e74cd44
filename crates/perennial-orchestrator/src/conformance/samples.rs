//! Samples: the things, certificates and rotations that the promises are put to the test with.

use std::time::Duration;

use perennial_core::{
    certificate::{Certificate, CertificateStatus, Validity},
    ids::{CertificateId, Digest, PolicyName, RotationId, ThingName},
    message::{ErrorCode, HookResult, RefusalCode},
    rotation::{
        AwaitingAck, AwaitingCsr, Cause, ClockSkew, Command, Csr, Enrolling, Evidence, Failed,
        Failure, Input, Issuing, Note, Notice, Opening, Presence, RefusedCsr, Retiring,
        RollingBack, Rotated, Sender, State, Timing, open, step,
    },
    time::{Timestamp, days},
    topic::Kind,
};

use crate::port::{Fact, HistoryEntry, NewRotation, StepRecord, Stored};

/// When everything happens.
pub const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

pub(super) fn thing(number: u32) -> ThingName {
    ThingName::new(&format!("pump-{number}")).unwrap()
}

pub(super) fn policy(name: &str) -> PolicyName {
    PolicyName::new(name).unwrap()
}

/// The certificate that thing `number` has in `series`.
pub(super) fn certificate_id(series: u8, number: u32) -> CertificateId {
    let mut id = [series; 32];
    id[..4].copy_from_slice(&number.to_be_bytes());
    CertificateId::from_bytes(id)
}

pub(super) fn rotation_id(series: u8, number: u32) -> RotationId {
    let mut id = [series; 16];
    id[..4].copy_from_slice(&number.to_be_bytes());
    RotationId::from_bytes(id)
}

/// An ACTIVE certificate that ends in `left_for`.
pub(super) fn active(certificate_id: CertificateId, left_for: Duration) -> Certificate {
    Certificate {
        certificate_id,
        status: CertificateStatus::Active,
        validity: Validity { not_before: NOW - days(1), not_after: NOW + left_for },
        created_at: NOW,
    }
}

/// A rotation of thing `number`, opened at `now` and due at once.
pub(super) fn opened_at(series: u8, number: u32, cause: Cause, now: Timestamp) -> NewRotation {
    let opening = Opening {
        id: rotation_id(series, number),
        thing: thing(number),
        outgoing: active(certificate_id(1, number), days(7)),
        cause,
        rekey: true,
        draw: 0,
    };
    let (rotation, state) = open(opening, &Timing::default(), now);
    NewRotation { rotation, state }
}

pub(super) fn opening(series: u8, number: u32) -> NewRotation {
    opened_at(series, number, Cause::Operator, NOW)
}

pub(super) fn requested(number: u32) -> Fact {
    Fact::RotationRequested {
        rotation_id: None,
        thing: thing(number),
        certificate_id: None,
        rekey: true,
    }
}

/// What the core makes of an input.
pub(super) fn stepped(stored: &Stored, input: Input) -> StepRecord {
    let (from, name) = (stored.state.name().to_owned(), input.name().to_owned());
    let decided = step(&stored.rotation, stored.state.clone(), input, &Timing::default(), NOW);
    let entry = HistoryEntry {
        at: NOW,
        input: name,
        from,
        to: decided.state.name().to_owned(),
        note: Note::Counted,
        detail: "an input".to_owned(),
    };
    StepRecord {
        rotation_id: stored.rotation.id,
        version: stored.version,
        state: decided.state,
        ignored: 0,
        history: vec![entry],
        commands: decided.commands,
    }
}

/// The step that asks the device.
pub(super) fn asked(stored: &Stored) -> StepRecord {
    let presence = Presence::Online(stored.rotation.outgoing);
    stepped(stored, Input::DeadlinePassed { presence })
}

/// The step that ends the rotation.
pub(super) fn ended(stored: &Stored) -> StepRecord {
    let sender = Sender::session(stored.rotation.outgoing);
    let (code, text) = (ErrorCode::KeyFailed, "no".to_owned());
    let gave_up = Input::ErrReceived {
        sender,
        rotation_id: None,
        code,
        text,
        phase: None,
        device_time: None,
    };
    let step = stepped(stored, gave_up);
    assert!(!step.state.is_open());
    step
}

/// A step to any state.
pub(super) fn moved(stored: &Stored, state: State) -> StepRecord {
    StepRecord { state, ..asked(stored) }
}

fn csr() -> Csr {
    Csr { pem: "-----BEGIN …\n".into(), digest: Digest::from_bytes([2; 32]) }
}

fn refused_csr() -> RefusedCsr {
    RefusedCsr { csr: csr().digest, code: RefusalCode::WeakKey, reason: "\"weak\"".to_owned() }
}

pub(super) fn failed(reason: Failure, incoming: Option<CertificateId>) -> State {
    State::Failed(Failed {
        reason,
        incoming,
        rolled_back: incoming.is_some(),
        followed_by: incoming.map(|_| rotation_id(1, 2)),
        ended_at: NOW,
    })
}

/// A state of each kind.
pub(super) fn states() -> Vec<State> {
    let (incoming, csr_digest, due_at) = (certificate_id(2, 7), csr().digest, NOW);
    let reason = Failure::DeviceRefused {
        code: ErrorCode::KeyMismatch,
        text: "nö".to_owned(),
        skew: Some(ClockSkew::of(NOW - days(1), NOW)),
    };
    let hook = Some(HookResult { exit_code: None });
    let evidence = Evidence::SeenConnecting;
    vec![
        AwaitingCsr {
            requests: 1,
            refusals: 2,
            refused: Some(refused_csr()),
            at_once: true,
            due_at,
        }
        .into(),
        Issuing { csr: csr(), refusals: 1, tries: 3, due_at }.into(),
        Enrolling { incoming, csr: csr_digest, tries: 4, due_at }.into(),
        AwaitingAck { incoming, csr: csr_digest, deliveries: 5, seen_at: Some(NOW), due_at }.into(),
        Retiring {
            incoming,
            evidence,
            failure: Some(reason.clone()),
            hook: hook.clone(),
            tries: 1,
            due_at,
        }
        .into(),
        RollingBack { incoming, reason: reason.clone(), tries: 2, due_at }.into(),
        State::Rotated(Rotated { incoming, evidence, hook, ended_at: NOW }),
        failed(reason, Some(incoming)),
        failed(Failure::Unreachable, None),
    ]
}

/// A command of each kind.
pub(super) fn commands() -> Vec<Command> {
    let incoming = certificate_id(2, 7);
    let hook = HookResult { exit_code: Some(3) };
    vec![
        Command::RequestCsr { refused: Some(refused_csr()) },
        Command::Issue { csr: csr() },
        Command::Enroll { incoming },
        Command::DeliverCertificate { incoming },
        Command::RetireOutgoing,
        Command::RetireIncoming { incoming },
        Command::Refuse {
            about: Kind::CrtAck,
            code: RefusalCode::NoEvidence,
            reason: Some("who says so?".into()),
            rotation_id: Some(rotation_id(1, 1)),
        },
        Command::Notify { notice: Notice::HookFailed { hook } },
        Command::Notify {
            notice: Notice::RotationFailed { reason: Failure::NoAck, rolled_back: true },
        },
        Command::Notify { notice: Notice::CertificateLeftActive { certificate_id: incoming } },
    ]
}
