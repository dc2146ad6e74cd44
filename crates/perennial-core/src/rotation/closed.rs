//! `Rotated` and `Failed`: the rotation has ended, and nothing but a late hook report counts.

use serde::{Deserialize, Serialize};

use super::{
    Command, Evidence, Failure, Ignored, Input, Notice, State, Step,
    retiring::hook_notice,
    step::{Context, unfit},
};
use crate::{ids::CertificateId, message::HookResult, time::Timestamp};

/// The device proved the incoming certificate and the outgoing one is withdrawn.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rotated {
    /// The certificate in use.
    pub incoming: CertificateId,
    /// How it was proven.
    pub evidence: Evidence,
    /// How the device's hook ended, if it has one and said so.
    pub hook: Option<HookResult>,
    /// When it ended.
    pub ended_at: Timestamp,
}

/// The rotation ended without a proven certificate, or with the outgoing one left behind.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failed {
    /// Why.
    pub reason: Failure,
    /// The certificate that had been issued, if any.
    pub incoming: Option<CertificateId>,
    /// Whether that certificate was withdrawn again.
    pub rolled_back: bool,
    /// When it ended.
    pub ended_at: Timestamp,
}

impl Rotated {
    pub(super) fn on(self, input: Input) -> Step {
        match input {
            Input::AckReceived { sender, hook: Some(hook), .. }
                if sender.is(&self.incoming) && self.hook.is_none() =>
            {
                let commands = hook_notice(&hook);
                Step::to(State::Rotated(Self { hook: Some(hook), ..self }), commands)
            }
            Input::AckReceived { sender, .. } if sender.is(&self.incoming) => {
                Step::ignored(State::Rotated(self), Ignored::Duplicate)
            }
            Input::CsrReceived { .. }
            | Input::AckReceived { .. }
            | Input::ErrReceived { .. }
            | Input::DeviceConnected { .. }
            | Input::DeviceSubscribed { .. }
            | Input::CertificateIssued { .. }
            | Input::IssueRefused { .. }
            | Input::IssueFailed { .. }
            | Input::Enrolled
            | Input::EnrollFailed { .. }
            | Input::OutgoingRetired
            | Input::IncomingRetired
            | Input::RetireFailed { .. }
            | Input::DeadlinePassed { .. }
            | Input::Cancelled { .. } => unfit(State::Rotated(self), &input, Ignored::Closed),
        }
    }
}

impl Failed {
    pub(super) fn on(self, input: Input) -> Step {
        unfit(State::Failed(self), &input, Ignored::Closed)
    }

    /// No certificate was issued.
    pub(super) fn before_issuing(reason: Failure, context: &Context<'_>) -> Step {
        Self { reason, incoming: None, rolled_back: false, ended_at: context.now }.announced()
    }

    /// The incoming certificate was withdrawn.
    pub(super) fn rolled_back(
        incoming: CertificateId,
        reason: Failure,
        context: &Context<'_>,
    ) -> Step {
        let ended_at = context.now;
        Self { reason, incoming: Some(incoming), rolled_back: true, ended_at }.announced()
    }

    /// The incoming certificate stays active.
    pub(super) fn keeping(incoming: CertificateId, reason: Failure, context: &Context<'_>) -> Step {
        let ended_at = context.now;
        Self { reason, incoming: Some(incoming), rolled_back: false, ended_at }.announced()
    }

    fn announced(self) -> Step {
        let notice = Notice::RotationFailed { reason: self.reason.clone() };
        Step::to(State::Failed(self), [Command::Notify { notice }])
    }
}
