//! `Enrolling`: the registry attaches and activates the incoming certificate.

use serde::{Deserialize, Serialize};

use super::{
    AwaitingAck, Command, Failure, Fault, FaultKind, Ignored, Input, RollingBack, State, Step,
    step::{Context, unfit},
};
use crate::{
    ids::{CertificateId, Digest},
    time::Timestamp,
    topic::Kind,
};

/// Waits for the registry.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Enrolling {
    /// The certificate issued for this rotation.
    pub incoming: CertificateId,
    /// The CSR it was issued for.
    pub csr: Digest,
    /// How often enrolling was tried.
    pub tries: u32,
    /// When to try again.
    pub due_at: Timestamp,
}

impl Enrolling {
    pub(super) fn begin(incoming: CertificateId, csr: Digest, context: &Context<'_>) -> Step {
        let enrolling = Self { incoming, csr, tries: 1, due_at: context.verb_due_at() };
        Step::to(enrolling.into(), [Command::Enroll { incoming }])
    }

    pub(super) fn on(self, input: Input, context: &Context<'_>) -> Step {
        match input {
            Input::Enrolled => AwaitingAck::begin(self.incoming, self.csr, context),
            Input::EnrollFailed { fault } => self.failed(fault, context),
            Input::DeadlinePassed { .. } => self.again(context),
            Input::ErrReceived { sender, code, text, .. } => {
                if sender.is(&context.rotation.outgoing) {
                    let failure = Failure::DeviceRefused { code, text };
                    RollingBack::begin(self.incoming, failure, context)
                } else {
                    Step::refused(self.into(), Kind::CrtErr, Ignored::NoEvidence)
                }
            }
            Input::Cancelled { by } => {
                RollingBack::begin(self.incoming, Failure::Cancelled { by }, context)
            }
            Input::CsrReceived { ref csr, .. } if csr.digest == self.csr => {
                Step::ignored(self.into(), Ignored::Duplicate)
            }
            Input::CsrReceived { .. }
            | Input::AckReceived { .. }
            | Input::DeviceConnected { .. }
            | Input::DeviceSubscribed { .. }
            | Input::CertificateIssued { .. }
            | Input::IssueRefused { .. }
            | Input::IssueFailed { .. }
            | Input::OutgoingRetired
            | Input::IncomingRetired
            | Input::RetireFailed { .. } => unfit(self.into(), &input, Ignored::OutOfTurn),
        }
    }

    fn failed(self, fault: Fault, context: &Context<'_>) -> Step {
        if fault.kind == FaultKind::Permanent || self.tries >= context.timing.max_tries {
            let failure = Failure::EnrollingFailed { reason: fault.reason };
            return RollingBack::begin(self.incoming, failure, context);
        }
        let due_at = context.now + context.timing.pause_after(self.tries);
        Step::to(Self { due_at, ..self }.into(), [])
    }

    fn again(self, context: &Context<'_>) -> Step {
        if self.tries >= context.timing.max_tries {
            let failure = Failure::EnrollingFailed { reason: "the registry did not answer".into() };
            return RollingBack::begin(self.incoming, failure, context);
        }
        let command = Command::Enroll { incoming: self.incoming };
        let again = Self { tries: self.tries + 1, due_at: context.verb_due_at(), ..self };
        Step::to(again.into(), [command])
    }
}

impl From<Enrolling> for State {
    fn from(state: Enrolling) -> Self {
        Self::Enrolling(state)
    }
}
