//! One step of the device: the total function from a machine and an input to the next machine and
//! its commands.

use std::time::Duration;

use super::{Checked, Command, Input, Machine, Slot, State, Timing};
use crate::{
    ids::RotationId,
    message::{ErrorCode, HookResult, Phase, RefusalCode},
    topic::Kind,
};

/// What came of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The machine from now on; its durable part goes to disk before any command is carried out.
    pub machine: Machine,
    /// What to do, in order.
    pub commands: Vec<Command>,
    /// Whether the input counted.
    pub note: Note,
}

/// Whether an input counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Note {
    /// It did.
    Counted,
    /// It did not, and why.
    Ignored(Ignored),
}

/// Why an input did not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ignored {
    /// It belongs to a rotation that ended, or to another one.
    OtherRotation,
    /// It was said before.
    Duplicate,
    /// It does not fit the state.
    OutOfTurn,
}

impl Step {
    pub(super) fn counted(machine: Machine, commands: impl Into<Vec<Command>>) -> Self {
        Self { machine, commands: commands.into(), note: Note::Counted }
    }

    pub(super) fn ignored(machine: Machine, why: Ignored) -> Self {
        Self { machine, commands: Vec::new(), note: Note::Ignored(why) }
    }
}

/// Decides what comes of `input`. Total: an input that does not fit is ignored with a reason.
pub fn step(machine: Machine, input: Input, timing: &Timing) -> Step {
    match input {
        Input::Booted => machine.booted(),
        Input::Connected { slot } => machine.connected(slot, timing),
        Input::ConnectFailed { slot, failure, draw } => {
            machine.connect_failed(slot, failure, draw, timing)
        }
        Input::Disconnected { draw } => machine.disconnected(draw, timing),
        Input::CsrRequested { rotation_id, rekey, refused } => {
            machine.csr_requested(rotation_id, rekey, refused)
        }
        Input::CsrFailed { code, text } => machine.csr_failed(code, text, timing),
        Input::CertificateReceived { rotation_id, checked } => {
            machine.certificate_received(rotation_id, checked, timing)
        }
        Input::Refused { about, code, rotation_id } => machine.refused(about, code, rotation_id),
        Input::Delivered { kind } => machine.delivered(kind, timing),
        Input::HookEnded { hook } => machine.hook_ended(hook, timing),
        Input::Woke => machine.woke(timing),
    }
}

impl Machine {
    fn booted(mut self) -> Step {
        let slot = self.preferred();
        let mut commands = self.dial(slot, Duration::ZERO);
        if let State::RunningHook { certificate_id, .. } = self.device.state {
            commands.push(Command::RunHook { certificate_id });
        }
        Step::counted(self, commands)
    }

    fn connected(mut self, slot: Slot, timing: &Timing) -> Step {
        self.link = super::Link { online: Some(slot), ..Default::default() };
        match (self.device.state.clone(), slot) {
            (
                State::Trying { rotation_id, certificate_id }
                | State::Reporting { rotation_id, certificate_id: Some(certificate_id), .. },
                Slot::Candidate,
            ) => {
                self.device.state = State::Acknowledging { rotation_id, certificate_id };
            }
            (State::Acknowledging { .. }, Slot::Candidate) | (_, Slot::Current) => {}
            (_, Slot::Previous) => return self.fell_back(timing),
            (_, Slot::Candidate) => {
                // The rotation ended while this connection was made.
                let commands = self.dial(Slot::Current, Duration::ZERO);
                return Step::counted(self, commands);
            }
        }
        let commands = self.say_again(timing);
        Step::counted(self, commands)
    }

    /// The broker refuses the current credential and takes the previous one: that is current from
    /// now on. Whatever was to be told about the other one is void, except a failure.
    fn fell_back(mut self, timing: &Timing) -> Step {
        self.device.slots.swap();
        self.link.online = Some(Slot::Current);
        if !matches!(self.device.state, State::Reporting { .. }) {
            let finished = self.device.state.rotation_id();
            self.device.state = State::Steady { finished };
        }
        let commands = self.say_again(timing);
        Step::counted(self, commands)
    }

    /// What the state wants the server to know, said (again) over the session that is up.
    fn say_again(&self, timing: &Timing) -> Vec<Command> {
        match &self.device.state {
            State::AwaitingCertificate { rotation_id, rekey } => {
                self.send_csr(*rotation_id, *rekey)
            }
            state @ (State::Steady { .. }
            | State::Trying { .. }
            | State::Acknowledging { .. }
            | State::RunningHook { .. }
            | State::ReportingHook { .. }
            | State::Reporting { .. }) => send_report(state, timing),
        }
    }

