//! Stories of the device's machine; those that once bricked a device or failed it are named so.

use perennial_core::{
    device::*,
    ids::{CertificateId, RotationId},
    message::ErrorCode,
    topic::Kind,
};

const FIRST: Option<RotationId> = Some(RotationId::from_bytes([1; 16]));
const SECOND: Option<RotationId> = Some(RotationId::from_bytes([2; 16]));
const CERTIFICATE: CertificateId = CertificateId::from_bytes([2; 32]);

struct Told(Machine, Vec<Command>);

fn told(machine: Machine, inputs: impl IntoIterator<Item = Input>) -> Told {
    let timing = Timing::default();
    let mut last = Told(machine, Vec::new());
    for input in inputs {
        let step = step(last.0, input, &timing);
        last = Told(step.machine, step.commands);
    }
    last
}

fn online() -> Machine {
    let fresh = Machine::resume(Device::holding(Generation(0)));
    told(fresh, [Input::Booted, connected(Slot::Current)]).0
}

fn connected(slot: Slot) -> Input {
    Input::Connected { slot }
}

fn rejected(slot: Slot) -> Input {
    Input::ConnectFailed { slot, failure: ConnectFailure::Rejected, draw: 0 }
}

fn unreachable(slot: Slot) -> Input {
    Input::ConnectFailed { slot, failure: ConnectFailure::Unreachable, draw: 0 }
}

fn asked(rotation_id: Option<RotationId>) -> Input {
    Input::CsrRequested { rotation_id, rekey: true, refused: false }
}

fn certified(rotation_id: Option<RotationId>) -> Input {
    Input::CertificateReceived { rotation_id, checked: Checked::Good(CERTIFICATE) }
}

fn delivered(kind: Kind) -> Input {
    Input::Delivered { kind }
}

fn acknowledging() -> Machine {
    told(online(), [asked(FIRST), certified(FIRST), connected(Slot::Candidate)]).0
}

fn promoted() -> Machine {
    told(acknowledging(), [delivered(Kind::CrtAck)]).0
}

#[test]
fn a_device_rotates_and_keeps_the_previous_credential() {
    let machine = promoted();

    assert_eq!(machine.device.state, State::Steady { finished: FIRST });
    assert_eq!(machine.device.slots.previous, Some(Generation(0)));
    assert_eq!(machine.device.slots.current, Generation(1));
    assert_eq!(machine.link.online, Some(Slot::Current));
}

#[test]
fn a_device_whose_disk_is_full_says_so_and_stays_on_what_it_has() {
    // Regression: it ended, and its supervisor started it again to end once more.
    let Step { machine, commands, .. } =
        unkept(online(), asked(FIRST), "no space left".to_owned(), &Timing::default());

    let after = told(machine.clone(), [asked(FIRST)]);

    assert_eq!(machine, online());
    assert!(
        matches!(&commands[..], [Command::SendErr { rotation_id, code: ErrorCode::StorageFailed, text, .. }]
            if *rotation_id == FIRST && text == "no space left"),
        "{commands:?}"
    );
    assert!(matches!(after.1[..], [Command::SendCsr { .. }]), "with room again it rotates");
}

#[test]
fn a_session_of_the_candidate_that_could_not_be_written_down_counts_with_the_next_input() {
    let trying = told(online(), [asked(FIRST), certified(FIRST)]).0;
    let Step { machine, commands, .. } =
        unkept(trying, connected(Slot::Candidate), "full".to_owned(), &Timing::default());

    let Told(acknowledging, said) = told(machine, [Input::Woke]);

    assert!(matches!(commands[..], [Command::Wake { .. }]), "{commands:?}");
    assert_eq!(acknowledging.device.state.name(), "Acknowledging");
    assert!(matches!(said[..], [Command::SendAck { .. }, Command::Wake { .. }]), "{said:?}");
}

#[test]
fn a_fallback_that_could_not_be_written_down_keeps_the_credential_that_works() {
    let cut = [Input::Disconnected { draw: 0 }].into_iter();
    let cut = cut.chain([0; 3].map(|_| rejected(Slot::Current)));
    let refused = told(promoted(), cut).0;
    let back = connected(Slot::Previous);
    let machine = unkept(refused, back, "full".to_owned(), &Timing::default()).machine;

    let Told(machine, _) = told(machine, [asked(SECOND), certified(SECOND)]);

    assert_eq!(machine.device.slots.current, Generation(0), "the one that the broker takes");
}

#[test]
fn a_candidate_is_kept_after_its_failure_was_reported() {
    // Regression: the ack was durable at the server although its PUBACK was lost.
    let trial = [Input::Disconnected { draw: 0 }]
        .into_iter()
        .chain([0; 3].map(|_| rejected(Slot::Candidate)));
    let reporting = told(acknowledging(), trial).0;

    let steady = told(reporting, [connected(Slot::Current), delivered(Kind::CrtErr)]).0;
    let cut = [Input::Disconnected { draw: 0 }]
        .into_iter()
        .chain([0; 3].map(|_| rejected(Slot::Current)));
    let Told(machine, commands) = told(steady, cut);

    assert_eq!(machine.device.slots.previous, Some(Generation(1)));
    assert!(matches!(commands[..], [Command::Connect { slot: Slot::Previous, .. }]));
}

