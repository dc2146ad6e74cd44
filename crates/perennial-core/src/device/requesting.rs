//! Requesting: the server wants a CSR, does not want this one, or none could be made.

use super::{Command, Machine, Slot, State, Step, Timing, step::Ignored};
use crate::{
    ids::RotationId,
    message::{ErrorCode, Phase, RefusalCode},
    topic::Kind,
};

impl Machine {
    pub(super) fn csr_requested(
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
            State::Acknowledging { .. } if !same && self.link.online == Some(Slot::Candidate) => {
                // The server rotates the candidate's certificate already: it knows that it works.
                self.device.slots.promote();
                self.link.online = Some(Slot::Current);
                self.device.state = State::Steady { finished: None };
                self.begin(rotation_id, rekey)
            }
            State::AwaitingCertificate { .. } => self.begin(rotation_id, rekey),
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

    /// Begins a rotation with a fresh candidate. A certified one is kept until the next
    /// certificate has come: this request may be a late one.
    fn begin(mut self, rotation_id: Option<RotationId>, rekey: bool) -> Step {
        let dropped = self.device.slots.begin(self.device.state.candidate_is_certified());
        self.device.state = State::AwaitingCertificate { rotation_id, rekey };
        if self.link.dialing == Some(Slot::Candidate) {
            self.link.dialing = None;
        }
        let mut commands: Vec<Command> =
            dropped.into_iter().map(|generation| Command::Forget { generation }).collect();
        commands.extend(self.send_csr(rotation_id, rekey));
        Step::counted(self, commands)
    }

    pub(super) fn csr_failed(mut self, code: ErrorCode, text: String, timing: &Timing) -> Step {
        let State::AwaitingCertificate { rotation_id, .. } = self.device.state else {
            return Step::ignored(self, Ignored::OutOfTurn);
        };
        let (certificate_id, phase) = (None, Phase::Csr);
        self.device.state = State::Reporting { rotation_id, certificate_id, code, text, phase };
        let commands = self.say_again(timing);
        Step::counted(self, commands)
    }

    /// The server will not go on with this device's CSR: the rotation is over.
    pub(super) fn refused(self, about: Kind, code: RefusalCode, named: Option<RotationId>) -> Step {
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
