//! Stories of the server's machine; those that once went wrong are named so.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

use std::time::Duration;

use perennial_core::{
    certificate::{Certificate, CertificateStatus, Validity},
    ids::{CertificateId, Digest, RotationId, ThingName},
    message::{ErrorCode, HookResult, RefusalCode},
    rotation::*,
    time::{Timestamp, days},
};

const OUTGOING: CertificateId = CertificateId::from_bytes([1; 32]);
const INCOMING: CertificateId = CertificateId::from_bytes([2; 32]);
const OPENED_AT: Timestamp = Timestamp::from_secs(1_000_000);
const INSTANT: Duration = Duration::from_millis(1);

/// The outgoing certificate ends after ten days and is let in for five more.
fn timing() -> Timing {
    Timing { recovery_for: days(5), ..Timing::default() }
}

fn opening() -> Opening {
    Opening {
        id: RotationId::from_bytes([7; 16]),
        thing: ThingName::new("pump-1").unwrap(),
        outgoing: Certificate {
            certificate_id: OUTGOING,
            status: CertificateStatus::Active,
            validity: Validity { not_before: Timestamp::EPOCH, not_after: OPENED_AT + days(10) },
            created_at: Timestamp::EPOCH,
        },
        cause: Cause::Operator,
        rekey: true,
        draw: 0,
    }
}

struct Ring {
    rotation: Rotation,
    state: State,
    now: Timestamp,
    commands: Vec<Command>,
    note: Note,
}

impl Ring {
    fn opened() -> Self {
        let (rotation, state) = open(opening(), &timing(), OPENED_AT);
        Self { rotation, state, now: OPENED_AT, commands: Vec::new(), note: Note::Counted }
    }

    fn told(self, input: Input) -> Self {
        let Self { rotation, state, now, .. } = self;
        let Step { state, commands, note, .. } = step(&rotation, state, input, &timing(), now);
        Self { rotation, state, now, commands, note }
    }

    fn after(self, passed: Duration) -> Self {
        Self { now: self.now + passed, ..self }
    }

    fn awaiting_ack() -> Self {
        Self::opened()
            .told(csr())
            .told(Input::CertificateIssued { csr: digest(), incoming: INCOMING })
            .told(Input::Enrolled)
    }

    fn retiring_evidence(&self) -> Evidence {
        let State::Retiring(retiring) = &self.state else { panic!("{:?}", self.state) };
        retiring.evidence
    }
}

fn digest() -> Digest {
    Digest::from_bytes([3; 32])
}

fn csr() -> Input {
    let csr = Csr { pem: "csr".into(), digest: digest() };
    Input::CsrReceived { sender: Sender::session(OUTGOING), rotation_id: None, csr }
}

fn ack(principal: CertificateId, hook: Option<HookResult>) -> Input {
    let sender = Sender::session(principal);
    Input::AckReceived { sender, rotation_id: None, certificate_id: None, hook }
}

fn err() -> Input {
    Input::ErrReceived {
        sender: Sender::session(OUTGOING),
        rotation_id: None,
        code: ErrorCode::KeyFailed,
        text: "why".into(),
        phase: None,
        device_time: None,
    }
}

fn deadline(presence: Presence) -> Input {
    Input::DeadlinePassed { presence }
}

#[test]
fn an_ack_over_the_outgoing_certificate_is_not_believed() {
    let ring = Ring::awaiting_ack().told(ack(OUTGOING, None));

    assert_eq!(ring.state.name(), "AwaitingAck");
    assert_eq!(ring.note, Note::Ignored(Ignored::NoEvidence));
    assert!(matches!(ring.commands[..], [Command::Refuse { code: RefusalCode::NoEvidence, .. }]));
}

#[test]
fn a_deadline_after_the_incoming_certificate_was_seen_completes() {
    let seen = Ring::awaiting_ack().told(Input::DeviceConnected { principal: INCOMING });

    let ring = seen.after(Duration::from_secs(30)).told(deadline(Presence::Offline));

    assert_eq!(ring.retiring_evidence(), Evidence::SeenConnecting);
    assert_eq!(ring.commands, [Command::RetireOutgoing]);
}

