//! `Issuing`: the authority has the device's CSR.

use serde::{Deserialize, Serialize};

use super::{
    AwaitingCsr, Command, Csr, Enrolling, Failed, Failure, Fault, FaultKind, Ignored, Input,
    RefusedCsr, State, Step,
    step::{Context, unfit},
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
            Input::DeadlinePassed { .. } => self.again(context),
            // What the authority still issues for it stays INACTIVE.
            Input::ErrReceived { sender, code, text, .. } => {
                if sender.is(&context.rotation.outgoing) {
                    Failed::before_issuing(Failure::DeviceRefused { code, text }, context)
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
            | Input::Enrolled
            | Input::EnrollFailed { .. }
            | Input::OutgoingRetired
            | Input::IncomingRetired
            | Input::RetireFailed { .. } => unfit(self.into(), &input, Ignored::OutOfTurn),
        }
    }

    fn failed(self, fault: Fault, context: &Context<'_>) -> Step {
        if fault.kind == FaultKind::Permanent || self.tries >= context.timing.max_tries {
            let failure = Failure::IssuingFailed { reason: fault.reason };
            return Failed::before_issuing(failure, context);
        }
        let due_at = context.now + context.timing.pause_after(self.tries);
        Step::to(Self { due_at, ..self }.into(), [])
    }

    fn again(self, context: &Context<'_>) -> Step {
        if self.tries >= context.timing.max_tries {
            let reason = "the authority did not answer".to_owned();
            return Failed::before_issuing(Failure::IssuingFailed { reason }, context);
        }
        let command = Command::Issue { csr: self.csr.clone() };
        let again = Self { tries: self.tries + 1, due_at: context.verb_due_at(), ..self };
        Step::to(again.into(), [command])
    }
}

impl From<Issuing> for State {
    fn from(state: Issuing) -> Self {
        Self::Issuing(state)
    }
}
