//! `Issuing`: the authority has the device's CSR.

use serde::{Deserialize, Serialize};

use super::{
    AwaitingCsr, Command, Csr, Enrolling, Failed, Failure, Ignored, Input, RefusedCsr, State, Step,
    step::{Context, unfit},
    trying::Trying,
};
use crate::{time::Timestamp, topic::Kind};

/// Waits for the authority.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Issuing {
    /// The CSR in hand; kept here so that issuing can be tried again after a crash.
    pub csr: Csr,
    /// How many CSRs of the device were refused before.
    pub refusals: u32,
    /// How often issuing was tried.
    pub tries: u32,
    /// When to try again.
    pub due_at: Timestamp,
}

impl Issuing {
    pub(super) fn begin(csr: Csr, refusals: u32, context: &Context<'_>) -> Step {
        Self { csr, refusals, tries: 0, due_at: context.now }.first_try(context)
    }

    pub(super) fn on(self, input: Input, context: &Context<'_>) -> Step {
        match input {
            Input::CertificateIssued { csr, .. }
            | Input::IssueRefused { csr, .. }
            | Input::IssueFailed { csr, .. }
                if csr != self.csr.digest =>
            {
                Step::ignored(self.into(), Ignored::OtherCsr)
            }
            Input::CertificateIssued { incoming, .. } => {
                Enrolling::begin(incoming, self.csr.digest, context)
            }
            Input::IssueRefused { csr, code, reason } => {
                let refused = RefusedCsr { csr, code, reason };
                AwaitingCsr::after_refusal(self.refusals + 1, refused, context)
            }
            Input::IssueFailed { fault, .. } => self.failed(fault, context),
            Input::DeadlinePassed { .. } => self.try_again(context),
            // What the authority still issues for it stays INACTIVE.
            Input::ErrReceived { sender, code, text, device_time, .. } => {
                if sender.is(&context.rotation.outgoing) {
                    Failed::before_issuing(context.given_up(code, text, device_time), context)
                } else {
                    Step::refused(self.into(), Kind::CrtErr, Ignored::NoEvidence)
                }
            }
            Input::Cancelled { by } => Failed::before_issuing(Failure::Cancelled { by }, context),
            Input::CsrReceived { ref csr, .. } if csr.digest == self.csr.digest => {
                Step::ignored(self.into(), Ignored::Duplicate)
            }
            Input::CsrReceived { .. }
            | Input::AckReceived { .. }
            | Input::DeviceConnected { .. }
            | Input::DeviceSubscribed { .. }
            | Input::StartRequested
            | Input::Enrolled
            | Input::EnrollFailed { .. }
            | Input::OutgoingRetired
            | Input::IncomingRetired
            | Input::RetireFailed { .. } => unfit(self.into(), &input, Ignored::OutOfTurn),
        }
    }
}

impl Trying for Issuing {
    const ASKED: &'static str = "the authority";

    fn tries(&mut self) -> (&mut u32, &mut Timestamp) {
        (&mut self.tries, &mut self.due_at)
    }

    fn command(&self) -> Command {
        Command::Issue { csr: self.csr.clone() }
    }

    fn give_up(self, reason: String, context: &Context<'_>) -> Step {
        Failed::before_issuing(Failure::IssuingFailed { reason }, context)
    }
}

impl From<Issuing> for State {
    fn from(state: Issuing) -> Self {
        Self::Issuing(state)
    }
}