#[test]
fn a_subscription_with_the_incoming_certificate_shows_it_too() {
    // Regression: when the connection's event was lost, the subscription's did not count.
    let ring = Ring::awaiting_ack().told(Input::DeviceSubscribed { principal: INCOMING });

    assert!(matches!(ring.state, State::AwaitingAck(AwaitingAck { seen_at: Some(_), .. })));
}

#[test]
fn returning_to_the_outgoing_certificate_clears_what_was_seen() {
    let ring = Ring::awaiting_ack()
        .told(Input::DeviceConnected { principal: INCOMING })
        .told(Input::DeviceConnected { principal: OUTGOING });

    let ring = ring.after(days(1)).told(deadline(Presence::Offline));

    assert_eq!(ring.state.name(), "AwaitingAck");
}

#[test]
fn an_expired_outgoing_certificate_is_not_rolled_back_to() {
    let ring = Ring::awaiting_ack().after(days(31)).told(deadline(Presence::Offline));

    assert_eq!(ring.retiring_evidence(), Evidence::OutgoingExpired);
    assert_eq!(ring.commands, [Command::RetireOutgoing]);
}

#[test]
fn while_the_outgoing_certificate_recovers_a_device_that_is_away_keeps_both() {
    // Regression: rolled back with the hold, a device that had the incoming one and came back
    // after the recovery was let in with neither.
    let mut waiting = Ring::awaiting_ack();
    waiting.rotation.gives_up_at = OPENED_AT + days(12);

    let held = waiting.after(days(12)).told(deadline(Presence::Offline));
    let due_at = held.state.due_at().unwrap();
    let over = held.after(days(3) + INSTANT);
    let ended = over.told(deadline(Presence::Offline));

    assert!(due_at > OPENED_AT + days(12) && due_at <= OPENED_AT + days(15) + INSTANT);
    assert_eq!(ended.retiring_evidence(), Evidence::OutgoingExpired);
}

#[test]
fn a_rotation_of_a_device_that_is_away_ends_with_its_certificates_recovery() {
    let ring = Ring::opened().after(days(15)).told(deadline(Presence::Offline));
    let due_at = ring.state.due_at().unwrap();

    let ring = ring.after(INSTANT).told(deadline(Presence::Offline));

    assert_eq!(due_at, OPENED_AT + days(15) + INSTANT);
    let State::Failed(failed) = &ring.state else { panic!("{:?}", ring.state) };
    assert_eq!(failed.reason, Failure::Expired);
    assert_eq!(ring.state.outcome(), Some(Outcome::Unreachable));
    let notice = Notice::RotationFailed { reason: Failure::Expired, rolled_back: false };
    assert_eq!(ring.commands, [Command::Notify { notice }]);
}

#[test]
fn a_rotation_that_waits_its_turn_begins_when_somebody_asks_for_it() {
    // Regression: who asked for it was told that it was open, and it went on waiting for hours.
    let opening = Opening { draw: u32::MAX, ..opening() };
    let (rotation, state) = open(opening, &timing(), OPENED_AT);
    let online = || deadline(Presence::Online(OUTGOING));

    let early = step(&rotation, state.clone(), online(), &timing(), OPENED_AT);
    let started = step(&rotation, state, Input::StartRequested, &timing(), OPENED_AT);
    let due = step(&rotation, started.state.clone(), online(), &timing(), OPENED_AT);
    let again = step(&rotation, due.state.clone(), Input::StartRequested, &timing(), OPENED_AT);

    assert_eq!(early.note, Note::Ignored(Ignored::NotDue));
    assert_eq!(started.state.due_at(), Some(OPENED_AT));
    assert_eq!(due.commands, [Command::RequestCsr { refused: None }]);
    assert_eq!((again.note, again.state), (Note::Ignored(Ignored::OutOfTurn), due.state));
}

#[test]
fn a_rotation_of_an_expired_certificate_begins_at_once() {
    let now = OPENED_AT + days(12);
    let opening = Opening { draw: u32::MAX, cause: Cause::Recovery, ..opening() };

    let (rotation, _) = open(opening, &timing(), now);

    assert_eq!(rotation.begins_at, now);
}

