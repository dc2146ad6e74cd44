//! `Rotated` and `Failed`: the rotation has ended, and nothing but a late hook report counts.

use serde::{Deserialize, Serialize};

use super::{
    Command, Evidence, Failure, Ignored, Input, Notice, State, Step, resolution,
    retiring::hook_notice,
    step::{Context, unfit},
};
use crate::{
    ids::{CertificateId, RotationId},
    message::HookResult,
    time::Timestamp,
};

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
    /// The rotation that follows upon it, if one does; otherwise people were told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub followed_by: Option<RotationId>,
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
            | Input::StartRequested
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
        Self::new(None, false, reason, context).followed_or_announced(context)
    }

    /// The incoming certificate was withdrawn.
    pub(super) fn rolled_back(
        incoming: CertificateId,
        reason: Failure,
        context: &Context<'_>,
    ) -> Step {
        Self::new(Some(incoming), true, reason, context).followed_or_announced(context)
    }

    /// The incoming certificate was to be withdrawn and may still be active: people have to see
    /// to that first.
    pub(super) fn left_behind(
        incoming: CertificateId,
        reason: Failure,
        context: &Context<'_>,
    ) -> Step {
        Self::new(Some(incoming), true, reason, context).announced()
    }

    /// The incoming certificate stays active.
    pub(super) fn keeping(incoming: CertificateId, reason: Failure, context: &Context<'_>) -> Step {
        Self::new(Some(incoming), false, reason, context).announced()
    }

    fn new(
        incoming: Option<CertificateId>,
        rolled_back: bool,
        reason: Failure,
        context: &Context<'_>,
    ) -> Self {
        Self { reason, incoming, rolled_back, followed_by: None, ended_at: context.now }
    }

    /// Another rotation follows, or people are told: one of both, never both.
    fn followed_or_announced(self, context: &Context<'_>) -> Step {
        let Some(successor) = resolution::successor(&self.reason, context) else {
            return self.announced();
        };
        let failed = Self { followed_by: Some(successor.rotation.id), ..self };
        let step = Step::to(State::Failed(failed), []);
        Step { successor: Some(Box::new(successor)), ..step }
    }

    fn announced(self) -> Step {
        let (reason, rolled_back) = (self.reason.clone(), self.rolled_back);
        let notice = Notice::RotationFailed { reason, rolled_back };
        Step::to(State::Failed(self), [Command::Notify { notice }])
    }
}
