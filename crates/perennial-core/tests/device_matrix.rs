//! Every state of the device's machine against every input, as one reviewed table.

use std::fmt::Write;

use perennial_core::{
    device::*,
    ids::{CertificateId, RotationId},
    message::{ErrorCode, HookResult, Phase, RefusalCode},
    topic::Kind,
};

const OURS: Option<RotationId> = Some(RotationId::from_bytes([7; 16]));
const OTHER: Option<RotationId> = Some(RotationId::from_bytes([8; 16]));
const CERTIFICATE: CertificateId = CertificateId::from_bytes([2; 32]);

fn machine(state: State, previous: bool, candidate: bool, online: Option<Slot>) -> Machine {
    let slots = Slots {
        previous: previous.then_some(Generation(0)),
        current: Generation(1),
        candidate: candidate.then_some(Generation(2)),
        next: Generation(3),
    };
    let dialing = match (online, &state) {
        (Some(Slot::Current), State::Trying { .. }) | (None, State::Trying { .. }) => {
            Some(Slot::Candidate)
        }
        (None, _) => Some(Slot::Current),
        (Some(_), _) => None,
    };
    let link = Link { online, dialing, ..Link::default() };
    Machine { device: Device { slots, state }, link }
}

fn states() -> Vec<(&'static str, Machine)> {
    let (rotation_id, certificate_id) = (OURS, CERTIFICATE);
    let steady = State::Steady { finished: OURS };
    let waiting = State::AwaitingCertificate { rotation_id, rekey: true };
    let trying = State::Trying { rotation_id, certificate_id };
    let acknowledging = State::Acknowledging { rotation_id, certificate_id };
    let hook = HookResult { exit_code: Some(0) };
    let running = State::RunningHook { rotation_id, certificate_id };
    let reporting_hook = State::ReportingHook { rotation_id, certificate_id, hook };
    let reporting = |certificate_id, phase| State::Reporting {
        rotation_id,
        certificate_id,
        code: ErrorCode::Unknown,
        text: "why".into(),
        phase,
    };
    let mut dialing = machine(acknowledging.clone(), false, true, None);
    dialing.link.dialing = Some(Slot::Candidate);
    let mut impatient = machine(trying.clone(), false, true, Some(Slot::Current));
    (impatient.link.rejections, impatient.link.failures) = (2, 2);
    let current = Some(Slot::Current);
    vec![
        ("Steady, online", machine(steady.clone(), true, false, current)),
        ("Steady, offline", machine(steady, true, false, None)),
        ("AwaitingCertificate, online", machine(waiting.clone(), true, true, current)),
        ("AwaitingCertificate, offline", machine(waiting, true, true, None)),
        ("Trying, online", machine(trying.clone(), false, true, current)),
        ("Trying, offline", machine(trying, false, true, None)),
        ("Trying, failed twice, online", impatient),
        ("Acknowledging, online", machine(acknowledging, false, true, Some(Slot::Candidate))),
        ("Acknowledging, offline", dialing),
        ("RunningHook, online", machine(running, true, false, current)),
        ("ReportingHook, online", machine(reporting_hook, true, false, current)),
        (
            "Reporting a bad certificate, online",
            machine(reporting(None, Phase::Certificate), true, true, current),
        ),
        (
            "Reporting a failed trial, online",
            machine(reporting(Some(certificate_id), Phase::Trial), false, true, current),
        ),
        (
            "Reporting a failed trial, offline",
            machine(reporting(Some(certificate_id), Phase::Trial), false, true, None),
        ),
    ]
}

fn link_inputs() -> Vec<(&'static str, Input)> {
    let connected = |slot| Input::Connected { slot };
    let failed = |slot, failure| Input::ConnectFailed { slot, failure, draw: 0 };
    let (rejected, unreachable) = (ConnectFailure::Rejected, ConnectFailure::Unreachable);
    vec![
        ("booted", Input::Booted),
        ("connected with current", connected(Slot::Current)),
        ("connected with previous", connected(Slot::Previous)),
        ("connected with candidate", connected(Slot::Candidate)),
        ("current rejected", failed(Slot::Current, rejected)),
        ("candidate rejected", failed(Slot::Candidate, rejected)),
        ("candidate unreachable", failed(Slot::Candidate, unreachable)),
        ("disconnected", Input::Disconnected { draw: 0 }),
        ("woke", Input::Woke),
    ]
}

