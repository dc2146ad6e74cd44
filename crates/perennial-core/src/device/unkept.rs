//! Unkept: what an input led to could not be made durable: a disk is full, say. The device stays on
//! what it has, says so where a server waits for it, and makes up for the rest later.

use super::{Checked, Command, Input, Machine, Slot, State, Step, Timing};
use crate::{
    ids::RotationId,
    message::{ErrorCode, HookResult, Phase},
};

/// Decides what comes of `input` when the step that it led to from `machine` could not be made
/// durable, for the reason in `text`. The durable part is left as it is.
pub fn unkept(machine: Machine, input: Input, text: String, timing: &Timing) -> Step {
    let ours = machine.device.state.rotation_id();
    let storage = ErrorCode::StorageFailed;
    match input {
        Input::CsrRequested { rotation_id, .. } => {
            machine.unkept_err(rotation_id, storage, text, Phase::Csr)
        }
        Input::CsrFailed { code, text } => machine.unkept_err(ours, code, text, Phase::Csr),
        Input::CertificateReceived { checked: Checked::Good(_), .. } => {
            machine.unkept_err(ours, storage, text, Phase::Certificate)
        }
        Input::CertificateReceived { checked: Checked::Bad { code, text }, .. } => {
            machine.unkept_err(ours, code, text, Phase::Certificate)
        }
        Input::Connected { slot } => machine.unkept_session(slot, timing),
        Input::ConnectFailed { draw, .. } => machine.unkept_failure(draw, timing),
        Input::HookEnded { hook } => machine.unkept_hook(hook, timing),
        // What is said again brings the same input again.
        Input::Delivered { .. } | Input::Woke | Input::Refused { .. } => {
            Step::counted(machine, [Command::Wake { after_for: timing.resend_for }])
        }
        Input::Booted => machine.booted(),
        Input::Disconnected { draw } => machine.disconnected(draw, timing),
    }
}

impl Machine {
    fn unkept_err(
        self,
        rotation_id: Option<RotationId>,
        code: ErrorCode,
        text: String,
        phase: Phase,
    ) -> Step {
        Step::counted(self, [Command::SendErr { rotation_id, code, text, phase }])
    }

    /// The session is good; the next input that comes takes up what it means.
    fn unkept_session(mut self, slot: Slot, timing: &Timing) -> Step {
        self.link.is_up(slot);
        Step::counted(self, [Command::Wake { after_for: timing.resend_for }])
    }

    /// The candidate is given up. Said if it can be; the candidate is tried again all the same,
    /// since that is what a restart would do.
    fn unkept_failure(mut self, draw: u32, timing: &Timing) -> Step {
        let ours = self.device.state.rotation_id();
        self.link.rejections = 0;
        if self.link.online.is_none() {
            let commands = self.dial(Slot::Current, timing.pause(self.link.failures, draw));
            return Step::counted(self, commands);
        }
        let text = "no session came about with the new certificate".to_owned();
        let (code, phase) = (ErrorCode::CandidateRefused, Phase::Trial);
        let mut commands = vec![Command::SendErr { rotation_id: ours, code, text, phase }];
        commands.extend(self.dial(Slot::Candidate, timing.max_backoff_for));
        Step::counted(self, commands)
    }

    fn unkept_hook(mut self, hook: HookResult, timing: &Timing) -> Step {
        self.link.unkept_hook = Some(hook);
        Step::counted(self, [Command::Wake { after_for: timing.resend_for }])
    }

    /// Makes up for what the session that is up, or the hook's end, should have led to, and could
    /// not be kept.
    pub(super) fn caught_up(&mut self) -> Vec<Command> {
        let hook = self.link.unkept_hook.take();
        if let (State::RunningHook { rotation_id, certificate_id }, Some(hook)) =
            (&self.device.state, hook)
        {
            let (rotation_id, certificate_id) = (*rotation_id, *certificate_id);
            self.device.state = State::ReportingHook { rotation_id, certificate_id, hook };
        }
        match (self.link.online, &self.device.state) {
            (Some(Slot::Previous), _) if self.device.slots.previous.is_some() => self.settle_back(),
            (
                Some(Slot::Candidate),
                State::Trying { rotation_id, certificate_id }
                | State::Reporting { rotation_id, certificate_id: Some(certificate_id), .. },
            ) => {
                let (rotation_id, certificate_id) = (*rotation_id, *certificate_id);
                self.device.state = State::Acknowledging { rotation_id, certificate_id };
                Vec::new()
            }
            (Some(_) | None, _) => Vec::new(),
        }
    }
}
