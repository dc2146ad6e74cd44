//! Reporting: the message that a state keeps sending until the broker acknowledges it.

use super::{Command, Machine, State, Step, Timing};
use crate::ids::RotationId;

impl Machine {
    /// What the state wants the server to know, said (again) if a session is up.
    pub(super) fn say_again(&self, timing: &Timing) -> Vec<Command> {
        if self.link.online.is_none() {
            return Vec::new();
        }
        match &self.device.state {
            State::AwaitingCertificate { rotation_id, rekey } => {
                self.send_csr(*rotation_id, *rekey)
            }
            state @ (State::Steady { .. }
            | State::Trying { .. }
            | State::Acknowledging { .. }
            | State::RunningHook { .. }
            | State::ReportingHook { .. }
            | State::Reporting { .. }) => report(state, timing),
        }
    }

    pub(super) fn send_csr(&self, rotation_id: Option<RotationId>, rekey: bool) -> Vec<Command> {
        let candidate = self.device.slots.candidate;
        let send = candidate.map(|generation| Command::SendCsr { rotation_id, generation, rekey });
        send.into_iter().collect()
    }

    pub(super) fn woke(self, timing: &Timing) -> Step {
        let commands = match (&self.device.state, self.link.online) {
            (_, None) => Vec::new(),
            (state, Some(_)) => report(state, timing),
        };
        Step::counted(self, commands)
    }
}

fn report(state: &State, timing: &Timing) -> Vec<Command> {
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
