//! Every state of the server's machine against every input, as one reviewed table.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::{fmt::Write, time::Duration};

use perennial_core::{
    certificate::{Certificate, CertificateStatus, Validity},
    ids::{CertificateId, Digest, RotationId, ThingName},
    message::{ErrorCode, HookResult, RefusalCode},
    rotation::*,
    time::{Timestamp, days},
};

const OUTGOING: CertificateId = CertificateId::from_bytes([1; 32]);
const INCOMING: CertificateId = CertificateId::from_bytes([2; 32]);
const STRANGER: CertificateId = CertificateId::from_bytes([9; 32]);
const OPENED_AT: Timestamp = Timestamp::from_secs(1_000_000);
const HOUR: Duration = Duration::from_secs(3600);
const INSTANT: Duration = Duration::from_millis(1);

fn rotation() -> Rotation {
    let opening = Opening {
        id: RotationId::from_bytes([7; 16]),
        thing: ThingName::new("pump-1").unwrap(),
        outgoing: Certificate {
            certificate_id: OUTGOING,
            status: CertificateStatus::Active,
            validity: Validity { not_before: Timestamp::EPOCH, not_after: OPENED_AT + days(40) },
            created_at: Timestamp::EPOCH,
        },
        cause: Cause::Operator,
        rekey: true,
        draw: 0,
    };
    open(opening, &timing(), OPENED_AT).0
}

fn timing() -> Timing {
    Timing { recovery_for: days(5), ..Timing::default() }
}

fn csr(n: u8) -> Csr {
    Csr { pem: "csr".into(), digest: Digest::from_bytes([n; 32]) }
}

fn fault(kind: FaultKind) -> Fault {
    Fault { kind, reason: "why".into() }
}

fn refused() -> RefusedCsr {
    RefusedCsr { csr: csr(3).digest, code: RefusalCode::WeakKey, reason: "why".into() }
}

fn hook(code: i32) -> Option<HookResult> {
    Some(HookResult { exit_code: Some(code) })
}

/// Each state, and those of its data that guards look at.
fn states() -> Vec<(&'static str, State)> {
    let due_at = OPENED_AT;
    let (incoming, digest) = (INCOMING, csr(3).digest);
    let asking = |requests, refusals, refused| {
        let at_once = false;
        State::AwaitingCsr(AwaitingCsr { requests, refusals, refused, at_once, due_at })
    };
    let issuing =
        |refusals, tries| State::Issuing(Issuing { csr: csr(3), refusals, tries, due_at });
    let enrolling = |tries| State::Enrolling(Enrolling { incoming, csr: digest, tries, due_at });
    let waiting = |deliveries, seen_at| {
        State::AwaitingAck(AwaitingAck { incoming, csr: digest, deliveries, seen_at, due_at })
    };
    let retiring = |evidence, failure, tries| {
        State::Retiring(Retiring { incoming, evidence, failure, hook: None, tries, due_at })
    };
    let reason = Failure::NoAck;
    let rolling_back =
        |tries| State::RollingBack(RollingBack { incoming, reason: Failure::NoAck, tries, due_at });
    let given_up = |tries| {
        let text = "why".to_owned();
        let reason = Failure::DeviceRefused { code: ErrorCode::Unknown, text, skew: None };
        State::RollingBack(RollingBack { incoming, reason, tries, due_at })
    };
    let (evidence, ended_at) = (Evidence::Acknowledged, OPENED_AT);
    vec![
        ("AwaitingCsr, before its turn", asking(0, 0, None)),
        ("AwaitingCsr", asking(1, 0, None)),
        ("AwaitingCsr, asked as often as may be", asking(8, 0, None)),
        ("AwaitingCsr, after a refusal, asked as often as may be", asking(8, 1, Some(refused()))),
        ("Issuing", issuing(0, 1)),
        ("Issuing, last try, one refusal left", issuing(2, 20)),
        ("Enrolling", enrolling(1)),
        ("Enrolling, last try", enrolling(20)),
        ("AwaitingAck", waiting(1, None)),
        ("AwaitingAck, incoming seen", waiting(1, Some(OPENED_AT))),
        ("AwaitingAck, delivered as often as may be", waiting(8, None)),
        ("Retiring", retiring(Evidence::Acknowledged, None, 1)),
        ("Retiring, stuck", retiring(Evidence::Acknowledged, None, 10)),
        ("Retiring, last try", retiring(Evidence::SeenConnecting, None, 20)),
        (
            "Retiring for want of anything better",
            retiring(Evidence::OutgoingExpired, Some(Failure::NoAck), 1),
        ),
        ("RollingBack", rolling_back(1)),
        ("RollingBack, last try", rolling_back(20)),
        ("RollingBack, what the device gave up", given_up(1)),
        ("RollingBack, what the device gave up, last try", given_up(20)),
        ("Rotated", State::Rotated(Rotated { incoming, evidence, hook: None, ended_at })),
        (
            "Failed",
            State::Failed(Failed {
                reason,
                incoming: Some(incoming),
                rolled_back: true,
                followed_by: None,
                ended_at,
            }),
        ),
    ]
}

