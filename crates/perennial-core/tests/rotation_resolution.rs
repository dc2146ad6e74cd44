//! What follows upon a rotation that its device gave up: the table from error to remedy, reviewed
//! line by line, and what must hold of every chain of rotations.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::{fmt::Write, time::Duration};

use perennial_core::{
    certificate::{Certificate, CertificateStatus, Validity},
    ids::{CertificateId, Digest, RotationId, ThingName},
    message::ErrorCode,
    rotation::*,
    time::{Timestamp, days},
};
use proptest::prelude::*;

const OUTGOING: CertificateId = CertificateId::from_bytes([1; 32]);
const INCOMING: CertificateId = CertificateId::from_bytes([2; 32]);
const OPENED_AT: Timestamp = Timestamp::from_secs(1_000_000);
const HOUR: Duration = Duration::from_secs(3_600);

const CODES: [ErrorCode; 12] = [
    ErrorCode::KeyFailed,
    ErrorCode::StorageFailed,
    ErrorCode::Malformed,
    ErrorCode::KeyMismatch,
    ErrorCode::UntrustedChain,
    ErrorCode::WrongName,
    ErrorCode::NotYetValid,
    ErrorCode::Expired,
    ErrorCode::CandidateRefused,
    ErrorCode::CandidateUnreachable,
    ErrorCode::NoCandidate,
    ErrorCode::Unknown,
];

fn rotation() -> Rotation {
    let opening = Opening {
        id: RotationId::from_bytes([7; 16]),
        thing: ThingName::new("pump-1").unwrap(),
        outgoing: Certificate {
            certificate_id: OUTGOING,
            status: CertificateStatus::Active,
            validity: Validity { not_before: Timestamp::EPOCH, not_after: OPENED_AT + days(10) },
            created_at: Timestamp::EPOCH,
        },
        cause: Cause::Operator,
        rekey: false,
        draw: 0,
    };
    open(opening, &timing(), OPENED_AT).0
}

fn timing() -> Timing {
    Timing { recovery_for: Duration::ZERO, ..Timing::default() }
}

fn following(attempt: u32, remedy: Remedy) -> Rotation {
    let of = RotationId::from_bytes([6; 16]);
    Rotation { cause: Cause::Resolution(Resolution { of, attempt, remedy }), ..rotation() }
}

fn err(code: ErrorCode, device_time: Option<Timestamp>) -> Input {
    Input::ErrReceived {
        sender: Sender::session(OUTGOING),
        rotation_id: None,
        code,
        text: "why".into(),
        phase: None,
        device_time,
    }
}

/// A state in which the device was asked, and nothing was issued.
fn asked() -> State {
    let due_at = OPENED_AT + HOUR;
    let (requests, refusals, refused, at_once) = (1, 0, None, false);
    State::AwaitingCsr(AwaitingCsr { requests, refusals, refused, at_once, due_at })
}

fn delivered() -> State {
    let (incoming, csr) = (INCOMING, Digest::from_bytes([3; 32]));
    let due_at = OPENED_AT + HOUR;
    State::AwaitingAck(AwaitingAck { incoming, csr, deliveries: 1, seen_at: None, due_at })
}

/// What an error leads to: the remedy and its pause, or people.
fn shown(rotation: &Rotation, code: ErrorCode, now: Timestamp) -> String {
    let device_time = (code == ErrorCode::NotYetValid).then_some(now - HOUR * 2);
    let step = step(rotation, asked(), err(code, device_time), &timing(), now);
    let Some(next) = step.successor else { return "people are told".to_owned() };
    let pause = next.rotation.begins_at.since(now).as_secs();
    let rekey = if next.rotation.rekey { ", another key" } else { "" };
    format!("{:?} after {pause} s{rekey}", next.rotation.remedy().unwrap())
}

