//! Certifying: a certificate came, and is good or not.

use std::time::Duration;

use super::{Checked, Command, Machine, Slot, State, Step, Timing, step::Ignored};
use crate::{
    ids::{CertificateId, RotationId},
    message::{ErrorCode, Phase},
};

impl Machine {
    pub(super) fn certificate_received(
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
            Checked::Good(certificate_id) => self.try_candidate(rotation_id, certificate_id),
            Checked::Bad { code, text } => {
                let (certificate_id, phase) = (None, Phase::Certificate);
                self.device.state =
                    State::Reporting { rotation_id, certificate_id, code, text, phase };
                let commands = self.say_again(timing);
                Step::counted(self, commands)
            }
        }
    }

    /// A certificate for the candidate's own key shows that the server has done with the rotation
    /// before: only now is the previous credential of no more use.
    fn try_candidate(
        mut self,
        rotation_id: Option<RotationId>,
        certificate_id: CertificateId,
    ) -> Step {
        self.device.state = State::Trying { rotation_id, certificate_id };
        self.link.failures = 0;
        self.link.rejections = 0;
        let previous = self.device.slots.previous.take();
        let mut commands: Vec<Command> =
            previous.into_iter().map(|generation| Command::Forget { generation }).collect();
        commands.extend(self.dial(Slot::Candidate, Duration::ZERO));
        Step::counted(self, commands)
    }
}

fn no_candidate(rotation_id: Option<RotationId>) -> Command {
    Command::SendErr {
        rotation_id,
        code: ErrorCode::NoCandidate,
        text: "this device has no key that waits for a certificate".to_owned(),
        phase: Phase::Certificate,
    }
}