fn message_inputs() -> Vec<(&'static str, Input)> {
    let asked = |rotation_id, refused| Input::CsrRequested { rotation_id, rekey: true, refused };
    let good = |rotation_id| {
        let checked = Checked::Good(CERTIFICATE);
        Input::CertificateReceived { rotation_id, checked }
    };
    let bad = Checked::Bad { code: ErrorCode::KeyMismatch, text: "why".into() };
    let refused = |about, code, rotation_id| Input::Refused { about, code, rotation_id };
    let (code, text) = (ErrorCode::KeyFailed, "why".to_owned());
    vec![
        ("csr requested", asked(OURS, false)),
        ("csr requested, candidate's refused", asked(OURS, true)),
        ("csr requested, other rotation", asked(OTHER, false)),
        ("csr requested, bare", asked(None, false)),
        ("csr failed", Input::CsrFailed { code, text }),
        ("good certificate", good(OURS)),
        ("good certificate, other rotation", good(OTHER)),
        ("good certificate, bare", good(None)),
        ("bad certificate", Input::CertificateReceived { rotation_id: OURS, checked: bad }),
        ("csr refused: not asked", refused(Kind::CsrRes, RefusalCode::NotAsked, OURS)),
        ("csr refused: out of turn", refused(Kind::CsrRes, RefusalCode::OutOfTurn, OURS)),
        ("csr refused, other rotation", refused(Kind::CsrRes, RefusalCode::NotAsked, OTHER)),
        ("ack refused", refused(Kind::CrtAck, RefusalCode::NotAsked, OURS)),
        ("csr_res delivered", Input::Delivered { kind: Kind::CsrRes }),
        ("crt_ack delivered", Input::Delivered { kind: Kind::CrtAck }),
        ("crt_err delivered", Input::Delivered { kind: Kind::CrtErr }),
        ("hook ended", Input::HookEnded { hook: HookResult { exit_code: Some(1) } }),
    ]
}

/// `previous/current/candidate` with `*` at the one that is online.
fn roles(machine: &Machine) -> String {
    let role = |slot| {
        let generation = machine.device.slots.generation(slot);
        let mark = if machine.link.online == Some(slot) { "*" } else { "" };
        generation.map_or("–".to_owned(), |generation| format!("{}{mark}", generation.0))
    };
    [Slot::Previous, Slot::Current, Slot::Candidate].map(role).join("/")
}

#[expect(clippy::wildcard_enum_match_arm, reason = "a table shows most commands by name")]
fn command(command: &Command) -> String {
    match command {
        Command::Connect { slot, .. } => format!("Connect {slot:?}"),
        Command::Forget { generation } => format!("Forget {}", generation.0),
        other => other.name().into(),
    }
}

#[test]
fn what_cannot_be_kept_changes_nothing_durable_as_reviewed() {
    let timing = Timing { has_hook: true, ..Timing::default() };
    let mut table = String::new();

    for (name, machine) in states() {
        writeln!(table, "\n{name} {}", roles(&machine)).unwrap();
        for (input_name, input) in link_inputs().into_iter().chain(message_inputs()) {
            let wanted = step(machine.clone(), input.clone(), &timing).machine.device;
            if wanted == machine.device {
                continue;
            }
            let step = unkept(machine.clone(), input, "full".into(), &timing);
            assert_eq!(step.machine.device, machine.device, "{name}, {input_name}");
            let commands: Vec<String> = step.commands.iter().map(command).collect();
            writeln!(table, "  {input_name:<36} {}", commands.join(", ")).unwrap();
        }
    }

    insta::assert_snapshot!(table);
}

#[test]
fn every_state_meets_every_input_as_reviewed() {
    let timing = Timing { has_hook: true, ..Timing::default() };
    let mut table = String::new();

    for (name, machine) in states() {
        writeln!(table, "\n{name} {}", roles(&machine)).unwrap();
        for (input_name, input) in link_inputs().into_iter().chain(message_inputs()) {
            let step = step(machine.clone(), input, &timing);
            let same = step.machine.device == machine.device;
            let next = if same { "·" } else { step.machine.device.state.name() };
            let commands: Vec<String> = step.commands.iter().map(command).collect();
            let note = match step.note {
                Note::Counted => String::new(),
                Note::Ignored(why) => format!(" | ignored: {why:?}"),
            };
            let cell = format!("{next} {} | {}{note}", roles(&step.machine), commands.join(", "));
            writeln!(table, "  {input_name:<36} {}", cell.trim_end()).unwrap();
        }
    }

    insta::assert_snapshot!(table);
}