fn from(principal: CertificateId) -> Sender {
    Sender::session(principal)
}

fn messages() -> Vec<(&'static str, Input)> {
    let csr_from = |sender, n, rotation_id| Input::CsrReceived { sender, rotation_id, csr: csr(n) };
    let ack_from = |sender, certificate_id, hook| Input::AckReceived {
        sender,
        rotation_id: None,
        certificate_id,
        hook,
    };
    let err = |principal, code| Input::ErrReceived {
        sender: from(principal),
        rotation_id: None,
        code,
        text: "why".into(),
        phase: None,
        device_time: None,
    };
    let err_from = |principal| err(principal, ErrorCode::Unknown);
    let proven = Sender { session: None, proven: Some(INCOMING) };
    let other = Some(RotationId::from_bytes([8; 16]));
    vec![
        ("csr from outgoing", csr_from(from(OUTGOING), 3, None)),
        ("another csr from outgoing", csr_from(from(OUTGOING), 4, None)),
        ("csr from incoming", csr_from(from(INCOMING), 3, None)),
        ("csr from a stranger", csr_from(from(STRANGER), 3, None)),
        ("csr naming another rotation", csr_from(from(OUTGOING), 3, other)),
        ("ack from incoming", ack_from(from(INCOMING), Some(INCOMING), None)),
        ("ack proven by incoming", ack_from(proven, None, None)),
        ("ack from outgoing", ack_from(from(OUTGOING), None, None)),
        ("ack naming another certificate", ack_from(from(INCOMING), Some(STRANGER), None)),
        ("ack with hook 0", ack_from(from(INCOMING), None, hook(0))),
        ("ack with hook 1", ack_from(from(INCOMING), None, hook(1))),
        ("err from outgoing", err_from(OUTGOING)),
        ("err from incoming", err_from(INCOMING)),
        ("err from a stranger", err_from(STRANGER)),
        ("err that only people can mend", err(OUTGOING, ErrorCode::WrongName)),
    ]
}

fn presences() -> Vec<(&'static str, Input)> {
    let connected = |principal| Input::DeviceConnected { principal };
    let subscribed = |principal| Input::DeviceSubscribed { principal };
    vec![
        ("connected as outgoing", connected(OUTGOING)),
        ("connected as incoming", connected(INCOMING)),
        ("subscribed as outgoing", subscribed(OUTGOING)),
        ("subscribed as incoming", subscribed(INCOMING)),
    ]
}

fn outcomes() -> Vec<(&'static str, Input)> {
    let digest = csr(3).digest;
    let refusal = |digest| Input::IssueRefused {
        csr: digest,
        code: RefusalCode::WeakKey,
        reason: "why".into(),
    };
    let (retryable, permanent) = (fault(FaultKind::Retryable), fault(FaultKind::Permanent));
    vec![
        ("issued", Input::CertificateIssued { csr: digest, incoming: INCOMING }),
        (
            "issued for another csr",
            Input::CertificateIssued { csr: csr(4).digest, incoming: INCOMING },
        ),
        ("issue refused", refusal(digest)),
        ("issue failed", Input::IssueFailed { csr: digest, fault: retryable.clone() }),
        ("issue failed for good", Input::IssueFailed { csr: digest, fault: permanent.clone() }),
        ("enrolled", Input::Enrolled),
        ("enroll failed", Input::EnrollFailed { fault: retryable.clone() }),
        ("enroll failed for good", Input::EnrollFailed { fault: permanent }),
        ("outgoing retired", Input::OutgoingRetired),
        ("incoming retired", Input::IncomingRetired),
        ("retire failed", Input::RetireFailed { fault: retryable }),
    ]
}