    fn send_csr(&self, rotation_id: Option<RotationId>, rekey: bool) -> Vec<Command> {
        let candidate = self.device.slots.candidate;
        candidate
            .map(|generation| Command::SendCsr { rotation_id, generation, rekey })
            .into_iter()
            .collect()
    }

    fn csr_requested(
        mut self,
        rotation_id: Option<RotationId>,
        rekey: bool,
        refused: bool,
    ) -> Step {
        let same = self.device.state.rotation_id() == rotation_id;
        match &self.device.state {
            State::AwaitingCertificate { rekey, .. } if same && !refused => {
                let commands = self.send_csr(rotation_id, *rekey);
                Step::counted(self, commands)
            }
            State::AwaitingCertificate { .. } => self.begin(rotation_id, rekey),
            State::Acknowledging { .. } if !same && self.link.online == Some(Slot::Candidate) => {
                // The server rotates the candidate's certificate already: it knows that it works.
                self.device.slots.promote();
                self.link.online = Some(Slot::Current);
                self.begin(rotation_id, rekey)
            }
            State::Steady { .. } if rotation_id.is_none() => self.begin(rotation_id, rekey),
            State::Steady { .. }
            | State::Trying { .. }
            | State::Acknowledging { .. }
            | State::RunningHook { .. }
            | State::ReportingHook { .. }
            | State::Reporting { .. }
                if same =>
            {
                Step::ignored(self, Ignored::Duplicate)
            }
            State::Steady { .. }
            | State::Trying { .. }
            | State::Acknowledging { .. }
            | State::RunningHook { .. }
            | State::ReportingHook { .. }
            | State::Reporting { .. } => self.begin(rotation_id, rekey),
        }
    }

    /// Begins a rotation with a fresh candidate; what it replaces is forgotten.
    fn begin(mut self, rotation_id: Option<RotationId>, rekey: bool) -> Step {
        let dropped = self.device.slots.begin();
        self.device.state = State::AwaitingCertificate { rotation_id, rekey };
        if self.link.dialing == Some(Slot::Candidate) {
            self.link.dialing = None;
        }
        let mut commands: Vec<Command> =
            dropped.into_iter().map(|generation| Command::Forget { generation }).collect();
        commands.extend(self.send_csr(rotation_id, rekey));
        Step::counted(self, commands)
    }

    fn csr_failed(mut self, code: ErrorCode, text: String, timing: &Timing) -> Step {
        let State::AwaitingCertificate { rotation_id, .. } = self.device.state else {
            return Step::ignored(self, Ignored::OutOfTurn);
        };
        let (certificate_id, phase) = (None, Phase::Csr);
        self.device.state = State::Reporting { rotation_id, certificate_id, code, text, phase };
        let commands = self.if_online(send_report(&self.device.state, timing));
        Step::counted(self, commands)
    }

    fn if_online(&self, commands: Vec<Command>) -> Vec<Command> {
        if self.link.online.is_some() { commands } else { Vec::new() }
    }

    fn certificate_received(
        mut self,
        named: Option<RotationId>,
        checked: Checked,
        timing: &Timing,
    ) -> Step {
        let ours = self.device.state.rotation_id();
        match self.device.state {
            State::AwaitingCertificate { rotation_id, .. } if named.is_none() || named == ours => {
                self.certificate_checked(rotation_id, checked, timing)
            }
            State::Steady { .. } if named.is_some() && named != ours => {
                Step::counted(self, [no_candidate(named)])
            }
            State::AwaitingCertificate { .. } => Step::ignored(self, Ignored::OtherRotation),
            State::Trying { .. } if self.link.dialing.is_none() => {
                let commands = self.dial(Slot::Candidate, Duration::ZERO);
                Step::counted(self, commands)
            }
            State::Steady { .. }
            | State::Trying { .. }
            | State::Acknowledging { .. }
            | State::RunningHook { .. }
            | State::ReportingHook { .. }
            | State::Reporting { .. } => Step::ignored(self, Ignored::Duplicate),
        }
    }

    fn certificate_checked(
        mut self,
        rotation_id: Option<RotationId>,
        checked: Checked,
        timing: &Timing,
    ) -> Step {
        match checked {
            Checked::Good(certificate_id) => {
                self.device.state = State::Trying { rotation_id, certificate_id };
                self.link.failures = 0;
                self.link.rejections = 0;
                let commands = self.dial(Slot::Candidate, Duration::ZERO);
                Step::counted(self, commands)
            }
            Checked::Bad { code, text } => {
                let (certificate_id, phase) = (None, Phase::Certificate);
                self.device.state =
                    State::Reporting { rotation_id, certificate_id, code, text, phase };
                let commands = self.if_online(send_report(&self.device.state, timing));
                Step::counted(self, commands)
            }
        }
    }

