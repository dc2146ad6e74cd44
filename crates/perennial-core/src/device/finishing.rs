//! Finishing: the broker has the last word of a rotation, the hook has run, all is steady again.

use super::{Command, Machine, Slot, State, Step, Timing, step::Ignored};
use crate::{
    ids::{CertificateId, RotationId},
    message::HookResult,
    topic::Kind,
};

impl Machine {
    pub(super) fn delivered(mut self, kind: Kind, timing: &Timing) -> Step {
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
        certificate_id: CertificateId,
        timing: &Timing,
    ) -> Step {
        if !timing.has_hook {
            self.device.state = State::Steady { finished: rotation_id };
            return Step::counted(self, []);
        }
        self.device.state = State::RunningHook { rotation_id, certificate_id };
        Step::counted(self, [Command::RunHook { certificate_id }])
    }

    pub(super) fn hook_ended(mut self, hook: HookResult, timing: &Timing) -> Step {
        let State::RunningHook { rotation_id, certificate_id } = self.device.state else {
            return Step::ignored(self, Ignored::OutOfTurn);
        };
        self.device.state = State::ReportingHook { rotation_id, certificate_id, hook };
        let commands = self.say_again(timing);
        Step::counted(self, commands)
    }

    pub(super) fn finish(mut self) -> Step {
        let commands = self.end_rotation();
        Step::counted(self, commands)
    }

    /// Back to steady. The device cannot know how the server decided, so a certified candidate is
    /// kept; one without a certificate is forgotten.
    pub(super) fn end_rotation(&mut self) -> Vec<Command> {
        let dropped = self.device.slots.set_aside(self.device.state.candidate_is_certified());
        self.device.state = State::Steady { finished: self.device.state.rotation_id() };
        if self.link.dialing == Some(Slot::Candidate) {
            self.link.dialing = None;
        }
        dropped.into_iter().map(|generation| Command::Forget { generation }).collect()
    }
}
