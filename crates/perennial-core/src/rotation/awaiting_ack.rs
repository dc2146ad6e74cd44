//! `AwaitingAck`: the incoming certificate works and is on its way; only evidence from it counts.

use serde::{Deserialize, Serialize};

use super::{
    Command, Evidence, Failure, Ignored, Input, Presence, Retiring, RollingBack, Sender, State,
    Step,
    step::{Context, unfit},
};
use crate::{
    ids::{CertificateId, Digest},
    message::HookResult,
    time::Timestamp,
    topic::Kind,
};

/// Waits for evidence of the incoming certificate.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AwaitingAck {
    /// The incoming certificate.
    pub incoming: CertificateId,
    /// The CSR it was issued for.
    pub csr: Digest,
    /// How often it was delivered.
    pub deliveries: u32,
    /// When the device's latest connection was made, if that was with the incoming certificate.
    pub seen_at: Option<Timestamp>,
    /// When to complete, deliver again or roll back.
    pub due_at: Timestamp,
}

impl AwaitingAck {
    pub(super) fn begin(incoming: CertificateId, csr: Digest, context: &Context<'_>) -> Step {
        Self { incoming, csr, deliveries: 0, seen_at: None, due_at: context.now }.deliver(context)
    }

    pub(super) fn on(self, input: Input, context: &Context<'_>) -> Step {
        match input {
            Input::AckReceived { sender, certificate_id, hook, .. } => {
                self.acknowledged(sender, certificate_id, hook, context)
            }
            Input::ErrReceived { sender, code, text, device_time, .. } => {
                if sender.is(&context.rotation.outgoing) || sender.is(&self.incoming) {
                    let failure = context.given_up(code, text, device_time);
                    RollingBack::begin(self.incoming, failure, context)
                } else {
                    Step::refused(self.into(), Kind::CrtErr, Ignored::NoEvidence)
                }
            }
            Input::CsrReceived { sender, csr, .. } => self.asked_again(sender, csr.digest, context),
            Input::DeviceConnected { principal } => self.connected(principal, context),
            Input::DeviceSubscribed { principal } => {
                if principal == context.rotation.outgoing {
                    self.redeliver(context)
                } else {
                    self.connected(principal, context)
                }
            }
            Input::DeadlinePassed { presence } => self.overdue(presence, context),
            Input::Cancelled { by } => {
                RollingBack::begin(self.incoming, Failure::Cancelled { by }, context)
            }
            Input::CertificateIssued { .. }
            | Input::IssueRefused { .. }
            | Input::IssueFailed { .. }
            | Input::StartRequested
            | Input::Enrolled
            | Input::EnrollFailed { .. }
            | Input::OutgoingRetired
            | Input::IncomingRetired
            | Input::RetireFailed { .. } => unfit(self.into(), &input, Ignored::OutOfTurn),
        }
    }

    fn acknowledged(
        self,
        sender: Sender,
        certificate_id: Option<CertificateId>,
        hook: Option<HookResult>,
        context: &Context<'_>,
    ) -> Step {
        if certificate_id.is_some_and(|named| named != self.incoming) {
            return Step::refused(self.into(), Kind::CrtAck, Ignored::OtherCertificate);
        }
        if !sender.is(&self.incoming) {
            return Step::refused(self.into(), Kind::CrtAck, Ignored::NoEvidence);
        }
        Retiring::begin(self.incoming, Evidence::Acknowledged, context).reporting(hook)
    }

    /// The device sends its CSR again: it has not got the certificate.
    fn asked_again(self, sender: Sender, csr: Digest, context: &Context<'_>) -> Step {
        if !sender.is(&context.rotation.outgoing) {
            return Step::refused(self.into(), Kind::CsrRes, Ignored::NoEvidence);
        }
        if csr != self.csr {
            return Step::refused(self.into(), Kind::CsrRes, Ignored::OtherCsr);
        }
        self.redeliver(context)
    }

    fn connected(self, principal: CertificateId, context: &Context<'_>) -> Step {
        if principal == self.incoming {
            let due_at = self.due_at.min(context.now + context.timing.settle_for);
            return Step::to(Self { seen_at: Some(context.now), due_at, ..self }.into(), []);
        }
        // Whatever it proved before, the device is back on another certificate.
        Step::to(Self { seen_at: None, ..self }.into(), [])
    }

    fn redeliver(self, context: &Context<'_>) -> Step {
        if self.deliveries >= context.timing.max_deliveries {
            return Step::ignored(self.into(), Ignored::Exhausted);
        }
        Self { seen_at: None, ..self }.deliver(context)
    }

    fn deliver(self, context: &Context<'_>) -> Step {
        let deliveries = self.deliveries + 1;
        let wait_for = context.timing.wait_after(context.timing.ack_wait_for, deliveries);
        let command = Command::DeliverCertificate { incoming: self.incoming };
        let waiting = Self { deliveries, due_at: context.now + wait_for, ..self };
        Step::to(waiting.into(), [command])
    }

    fn overdue(self, presence: Presence, context: &Context<'_>) -> Step {
        let elsewhere =
            matches!(presence, Presence::Online(principal) if principal != self.incoming);
        if presence == Presence::Online(self.incoming) || (self.seen_at.is_some() && !elsewhere) {
            return Retiring::begin(self.incoming, Evidence::SeenConnecting, context);
        }
        // While the outgoing certificate recovers, giving up would leave a device that has the
        // incoming one with nothing once that ends: both are kept until then.
        let out_of_time =
            context.now >= context.rotation.gives_up_at && !context.outgoing_is_recovering();
        match presence {
            Presence::Offline if !out_of_time => {
                let due_at = context.poll_at();
                Step::to(Self { due_at, ..self }.into(), [])
            }
            // A device that is there gets all its deliveries, even when it came back late.
            Presence::Online(_) if self.deliveries < context.timing.max_deliveries => {
                self.redeliver(context)
            }
            Presence::Offline | Presence::Online(_) => {
                RollingBack::begin(self.incoming, Failure::NoAck, context)
            }
        }
    }
}

impl From<AwaitingAck> for State {
    fn from(state: AwaitingAck) -> Self {
        Self::AwaitingAck(state)
    }
}
