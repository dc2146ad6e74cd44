//! `RollingBack`: the incoming certificate is being withdrawn; the outgoing one stays.

use serde::{Deserialize, Serialize};

use super::{
    Cancellation, Command, Failed, Failure, Fault, Ignored, Input, Notice, Retiring, State, Step,
    step::{Context, unfit},
    trying::Trying,
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
        Self { incoming, reason, tries: 0, due_at: context.now }.first_try(context)
    }

    pub(super) fn on(self, input: Input, context: &Context<'_>) -> Step {
        match input {
            Input::IncomingRetired => Failed::rolled_back(self.incoming, self.reason, context),
            Input::RetireFailed { fault } => self.failed(fault, context),
            Input::DeadlinePassed { .. } => self.try_again(context),
            Input::ErrReceived { .. } => Step::ignored(self.into(), Ignored::Duplicate),
            // What was called off is followed by nothing.
            Input::Cancelled { by } if matches!(self.reason, Failure::DeviceRefused { .. }) => {
                Step::to(Self { reason: Failure::Cancelled { by }, ..self }.into(), [])
            }
            Input::CsrReceived { .. }
            | Input::AckReceived { .. }
            | Input::DeviceConnected { .. }
            | Input::DeviceSubscribed { .. }
            | Input::CertificateIssued { .. }
            | Input::IssueRefused { .. }
            | Input::IssueFailed { .. }
            | Input::StartRequested
            | Input::Enrolled
            | Input::EnrollFailed { .. }
            | Input::OutgoingRetired
            | Input::Cancelled { .. } => unfit(self.into(), &input, Ignored::OutOfTurn),
        }
    }
}

impl Trying for RollingBack {
    const ASKED: &'static str = "the registry";

    fn tries(&mut self) -> (&mut u32, &mut Timestamp) {
        (&mut self.tries, &mut self.due_at)
    }

    fn command(&self) -> Command {
        Command::RetireIncoming { incoming: self.incoming }
    }

    /// A certificate that should be inactive is worth every try.
    fn is_hopeless(_: &Fault) -> bool {
        false
    }

    /// What the rotation failed of before says more than why this did.
    fn give_up(self, _: String, context: &Context<'_>) -> Step {
        let certificate_id = self.incoming;
        let mut step = Failed::left_behind(self.incoming, self.reason, context);
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