#[test]
fn every_error_has_its_remedy_or_its_people_as_reviewed() {
    let timing = timing();
    let ends_at = OPENED_AT + days(10);
    let mut table = String::new();

    for code in CODES {
        writeln!(table, "\n{code:?}").unwrap();
        let first = rotation();
        let tried = remedy(code, None, None, 2 * HOUR).unwrap_or(Remedy::TryLater);
        let now = OPENED_AT + HOUR;
        for (when, rotation, now) in [
            ("first", first.clone(), now),
            ("after the same remedy", following(1, tried), now),
            ("after another remedy", following(1, Remedy::WholeChain), now),
            ("after four attempts", following(4, Remedy::AttachAnew), now),
            ("after the last attempt", following(timing.max_attempts, Remedy::AttachAnew), now),
            ("ten minutes before the end", first, ends_at - HOUR / 6),
        ] {
            writeln!(table, "  {when:<27} {}", shown(&rotation, code, now)).unwrap();
        }
    }

    insta::assert_snapshot!(table);
}

#[test]
fn a_clock_that_is_behind_gets_a_beginning_that_fits() {
    let now = OPENED_AT + HOUR;

    let step = step(
        &rotation(),
        asked(),
        err(ErrorCode::NotYetValid, Some(now - HOUR * 3)),
        &timing(),
        now,
    );

    let next = step.successor.unwrap().rotation;
    assert_eq!(next.remedy(), Some(Remedy::FitClock { behind_for: HOUR * 3 }));
    assert_eq!((next.begins_at, next.outgoing, next.thing), (now, OUTGOING, rotation().thing));
    let State::Failed(failed) = step.state else { return assert!(step.state.is_open()) };
    assert_eq!(failed.followed_by, Some(next.id));
    assert_eq!(
        failed.reason.to_string(),
        "the device, whose clock is 10800 s behind, gave up: why (not_yet_valid)"
    );
}

#[test]
fn what_was_delivered_is_withdrawn_before_another_rotation_follows() {
    let (rotation, timing) = (rotation(), timing());

    let giving_up =
        step(&rotation, delivered(), err(ErrorCode::UntrustedChain, None), &timing, OPENED_AT);
    let ended =
        step(&rotation, giving_up.state.clone(), Input::IncomingRetired, &timing, OPENED_AT);

    assert_eq!(giving_up.commands, [Command::RetireIncoming { incoming: INCOMING }]);
    assert_eq!(giving_up.successor, None);
    assert_eq!(ended.state.outcome(), Some(Outcome::RolledBack));
    assert_eq!(ended.successor.unwrap().rotation.remedy(), Some(Remedy::WholeChain));
    assert_eq!(ended.commands, [], "people are not told of what mends itself");
}

#[test]
fn what_an_operator_calls_off_while_it_rolls_back_is_followed_by_nothing() {
    let (rotation, timing) = (rotation(), timing());
    let giving_up =
        step(&rotation, delivered(), err(ErrorCode::Unknown, None), &timing, OPENED_AT).state;

    let cancelled = Input::Cancelled { by: Cancellation::Operator };
    let called_off = step(&rotation, giving_up, cancelled, &timing, OPENED_AT).state;
    let ended = step(&rotation, called_off, Input::IncomingRetired, &timing, OPENED_AT);

    assert_eq!(ended.successor, None);
    assert_eq!(ended.commands.len(), 1, "{:?}", ended.commands);
}

#[test]
fn a_certificate_that_could_not_be_withdrawn_is_for_people_first() {
    let (rotation, timing) = (rotation(), Timing { max_tries: 1, ..timing() });
    let giving_up =
        step(&rotation, delivered(), err(ErrorCode::Unknown, None), &timing, OPENED_AT).state;

    let fault = Fault { kind: FaultKind::Retryable, reason: "disk".into() };
    let ended = step(&rotation, giving_up, Input::RetireFailed { fault }, &timing, OPENED_AT);

    assert_eq!(ended.successor, None);
    assert_eq!(ended.commands.len(), 2, "{:?}", ended.commands);
}

#[test]
fn who_asks_for_it_now_ends_its_pause_whether_or_not_the_device_is_there() {
    let failed =
        step(&rotation(), asked(), err(ErrorCode::StorageFailed, None), &timing(), OPENED_AT);
    let Successor { rotation: next, state } = *failed.successor.unwrap();
    let subscribed = Input::DeviceSubscribed { principal: next.outgoing };
    let offline = Input::DeadlinePassed { presence: Presence::Offline };

    let started = step(&next, state, Input::StartRequested, &timing(), OPENED_AT).state;
    let looked = step(&next, started.clone(), offline, &timing(), OPENED_AT).state;
    let came = step(&next, looked.clone(), subscribed, &timing(), OPENED_AT);

    assert_eq!(started.due_at(), Some(OPENED_AT));
    assert!(looked.due_at().unwrap() > OPENED_AT, "{looked:?}");
    assert_eq!(came.commands, [Command::RequestCsr { refused: None }]);
}

