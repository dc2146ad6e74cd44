//! `Retiring`: the incoming certificate is proven; the outgoing one is being withdrawn.

use serde::{Deserialize, Serialize};

use super::{
    Command, Failed, Failure, Fault, Ignored, Input, Notice, Rotated, State, Step,
    step::{Context, unfit},
    trying::Trying,
};
use crate::{ids::CertificateId, message::HookResult, time::Timestamp};

/// Why the outgoing certificate may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// The incoming certificate's key acknowledged.
    Acknowledged,
    /// The device's latest connection was made with the incoming certificate.
    SeenConnecting,
    /// No broker accepts the outgoing certificate any more: it expired. Proves nothing of the
    /// incoming one, so the rotation still fails.
    OutgoingExpired,
}

/// Waits for the registry.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Retiring {
    /// The incoming certificate.
    pub incoming: CertificateId,
    /// Why the outgoing one may go.
    pub evidence: Evidence,
    /// What the rotation failed of, where the evidence is [`Evidence::OutgoingExpired`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// How the device's hook ended, if it said so already.
    pub hook: Option<HookResult>,
    /// How often retiring was tried.
    pub tries: u32,
    /// When to try again.
    pub due_at: Timestamp,
}

impl Retiring {
    pub(super) fn begin(
        incoming: CertificateId,
        evidence: Evidence,
        context: &Context<'_>,
    ) -> Step {
        Self::start(incoming, evidence, None, context)
    }

    /// Instead of rolling back: the incoming certificate is the only one left that may let the
    /// device in.
    pub(super) fn expired(
        incoming: CertificateId,
        failure: Failure,
        context: &Context<'_>,
    ) -> Step {
        Self::start(incoming, Evidence::OutgoingExpired, Some(failure), context)
    }

    fn start(
        incoming: CertificateId,
        evidence: Evidence,
        failure: Option<Failure>,
        context: &Context<'_>,
    ) -> Step {
        Self { incoming, evidence, failure, hook: None, tries: 0, due_at: context.now }
            .first_try(context)
    }

    pub(super) fn on(self, input: Input, context: &Context<'_>) -> Step {
        match input {
            Input::OutgoingRetired => self.retired(context),
            Input::RetireFailed { fault } => self.failed(fault, context),
            Input::DeadlinePassed { .. } => self.try_again(context),
            Input::AckReceived { sender, hook, certificate_id, .. }
                if sender.is(&self.incoming)
                    && self.failure.is_some()
                    && certificate_id.is_none_or(|named| named == self.incoming) =>
            {
                // What was kept for want of anything better turns out to work.
                let proven = Self { evidence: Evidence::Acknowledged, failure: None, ..self };
                Step::to(proven.into(), []).reporting(hook)
            }
            Input::AckReceived { sender, hook: Some(hook), .. }
                if sender.is(&self.incoming) && self.hook.is_none() =>
            {
                Step::to(self.into(), []).reporting(Some(hook))
            }
            Input::AckReceived { sender, .. } if sender.is(&self.incoming) => {
                Step::ignored(self.into(), Ignored::Duplicate)
            }
            Input::Cancelled { .. }
            | Input::CsrReceived { .. }
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
            | Input::IncomingRetired => unfit(self.into(), &input, Ignored::OutOfTurn),
        }
    }

    fn retired(self, context: &Context<'_>) -> Step {
        if let Some(failure) = self.failure {
            return Failed::keeping(self.incoming, failure, context);
        }
        let Self { incoming, evidence, hook, .. } = self;
        Step::to(State::Rotated(Rotated { incoming, evidence, hook, ended_at: context.now }), [])
    }
}

impl Trying for Retiring {
    const ASKED: &'static str = "the registry";

    fn tries(&mut self) -> (&mut u32, &mut Timestamp) {
        (&mut self.tries, &mut self.due_at)
    }

    fn command(&self) -> Command {
        Command::RetireOutgoing
    }

    /// A certificate that should be inactive is worth every try.
    fn is_hopeless(_: &Fault) -> bool {
        false
    }

    fn give_up(self, reason: String, context: &Context<'_>) -> Step {
        let failure = Failure::RetiringFailed { reason };
        let mut step = Failed::keeping(self.incoming, failure, context);
        let certificate_id = context.rotation.outgoing;
        step.commands
            .push(Command::Notify { notice: Notice::CertificateLeftActive { certificate_id } });
        step
    }
}

impl Step {
    /// Keeps what the device said of its hook, and tells people if it failed.
    pub(super) fn reporting(mut self, hook: Option<HookResult>) -> Self {
        let (State::Retiring(state), Some(hook)) = (&mut self.state, hook) else { return self };
        self.commands.extend(hook_notice(&hook));
        state.hook = Some(hook);
        self
    }
}

/// Tells people of a hook that failed.
pub(super) fn hook_notice(hook: &HookResult) -> Vec<Command> {
    if hook.exit_code == Some(0) {
        return Vec::new();
    }
    vec![Command::Notify { notice: Notice::HookFailed { hook: hook.clone() } }]
}

impl From<Retiring> for State {
    fn from(state: Retiring) -> Self {
        Self::Retiring(state)
    }
}