#[test]
fn cancelling_does_not_withdraw_the_only_usable_certificate() {
    // Regression: only running out of time looked whether the outgoing certificate was usable.
    let cancelled = Input::Cancelled { by: Cancellation::Operator };
    let ring = Ring::awaiting_ack().after(days(16)).told(cancelled);

    let ring = ring.told(Input::OutgoingRetired);

    let State::Failed(failed) = &ring.state else { panic!("{:?}", ring.state) };
    assert_eq!(failed.reason, Failure::Cancelled { by: Cancellation::Operator });
    assert!(!failed.rolled_back);
}

#[test]
fn an_ack_that_comes_while_the_expired_one_is_retired_still_completes() {
    let ring = Ring::awaiting_ack().after(days(31)).told(deadline(Presence::Offline));

    let ring = ring.told(ack(INCOMING, None)).told(Input::OutgoingRetired);

    assert_eq!(ring.state.outcome(), Some(Outcome::Rotated));
}

#[test]
fn a_device_that_comes_back_when_the_hold_ends_gets_its_tries() {
    // Regression: the certificate was delivered and withdrawn in the same moment.
    let mut late = Ring::opened();
    late.rotation.outgoing_not_after = OPENED_AT + days(90);
    let ring = late
        .after(days(30))
        .told(csr())
        .told(Input::CertificateIssued { csr: digest(), incoming: INCOMING })
        .told(Input::Enrolled);

    let due_at = ring.state.due_at().unwrap();
    let ring = ring.after(Duration::from_secs(60)).told(deadline(Presence::Online(OUTGOING)));

    assert_eq!(due_at, OPENED_AT + days(30) + Duration::from_secs(60));
    assert_eq!(ring.commands, [Command::DeliverCertificate { incoming: INCOMING }]);
}

#[test]
fn a_request_after_a_refusal_says_so_until_another_csr_comes() {
    // Regression: a repeated request left the refusal out, and the device sent the same again.
    let refusal =
        Input::IssueRefused { csr: digest(), code: RefusalCode::WeakKey, reason: "why".into() };
    let ring = Ring::opened().told(csr()).told(refusal);

    let ring = ring.told(Input::DeviceSubscribed { principal: OUTGOING });

    let [Command::RequestCsr { refused: Some(refused) }] = &ring.commands[..] else {
        panic!("{:?}", ring.commands)
    };
    assert_eq!(refused.csr, digest());
}

#[test]
fn a_refusal_that_ends_the_rotation_says_as_much_as_those_before() {
    // Regression: the last of them only said what its code does.
    let reason = "the key has 1024 bits".to_owned();
    let refusal = Input::IssueRefused { csr: digest(), code: RefusalCode::WeakKey, reason };
    let again = |ring: Ring| ring.told(csr()).told(refusal.clone());

    let ended = again(again(again(Ring::opened())));

    assert_eq!(ended.state.outcome(), Some(Outcome::Failed));
    let told = |it: &Command| matches!(it, Command::Refuse { reason: Some(reason), .. } if reason.contains("1024"));
    assert!(ended.commands.iter().any(told), "{:?}", ended.commands);
}

#[test]
fn an_error_ends_issuing_and_enrolling() {
    // Regression: it was refused, and the certificate delivered eight times to nobody.
    let issuing = Ring::opened().told(csr()).told(err());
    let enrolling = Ring::opened()
        .told(csr())
        .told(Input::CertificateIssued { csr: digest(), incoming: INCOMING })
        .told(err());

    assert_eq!(issuing.state.outcome(), Some(Outcome::Failed));
    assert_eq!(enrolling.commands, [Command::RetireIncoming { incoming: INCOMING }]);
}

#[test]
fn a_hook_that_failed_is_told_of_once_in_any_order() {
    // Regression: lost when it came first, told each time when it came twice.
    let hook = Some(HookResult { exit_code: Some(1) });
    let ring = Ring::awaiting_ack().told(ack(INCOMING, hook.clone()));
    let first = ring.commands.clone();

    let ring = ring.told(ack(INCOMING, hook.clone()));
    let again = ring.commands.clone();
    let ring = ring.told(Input::OutgoingRetired);

    let notice = Notice::HookFailed { hook: hook.clone().unwrap() };
    assert_eq!(first, [Command::RetireOutgoing, Command::Notify { notice }]);
    assert_eq!(again, []);
    let State::Rotated(rotated) = ring.state else { panic!("{:?}", ring.state) };
    assert_eq!(rotated.hook, hook);
}
