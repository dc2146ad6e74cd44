//! `Enrolling`: the registry attaches and activates the incoming certificate.

use serde::{Deserialize, Serialize};

use super::{
    AwaitingAck, Command, Failure, Ignored, Input, RollingBack, State, Step,
    step::{Context, unfit},
    trying::Trying,
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
        Self { incoming, csr, tries: 0, due_at: context.now }.first_try(context)
    }

    pub(super) fn on(self, input: Input, context: &Context<'_>) -> Step {
        match input {
            Input::Enrolled => AwaitingAck::begin(self.incoming, self.csr, context),
            Input::EnrollFailed { fault } => self.failed(fault, context),
            Input::DeadlinePassed { .. } => self.try_again(context),
            Input::ErrReceived { sender, code, text, device_time, .. } => {
                if sender.is(&context.rotation.outgoing) {
                    let failure = context.given_up(code, text, device_time);
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
            | Input::StartRequested
            | Input::OutgoingRetired
            | Input::IncomingRetired
            | Input::RetireFailed { .. } => unfit(self.into(), &input, Ignored::OutOfTurn),
        }
    }
}

impl Trying for Enrolling {
    const ASKED: &'static str = "the registry";

    fn tries(&mut self) -> (&mut u32, &mut Timestamp) {
        (&mut self.tries, &mut self.due_at)
    }

    fn command(&self) -> Command {
        Command::Enroll { incoming: self.incoming }
    }

    fn give_up(self, reason: String, context: &Context<'_>) -> Step {
        RollingBack::begin(self.incoming, Failure::EnrollingFailed { reason }, context)
    }
}

impl From<Enrolling> for State {
    fn from(state: Enrolling) -> Self {
        Self::Enrolling(state)
    }
}