    /// The server will not go on with this device's CSR: the rotation is over.
    fn refused(self, about: Kind, code: RefusalCode, named: Option<RotationId>) -> Step {
        let ours = self.device.state.rotation_id();
        let waiting = matches!(self.device.state, State::AwaitingCertificate { .. });
        if !waiting || about != Kind::CsrRes || ends_nothing(code) {
            return Step::ignored(self, Ignored::OutOfTurn);
        }
        if named.is_some() && named != ours {
            return Step::ignored(self, Ignored::OtherRotation);
        }
        self.finish()
    }

    fn delivered(mut self, kind: Kind, timing: &Timing) -> Step {
        match (&self.device.state, kind) {
            (State::Acknowledging { rotation_id, certificate_id }, Kind::CrtAck)
                if self.link.online == Some(Slot::Candidate) =>
            {
                let (rotation_id, certificate_id) = (*rotation_id, *certificate_id);
                self.device.slots.promote();
                self.link.online = Some(Slot::Current);
                self.promoted(rotation_id, certificate_id, timing)
            }
            (State::ReportingHook { .. }, Kind::CrtAck)
            | (State::Reporting { .. }, Kind::CrtErr) => self.finish(),
            (State::AwaitingCertificate { .. }, Kind::CsrRes) => Step::counted(self, []),
            _ => Step::ignored(self, Ignored::OutOfTurn),
        }
    }

    fn promoted(
        mut self,
        rotation_id: Option<RotationId>,
        certificate_id: crate::ids::CertificateId,
        timing: &Timing,
    ) -> Step {
        if !timing.has_hook {
            self.device.state = State::Steady { finished: rotation_id };
            return Step::counted(self, []);
        }
        self.device.state = State::RunningHook { rotation_id, certificate_id };
        Step::counted(self, [Command::RunHook { certificate_id }])
    }

    fn hook_ended(mut self, hook: HookResult, timing: &Timing) -> Step {
        let State::RunningHook { rotation_id, certificate_id } = self.device.state else {
            return Step::ignored(self, Ignored::OutOfTurn);
        };
        self.device.state = State::ReportingHook { rotation_id, certificate_id, hook };
        let commands = self.if_online(send_report(&self.device.state, timing));
        Step::counted(self, commands)
    }

    /// Back to steady; a candidate, if there is one, is forgotten.
    fn finish(mut self) -> Step {
        let finished = self.device.state.rotation_id();
        self.device.state = State::Steady { finished };
        if self.link.dialing == Some(Slot::Candidate) {
            self.link.dialing = None;
        }
        let candidate = self.device.slots.candidate.take();
        let forget = candidate.map(|generation| Command::Forget { generation });
        Step::counted(self, forget.into_iter().collect::<Vec<_>>())
    }

    fn woke(self, timing: &Timing) -> Step {
        let commands = self.if_online(send_report(&self.device.state, timing));
        Step::counted(self, commands)
    }
}

/// Refusals that do not end the rotation: the server goes on with what it has.
const fn ends_nothing(code: RefusalCode) -> bool {
    matches!(
        code,
        RefusalCode::OutOfTurn
            | RefusalCode::NoEvidence
            | RefusalCode::MalformedMessage
            | RefusalCode::Other
    )
}

fn no_candidate(rotation_id: Option<RotationId>) -> Command {
    Command::SendErr {
        rotation_id,
        code: ErrorCode::NoCandidate,
        text: "this device has no key that waits for a certificate".to_owned(),
        phase: Phase::Certificate,
    }
}

/// The message that a state keeps sending until the broker acknowledges it.
pub(super) fn send_report(state: &State, timing: &Timing) -> Vec<Command> {
    let message = match state.clone() {
        State::Acknowledging { rotation_id, certificate_id } => {
            Command::SendAck { rotation_id, certificate_id, hook: None }
        }
        State::ReportingHook { rotation_id, certificate_id, hook } => {
            Command::SendAck { rotation_id, certificate_id, hook: Some(hook) }
        }
        State::Reporting { rotation_id, code, text, phase, .. } => {
            Command::SendErr { rotation_id, code, text, phase }
        }
        State::Steady { .. }
        | State::AwaitingCertificate { .. }
        | State::Trying { .. }
        | State::RunningHook { .. } => return Vec::new(),
    };
    vec![message, Command::Wake { after_for: timing.resend_for }]
}
