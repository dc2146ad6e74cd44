//! `RollingBack`: the incoming certificate is being withdrawn; the outgoing one stays.

use serde::{Deserialize, Serialize};

use super::{
    Cancellation, Command, Failed, Failure, Ignored, Input, Notice, Retiring, State, Step,
    step::{Context, unfit},
};
use crate::{ids::CertificateId, time::Timestamp};

/// Waits for the registry.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RollingBack {
    /// The incoming certificate.
    pub incoming: CertificateId,
    /// Why the rotation failed.
    pub reason: Failure,
    /// How often retiring was tried.
    pub tries: u32,
    /// When to try again.
    pub due_at: Timestamp,
}

impl RollingBack {
    /// Withdraws the incoming certificate, unless it is the only one left that could let the
    /// device in: then the outgoing one goes, which no broker accepts any more. An outgoing
    /// certificate that other hands withdrew takes the incoming one with it.
    pub(super) fn begin(incoming: CertificateId, reason: Failure, context: &Context<'_>) -> Step {
        let withdrawn = reason == Failure::Cancelled { by: Cancellation::OutgoingWithdrawn };
        if context.outgoing_is_unusable() && !withdrawn {
            return Retiring::expired(incoming, reason, context);
        }
        let rolling_back = Self { incoming, reason, tries: 1, due_at: context.verb_due_at() };
        Step::to(rolling_back.into(), [Command::RetireIncoming { incoming }])
    }

    pub(super) fn on(self, input: Input, context: &Context<'_>) -> Step {
        match input {
            Input::IncomingRetired => Failed::rolled_back(self.incoming, self.reason, context),
            Input::RetireFailed { .. } if self.tries >= context.timing.max_tries => {
                self.give_up(context)
            }
            Input::RetireFailed { .. } => {
                let due_at = context.now + context.timing.pause_after(self.tries);
                Step::to(Self { due_at, ..self }.into(), [])
            }
            Input::DeadlinePassed { .. } if self.tries >= context.timing.max_tries => {
                self.give_up(context)
            }
            Input::DeadlinePassed { .. } => {
                let command = Command::RetireIncoming { incoming: self.incoming };
                let again = Self { tries: self.tries + 1, due_at: context.verb_due_at(), ..self };
                Step::to(again.into(), [command])
            }
            Input::ErrReceived { .. } => Step::ignored(self.into(), Ignored::Duplicate),
            Input::CsrReceived { .. }
            | Input::AckReceived { .. }
            | Input::DeviceConnected { .. }
            | Input::DeviceSubscribed { .. }
            | Input::CertificateIssued { .. }
            | Input::IssueRefused { .. }
            | Input::IssueFailed { .. }
            | Input::Enrolled
            | Input::EnrollFailed { .. }
            | Input::OutgoingRetired
            | Input::Cancelled { .. } => unfit(self.into(), &input, Ignored::OutOfTurn),
        }
    }

    fn give_up(self, context: &Context<'_>) -> Step {
        let certificate_id = self.incoming;
        let mut step = Failed::rolled_back(self.incoming, self.reason, context);
        step.commands
            .push(Command::Notify { notice: Notice::CertificateLeftActive { certificate_id } });
        step
    }
}

impl From<RollingBack> for State {
    fn from(state: RollingBack) -> Self {
        Self::RollingBack(state)
    }
}