fn deadlines() -> Vec<(&'static str, Input, Timestamp)> {
    let passed = |presence| Input::DeadlinePassed { presence };
    let hold_ends = OPENED_AT + days(30);
    let (recovering, unusable) = (OPENED_AT + days(45), OPENED_AT + days(45) + INSTANT);
    let operator = Input::Cancelled { by: Cancellation::Operator };
    let withdrawn = Input::Cancelled { by: Cancellation::OutgoingWithdrawn };
    let offline = passed(Presence::Offline);
    let soon = OPENED_AT + HOUR;
    vec![
        ("deadline, too early", offline.clone(), OPENED_AT - HOUR),
        ("deadline, offline", offline.clone(), soon),
        ("deadline, online as outgoing", passed(Presence::Online(OUTGOING)), soon),
        ("deadline, online as incoming", passed(Presence::Online(INCOMING)), soon),
        ("deadline, offline, hold over", offline.clone(), hold_ends),
        ("deadline, online as outgoing, hold over", passed(Presence::Online(OUTGOING)), hold_ends),
        ("deadline, offline, outgoing in recovery", offline.clone(), recovering),
        ("deadline, online, outgoing in recovery", passed(Presence::Online(OUTGOING)), recovering),
        ("deadline, offline, outgoing expired", offline, unusable),
        ("deadline, online, outgoing expired", passed(Presence::Online(OUTGOING)), unusable),
        ("start requested", Input::StartRequested, soon),
        ("cancelled by an operator, in recovery", operator.clone(), recovering),
        ("cancelled by an operator", operator.clone(), soon),
        ("cancelled by an operator, outgoing expired", operator, unusable),
        ("outgoing withdrawn", withdrawn, soon),
    ]
}

fn inputs() -> Vec<(&'static str, Input, Timestamp)> {
    let undated = messages().into_iter().chain(presences()).chain(outcomes());
    undated.map(|(name, input)| (name, input, OPENED_AT + HOUR)).chain(deadlines()).collect()
}

fn cell(before: &State, step: &Step) -> String {
    let next = match (&step.state, before == &step.state) {
        (_, true) => "·".to_owned(),
        (State::Failed(failed), false) => format!("Failed: {}", failed.reason),
        (state, false) => state.name().to_owned(),
    };
    let mut commands: Vec<String> = step.commands.iter().map(command).collect();
    let remedy = step.successor.as_ref().and_then(|next| next.rotation.remedy());
    commands.extend(remedy.map(|remedy| format!("followed by {remedy:?}")));
    let note = match step.note {
        Note::Counted => String::new(),
        Note::Ignored(why) => format!("ignored: {why:?}"),
    };
    format!("{next} | {} | {note}", commands.join(", "))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "a table shows most commands by name")]
fn command(command: &Command) -> String {
    match command {
        Command::Refuse { code, .. } => format!("Refuse {code:?}"),
        Command::RequestCsr { refused: Some(_) } => "RequestCsr (refused)".into(),
        Command::Notify { notice: Notice::CertificateLeftActive { .. } } => {
            "Notify: left active".into()
        }
        Command::Notify { notice: Notice::HookFailed { .. } } => "Notify: hook failed".into(),
        Command::Notify { notice: Notice::RotationFailed { rolled_back: true, .. } } => {
            "Notify: rolled back".into()
        }
        Command::Notify { notice: Notice::RotationFailed { .. } } => "Notify: failed".into(),
        Command::Notify { notice: Notice::RotationStuck { .. } } => "Notify: stuck".into(),
        other => other.name().into(),
    }
}

#[test]
fn every_state_meets_every_input_as_reviewed() {
    let (rotation, timing) = (rotation(), timing());
    let mut table = String::new();

    for (name, state) in states() {
        writeln!(table, "\n{name}").unwrap();
        for (input_name, input, now) in inputs() {
            let step = step(&rotation, state.clone(), input, &timing, now);
            writeln!(table, "  {input_name:<42} {}", cell(&state, &step).trim_end()).unwrap();
        }
    }

    insta::assert_snapshot!(table);
}
