//! The trial: the candidate is connected with; it gets through, or it is given up.

use super::{ConnectFailure, Machine, Slot, State, Step, Timing};
use crate::message::{ErrorCode, Phase};

impl Machine {
    /// Whether the candidate is to be connected with.
    pub(super) const fn on_trial(&self) -> bool {
        matches!(self.device.state, State::Trying { .. } | State::Acknowledging { .. })
    }

    pub(super) fn candidate_connected(mut self, timing: &Timing) -> Step {
        match self.device.state {
            State::Trying { rotation_id, certificate_id }
            | State::Acknowledging { rotation_id, certificate_id }
            | State::Reporting { rotation_id, certificate_id: Some(certificate_id), .. } => {
                self.device.state = State::Acknowledging { rotation_id, certificate_id };
                let commands = self.say_again(timing);
                Step::counted(self, commands)
            }
            // The rotation ended while this connection was made.
            State::Steady { .. }
            | State::AwaitingCertificate { .. }
            | State::RunningHook { .. }
            | State::ReportingHook { .. }
            | State::Reporting { certificate_id: None, .. } => {
                let commands = self.dial(Slot::Current, std::time::Duration::ZERO);
                Step::counted(self, commands)
            }
        }
    }

    /// The candidate is blamed when a broker refuses it, or cannot be reached with it while a
    /// session with the current credential is up. Where nobody answers at all, the current
    /// credential is tried in between to tell the one from the other.
    pub(super) fn trial_failed(
        mut self,
        slot: Slot,
        failure: ConnectFailure,
        draw: u32,
        timing: &Timing,
    ) -> Step {
        if slot != Slot::Candidate {
            self.link.rejections = 0;
            return self.dial_again(Slot::Candidate, draw, timing);
        }
        let (count, code) = match (failure, self.link.online) {
            (ConnectFailure::Rejected, _) => (self.link.rejections, ErrorCode::CandidateRefused),
            (ConnectFailure::Unreachable, Some(_)) => {
                (self.link.failures, ErrorCode::CandidateUnreachable)
            }
            (ConnectFailure::Unreachable, None) => {
                let enough = self.link.failures.is_multiple_of(timing.max_unreachable.max(1));
                let next = if enough { self.after(slot) } else { slot };
                return self.dial_again(next, draw, timing);
            }
        };
        if count < timing.max_rejections {
            return self.dial_again(slot, draw, timing);
        }
        self.give_up(code, count, draw, timing)
    }

    fn dial_again(mut self, slot: Slot, draw: u32, timing: &Timing) -> Step {
        let pause = timing.pause(self.link.failures, draw);
        let commands = self.dial(slot, pause);
        Step::counted(self, commands)
    }

    /// Reports over the session that is up, or connects to report.
    fn give_up(mut self, code: ErrorCode, count: u32, draw: u32, timing: &Timing) -> Step {
        let (State::Trying { rotation_id, certificate_id }
        | State::Acknowledging { rotation_id, certificate_id }) = self.device.state
        else {
            return Step::counted(self, []);
        };
        self.link.rejections = 0;
        self.device.state = State::Reporting {
            rotation_id,
            certificate_id: Some(certificate_id),
            code,
            text: format!("no session came about with the new certificate after {count} tries"),
            phase: Phase::Trial,
        };
        if self.link.online.is_none() {
            let pause = timing.pause(0, draw);
            let commands = self.dial(Slot::Current, pause);
            return Step::counted(self, commands);
        }
        let commands = self.say_again(timing);
        Step::counted(self, commands)
    }
}
