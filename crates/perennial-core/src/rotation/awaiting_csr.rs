//! `AwaitingCsr`: the device is to be asked for a CSR, or has been.

use serde::{Deserialize, Serialize};

use super::{
    Command, Failed, Failure, Ignored, Input, Issuing, Presence, RefusedCsr, State, Step,
    step::{Context, unfit},
};
use crate::{time::Timestamp, topic::Kind};

/// Waits to ask, or for an answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AwaitingCsr {
    /// How often the device was asked since its last CSR.
    pub requests: u32,
    /// How many of its CSRs were refused.
    pub refusals: u32,
    /// The CSR refused last; every request says so until another CSR comes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<RefusedCsr>,
    /// Whether somebody wants it now: then no pause holds it up.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub at_once: bool,
    /// When to ask, ask again or give up.
    pub due_at: Timestamp,
}

impl AwaitingCsr {
    /// Waits for its turn.
    pub(super) const fn until(begins_at: Timestamp) -> Self {
        Self { requests: 0, refusals: 0, refused: None, at_once: false, due_at: begins_at }
    }

    /// Whether it waits for its turn, or for its device to be there.
    pub const fn is_to_begin(&self) -> bool {
        self.requests == 0 && self.refusals == 0
    }

    pub(super) fn on(self, input: Input, context: &Context<'_>) -> Step {
        match input {
            Input::CsrReceived { sender, csr, .. } => {
                if sender.is(&context.rotation.outgoing) {
                    Issuing::begin(csr, self.refusals, context)
                } else {
                    Step::refused(self.into(), Kind::CsrRes, Ignored::NoEvidence)
                }
            }
            // It gave up the rotation before, and says so again.
            Input::ErrReceived { .. } if self.requests == 0 && context.rotation.is_successor() => {
                Step::ignored(self.into(), Ignored::Duplicate)
            }
            Input::ErrReceived { sender, code, text, device_time, .. } => {
                if sender.is(&context.rotation.outgoing) {
                    Failed::before_issuing(context.given_up(code, text, device_time), context)
                } else {
                    Step::refused(self.into(), Kind::CrtErr, Ignored::NoEvidence)
                }
            }
            Input::DeviceSubscribed { principal } => {
                if principal != context.rotation.outgoing {
                    Step::ignored(self.into(), Ignored::NoEvidence)
                } else if !self.at_once && context.rotation.is_pausing(context.now) {
                    Step::ignored(self.into(), Ignored::NotDue)
                } else if self.requests >= context.timing.max_requests {
                    Step::ignored(self.into(), Ignored::Exhausted)
                } else {
                    self.ask(context)
                }
            }
            Input::DeadlinePassed { presence } => self.overdue(presence, context),
            Input::StartRequested if self.is_to_begin() => {
                let due_at = self.due_at.min(context.now);
                Step::to(Self { at_once: true, due_at, ..self }.into(), [])
            }
            Input::Cancelled { by } => Failed::before_issuing(Failure::Cancelled { by }, context),
            Input::AckReceived { .. }
            | Input::DeviceConnected { .. }
            | Input::CertificateIssued { .. }
            | Input::IssueRefused { .. }
            | Input::IssueFailed { .. }
            | Input::Enrolled
            | Input::EnrollFailed { .. }
            | Input::OutgoingRetired
            | Input::IncomingRetired
            | Input::RetireFailed { .. }
            | Input::StartRequested => unfit(self.into(), &input, Ignored::OutOfTurn),
        }
    }

    fn overdue(self, presence: Presence, context: &Context<'_>) -> Step {
        let online = presence == Presence::Online(context.rotation.outgoing);
        let out_of_time = context.now >= context.rotation.gives_up_at;
        match (online, out_of_time) {
            // A device that is there gets all its requests, even when it came back late.
            (true, _) if self.requests >= context.timing.max_requests => {
                Failed::before_issuing(self.unanswered(), context)
            }
            (true, _) => self.ask(context),
            (false, _) if context.outgoing_is_unusable() => {
                Failed::before_issuing(Failure::Expired, context)
            }
            (false, true) => Failed::before_issuing(Failure::Unreachable, context),
            (false, false) => {
                let due_at = context.poll_at();
                Step::to(Self { due_at, ..self }.into(), [])
            }
        }
    }

    fn unanswered(self) -> Failure {
        match self.refused {
            Some(RefusedCsr { code, reason, .. }) => Failure::CsrRefused { code, reason },
            None => Failure::NoAnswer,
        }
    }

    /// Sends `csr_req`, which tells why the CSR before, if any, did not do.
    fn ask(self, context: &Context<'_>) -> Step {
        let requests = self.requests + 1;
        let wait_for = context.timing.wait_after(context.timing.csr_wait_for, requests);
        let command = Command::RequestCsr { refused: self.refused.clone() };
        let asked = Self { requests, due_at: context.now + wait_for, ..self };
        Step::to(asked.into(), [command])
    }

    /// The state after a CSR was refused: asks for another until that was done often enough.
    pub(super) fn after_refusal(refusals: u32, refused: RefusedCsr, context: &Context<'_>) -> Step {
        if refusals >= context.timing.max_refusals {
            let RefusedCsr { code, reason, .. } = refused;
            let (about, rotation_id) = (Kind::CsrRes, Some(context.rotation.id));
            let told = Command::Refuse { about, code, reason: Some(reason.clone()), rotation_id };
            let mut step = Failed::before_issuing(Failure::CsrRefused { code, reason }, context);
            step.commands.insert(0, told);
            return step;
        }
        let refused = Some(refused);
        Self { refusals, refused, ..Self::until(context.now) }.ask(context)
    }
}

impl From<AwaitingCsr> for State {
    fn from(state: AwaitingCsr) -> Self {
        Self::AwaitingCsr(state)
    }
}