#[test]
fn a_late_request_does_not_cost_the_previous_credential() {
    // Regression: the server had rolled back before the ack came, and then a csr_req of an
    // earlier rotation arrived.
    let machine = told(promoted(), [asked(SECOND)]).0;

    assert_eq!(machine.device.slots.previous, Some(Generation(0)));
}

#[test]
fn a_new_request_in_the_middle_of_a_trial_keeps_the_candidate() {
    let trying = told(online(), [asked(FIRST), certified(FIRST)]).0;

    let Told(machine, commands) = told(trying, [asked(SECOND)]);

    assert_eq!(machine.device.slots.previous, Some(Generation(1)));
    assert_eq!(machine.device.slots.candidate, Some(Generation(2)));
    assert!(matches!(commands[..], [Command::SendCsr { generation: Generation(2), .. }]));
}

#[test]
fn the_previous_credential_goes_when_the_next_certificate_comes() {
    let waiting = told(promoted(), [asked(SECOND)]).0;

    let Told(machine, commands) = told(waiting, [certified(SECOND)]);

    assert_eq!(machine.device.slots.previous, None);
    assert_eq!(commands[0], Command::Forget { generation: Generation(0) });
}

#[test]
fn an_absent_broker_is_not_blamed_on_the_candidate() {
    // Regression: ten failures in a row had the candidate reported as unreachable.
    let trying =
        told(online(), [asked(FIRST), certified(FIRST), Input::Disconnected { draw: 0 }]).0;

    let Told(probing, commands) = told(trying, [0; 10].map(|_| unreachable(Slot::Candidate)));
    let Told(machine, next) = told(probing, [connected(Slot::Current)]);

    assert!(matches!(commands[..], [Command::Connect { slot: Slot::Current, .. }]));
    assert_eq!(machine.device.state.name(), "Trying");
    assert!(matches!(next[..], [Command::Connect { slot: Slot::Candidate, .. }]));
}

#[test]
fn a_candidate_refused_thrice_is_reported() {
    let trying = told(online(), [asked(FIRST), certified(FIRST)]).0;

    let Told(machine, commands) = told(trying, [0; 3].map(|_| rejected(Slot::Candidate)));

    let State::Reporting { code, .. } = machine.device.state else { panic!("{machine:?}") };
    assert_eq!(code, ErrorCode::CandidateRefused);
    assert!(matches!(commands[..], [Command::SendErr { .. }, Command::Wake { .. }]));
}

#[test]
fn a_device_falls_back_to_the_previous_credential() {
    let cut = told(promoted(), [Input::Disconnected { draw: 0 }]).0;

    let Told(dialing, _) = told(cut, [0; 3].map(|_| rejected(Slot::Current)));
    let machine = told(dialing, [connected(Slot::Previous)]).0;

    assert_eq!(machine.device.slots.current, Generation(0));
    assert_eq!(machine.device.slots.previous, Some(Generation(1)));
    assert_eq!(machine.link.online, Some(Slot::Current));
}

#[test]
fn falling_back_forgets_a_candidate_without_certificate() {
    let waiting = told(promoted(), [asked(SECOND)]).0;

    let Told(machine, commands) = told(waiting, [connected(Slot::Previous)]);

    assert_eq!(machine.device.slots.candidate, None);
    assert_eq!(commands, [Command::Forget { generation: Generation(2) }]);
}

#[test]
fn a_request_that_repeats_gets_the_same_csr_and_a_refusal_a_fresh_one() {
    let waiting = told(online(), [asked(FIRST)]).0;

    let Told(same, again) = told(waiting, [asked(FIRST)]);
    let refused = Input::CsrRequested { rotation_id: FIRST, rekey: true, refused: true };
    let Told(_, fresh) = told(same, [refused]);

    assert!(matches!(again[..], [Command::SendCsr { generation: Generation(1), .. }]));
    assert!(matches!(
        fresh[..],
        [
            Command::Forget { generation: Generation(1) },
            Command::SendCsr { generation: Generation(2), .. }
        ]
    ));
}

#[test]
fn every_state_resumes_after_a_restart() {
    let trying = told(online(), [asked(FIRST), certified(FIRST)]).0;
    let waiting = told(online(), [asked(FIRST)]).0;

    for (machine, expected) in [
        (online(), Slot::Current),
        (waiting, Slot::Current),
        (trying, Slot::Candidate),
        (acknowledging(), Slot::Candidate),
        (promoted(), Slot::Current),
    ] {
        let resumed = Machine::resume(machine.device);
        let Told(_, commands) = told(resumed, [Input::Booted]);

        let [Command::Connect { slot, .. }] = commands[..] else { panic!("{commands:?}") };
        assert_eq!(slot, expected);
    }
}
