//! Connecting: which credential to connect with, when, and what it means that one was refused.

use std::time::Duration;

use super::{
    Command, ConnectFailure, Machine, Slot, State, Step, Timing,
    step::{Ignored, send_report},
};
use crate::{
    ids::{CertificateId, RotationId},
    message::{ErrorCode, Phase},
};

impl Machine {
    /// Connects with `slot` after a pause; nothing when the slot is empty.
    pub(super) fn dial(&mut self, slot: Slot, after_for: Duration) -> Vec<Command> {
        let Some(generation) = self.device.slots.generation(slot) else { return Vec::new() };
        self.link.dialing = Some(slot);
        vec![Command::Connect { slot, generation, after_for }]
    }

    /// The best credential of the state.
    pub(super) fn preferred(&self) -> Slot {
        self.preference(0)
    }

    fn preference(&self, nth: usize) -> Slot {
        let mut filled = self.filled_preferences();
        let count = filled.clone().count().max(1);
        filled.nth(nth % count).unwrap_or(Slot::Current)
    }

    fn filled_preferences(&self) -> impl Iterator<Item = Slot> + Clone + '_ {
        let slots = &self.device.slots;
        let preferences = self.device.state.preferences().iter().copied();
        preferences.filter(|slot| slots.generation(*slot).is_some())
    }

    /// The credential to try after `slot`: the next one in the state's order, round and round.
    fn after(&self, slot: Slot) -> Slot {
        let place = self.filled_preferences().position(|filled| filled == slot);
        self.preference(place.map_or(0, |place| place + 1))
    }

    pub(super) fn disconnected(mut self, draw: u32, timing: &Timing) -> Step {
        self.link.online = None;
        if self.link.dialing.is_some() {
            return Step::counted(self, []);
        }
        let pause = timing.pause(self.link.failures, draw);
        let slot = self.preferred();
        let commands = self.dial(slot, pause);
        Step::counted(self, commands)
    }

    pub(super) fn connect_failed(
        mut self,
        slot: Slot,
        failure: ConnectFailure,
        draw: u32,
        timing: &Timing,
    ) -> Step {
        if self.link.dialing != Some(slot) {
            return Step::ignored(self, Ignored::OutOfTurn);
        }
        self.link.dialing = None;
        self.link.failures = self.link.failures.saturating_add(1);
        if failure == ConnectFailure::Rejected {
            self.link.rejections += 1;
        }
        match self.device.state.clone() {
            State::Trying { rotation_id, certificate_id }
            | State::Acknowledging { rotation_id, certificate_id } => {
                self.candidate_failed(rotation_id, certificate_id, failure, draw, timing)
            }
            State::Steady { .. }
            | State::AwaitingCertificate { .. }
            | State::RunningHook { .. }
            | State::ReportingHook { .. }
            | State::Reporting { .. } => self.dial_on(slot, failure, draw, timing),
        }
    }

    /// Tries again, with another credential once this one was refused often enough. While a
    /// failure is being reported it moves on at once, since the candidate may work after all.
    fn dial_on(mut self, slot: Slot, failure: ConnectFailure, draw: u32, timing: &Timing) -> Step {
        let reporting = matches!(self.device.state, State::Reporting { .. });
        let refused_enough =
            failure == ConnectFailure::Rejected && self.link.rejections >= timing.max_rejections;
        let next = if refused_enough || reporting {
            self.link.rejections = 0;
            self.after(slot)
        } else {
            slot
        };
        let pause = timing.pause(self.link.failures, draw);
        let commands = self.dial(next, pause);
        Step::counted(self, commands)
    }

    fn candidate_failed(
        mut self,
        rotation_id: Option<RotationId>,
        certificate_id: CertificateId,
        failure: ConnectFailure,
        draw: u32,
        timing: &Timing,
    ) -> Step {
        // With another session up, an unreachable broker is the candidate's fault too.
        let patience = match (failure, self.link.online) {
            (ConnectFailure::Rejected, _) | (_, Some(_)) => timing.max_rejections,
            (ConnectFailure::Unreachable, None) => timing.max_unreachable,
        };
        let count = match failure {
            ConnectFailure::Rejected => self.link.rejections,
            ConnectFailure::Unreachable => self.link.failures,
        };
        if count < patience {
            let pause = timing.pause(self.link.failures, draw);
            let commands = self.dial(Slot::Candidate, pause);
            return Step::counted(self, commands);
        }
        self.link.rejections = 0;
        let code = match failure {
            ConnectFailure::Rejected => ErrorCode::CandidateRefused,
            ConnectFailure::Unreachable => ErrorCode::CandidateUnreachable,
        };
        let text = format!("no session came about with the new certificate after {count} tries");
        self.device.state = State::Reporting {
            rotation_id,
            certificate_id: Some(certificate_id),
            code,
            text,
            phase: Phase::Trial,
        };
        self.report(draw, timing)
    }

    /// Sends the report over the session that is up, or connects to send it.
    fn report(mut self, draw: u32, timing: &Timing) -> Step {
        let commands = match self.link.online {
            Some(_) => send_report(&self.device.state, timing),
            None => {
                let pause = timing.pause(0, draw);
                self.dial(Slot::Current, pause)
            }
        };
        Step::counted(self, commands)
    }
}