#[test]
fn a_pause_is_kept_however_often_the_device_comes_back() {
    let failed =
        step(&rotation(), asked(), err(ErrorCode::StorageFailed, None), &timing(), OPENED_AT);
    let next = failed.successor.unwrap();
    let subscribed = Input::DeviceSubscribed { principal: OUTGOING };

    let too_early = step(
        &next.rotation,
        next.state.clone(),
        subscribed.clone(),
        &timing(),
        next.rotation.begins_at - Duration::from_millis(1),
    );
    let in_time =
        step(&next.rotation, next.state.clone(), subscribed, &timing(), next.rotation.begins_at);

    assert_eq!(too_early.note, Note::Ignored(Ignored::NotDue));
    assert_eq!(too_early.state, next.state);
    assert_eq!(in_time.commands, [Command::RequestCsr { refused: None }]);
}

#[test]
fn an_error_that_is_said_twice_costs_one_attempt() {
    let failed = step(&rotation(), asked(), err(ErrorCode::Malformed, None), &timing(), OPENED_AT);
    let next = failed.successor.unwrap();

    let again = step(
        &next.rotation,
        next.state.clone(),
        err(ErrorCode::Malformed, None),
        &timing(),
        OPENED_AT,
    );

    assert_eq!(again.note, Note::Ignored(Ignored::Duplicate));
    assert_eq!(again.state, next.state);
}

fn code() -> impl Strategy<Value = ErrorCode> {
    prop::sample::select(CODES.to_vec())
}

proptest! {
    #[test]
    fn every_chain_ends_and_people_hear_of_its_end_once(
        codes in prop::collection::vec((code(), prop::option::of(-40i64..2)), 32),
    ) {
        let timing = timing();
        let (mut rotation, mut now) = (rotation(), OPENED_AT);
        let (mut told, mut seen) = (0, vec![rotation.id]);

        for (code, days_ahead) in codes {
            let clock = days_ahead.map(|ahead| Timestamp::from_secs(now.as_secs() + ahead * 86_400));
            let step = step(&rotation, asked(), err(code, clock), &timing, now);
            prop_assert!(!step.state.is_open());
            told += step.commands.len();
            let Some(next) = step.successor else { break };
            prop_assert!(!seen.contains(&next.rotation.id));
            prop_assert_eq!(&next.rotation.thing, &rotation.thing);
            prop_assert!(next.rotation.rekey || !rotation.rekey);
            seen.push(next.rotation.id);
            now = next.rotation.begins_at;
            rotation = next.rotation;
        }

        prop_assert_eq!(told, 1);
        prop_assert!(seen.len() <= 1 + timing.max_attempts as usize);
        prop_assert!(now < OPENED_AT + days(10), "it ends while the device can still be let in");
    }

    #[test]
    fn a_rotation_that_failed_is_followed_or_people_are_told_and_never_both(
        code in code(),
        attempt in 0u32..7,
        hours in 0u32..260,
        was_delivered: bool,
    ) {
        let timing = timing();
        let rotation =
            if attempt == 0 { rotation() } else { following(attempt, Remedy::TryLater) };
        let now = OPENED_AT + HOUR * hours;
        let state = if was_delivered { delivered() } else { asked() };

        let mut ended = step(&rotation, state, err(code, None), &timing, now);
        if ended.state.name() == "RollingBack" {
            ended = step(&rotation, ended.state, Input::IncomingRetired, &timing, now);
        } else if ended.state.name() == "Retiring" {
            ended = step(&rotation, ended.state, Input::OutgoingRetired, &timing, now);
        }

        prop_assert!(!ended.state.is_open(), "{:?}", ended.state);
        prop_assert!(ended.successor.is_some() == ended.commands.is_empty());
        if let State::Failed(failed) = &ended.state {
            let next = ended.successor.map(|next| next.rotation.id);
            prop_assert_eq!(failed.followed_by, next);
        }
    }
}
