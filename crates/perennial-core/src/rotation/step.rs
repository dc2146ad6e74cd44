//! One step: the total function from a state and an input to the next state and its commands.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{ClockSkew, Command, Failure, Input, Rotation, State, Successor, Timing};
use crate::{
    ids::RotationId,
    message::{ErrorCode, RefusalCode},
    time::Timestamp,
    topic::Kind,
};

/// What came of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The state from now on.
    pub state: State,
    /// What to do once that state is durable, in order.
    pub commands: Vec<Command>,
    /// Whether the input counted.
    pub note: Note,
    /// The rotation that follows upon this one, which has ended: to be opened in the same commit.
    pub successor: Option<Box<Successor>>,
}

/// Whether an input counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Note {
    /// It did.
    Counted,
    /// It did not, and why.
    Ignored(Ignored),
}

/// Why an input did not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ignored {
    /// The sender is not the certificate that must speak here.
    NoEvidence,
    /// The message names another rotation.
    OtherRotation,
    /// The message names another certificate.
    OtherCertificate,
    /// It is about another CSR than the one in hand.
    OtherCsr,
    /// It was said before.
    Duplicate,
    /// It does not fit the state.
    OutOfTurn,
    /// It was answered as often as it may be.
    Exhausted,
    /// The deadline is not due yet.
    NotDue,
    /// The rotation has ended.
    Closed,
}

impl Ignored {
    /// The same in words.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::NoEvidence => "the sender is not the certificate that must speak here",
            Self::OtherRotation => "it names another rotation",
            Self::OtherCertificate => "it names another certificate",
            Self::OtherCsr => "it is about another CSR than the one in hand",
            Self::Duplicate => "it was said before",
            Self::OutOfTurn => "it does not fit the state",
            Self::Exhausted => "it was answered as often as it may be",
            Self::NotDue => "the deadline is not due yet",
            Self::Closed => "the rotation has ended",
        }
    }
}

/// What a step may look at besides state and input.
pub(super) struct Context<'a> {
    pub(super) rotation: &'a Rotation,
    pub(super) timing: &'a Timing,
    pub(super) now: Timestamp,
}

impl Context<'_> {
    /// When to look again for a device that is away: at the latest when the hold ends, or when
    /// the outgoing certificate is of no use any more.
    pub(super) fn poll_at(&self) -> Timestamp {
        let ends = [self.rotation.gives_up_at, self.outgoing_unusable_at()];
        let ends = ends.into_iter().filter(|at| *at > self.now);
        ends.fold(self.now + self.timing.poll_for, Timestamp::min)
    }

    /// The first moment at which no broker lets the outgoing certificate in any more: its end
    /// (the last moment of use, RFC 5280 §4.1.2.5) and its recovery are over.
    pub(super) fn outgoing_unusable_at(&self) -> Timestamp {
        let last = self.rotation.outgoing_not_after + self.timing.recovery_for;
        last + Duration::from_millis(1)
    }

    /// Whether the outgoing certificate has expired, but is let in to be rotated.
    pub(super) fn outgoing_is_recovering(&self) -> bool {
        self.now > self.rotation.outgoing_not_after && !self.outgoing_is_unusable()
    }

    /// Whether no broker lets the outgoing certificate in any more.
    pub(super) fn outgoing_is_unusable(&self) -> bool {
        self.now >= self.outgoing_unusable_at()
    }

    /// What the rotation fails of when its device gives up.
    pub(super) fn given_up(
        &self,
        code: ErrorCode,
        text: String,
        device_time: Option<Timestamp>,
    ) -> Failure {
        let skew = device_time.map(|device_time| ClockSkew::of(device_time, self.now));
        Failure::DeviceRefused { code, text, skew }
    }

    /// When a verb sent just now is sent again unless its outcome came.
    pub(super) fn verb_due_at(&self) -> Timestamp {
        self.now + self.timing.verb_wait_for
    }
}

impl Step {
    pub(super) fn to(state: State, commands: impl Into<Vec<Command>>) -> Self {
        Self { state, commands: commands.into(), note: Note::Counted, successor: None }
    }

    pub(super) fn ignored(state: State, why: Ignored) -> Self {
        Self { state, commands: Vec::new(), note: Note::Ignored(why), successor: None }
    }

    /// The input is a device's message that does not count, and the device is told.
    pub(super) fn refused(state: State, about: Kind, why: Ignored) -> Self {
        let command =
            Command::Refuse { about, code: why.refusal(), reason: None, rotation_id: None };
        let commands = vec![command];
        Self { state, commands, note: Note::Ignored(why), successor: None }
    }

    /// Lets every refusal say which rotation the refused message had named.
    fn naming(mut self, named: Option<RotationId>) -> Self {
        for command in &mut self.commands {
            if let Command::Refuse { rotation_id, .. } = command {
                *rotation_id = named.or(*rotation_id);
            }
        }
        self
    }
}

impl Ignored {
    /// What the device is told.
    pub const fn refusal(self) -> RefusalCode {
        match self {
            Self::NoEvidence => RefusalCode::NoEvidence,
            Self::OtherRotation | Self::OtherCertificate => RefusalCode::OtherRotation,
            Self::Closed => RefusalCode::NotAsked,
            Self::OtherCsr | Self::Duplicate | Self::OutOfTurn | Self::Exhausted | Self::NotDue => {
                RefusalCode::OutOfTurn
            }
        }
    }
}

/// Decides what comes of `input`. Total: an input that does not fit is ignored with a reason.
pub fn step(
    rotation: &Rotation,
    state: State,
    input: Input,
    timing: &Timing,
    now: Timestamp,
) -> Step {
    let context = Context { rotation, timing, now };
    let named = input.named_rotation().copied();
    if let (Some(kind), Some(other)) = (input.message_kind(), named.filter(|id| *id != rotation.id))
    {
        return Step::refused(state, kind, Ignored::OtherRotation).naming(Some(other));
    }
    if matches!(input, Input::DeadlinePassed { .. }) && state.due_at().is_some_and(|due| now < due)
    {
        return Step::ignored(state, Ignored::NotDue);
    }
    dispatch(state, input, &context).naming(named)
}

fn dispatch(state: State, input: Input, context: &Context<'_>) -> Step {
    match state {
        State::AwaitingCsr(state) => state.on(input, context),
        State::Issuing(state) => state.on(input, context),
        State::Enrolling(state) => state.on(input, context),
        State::AwaitingAck(state) => state.on(input, context),
        State::Retiring(state) => state.on(input, context),
        State::RollingBack(state) => state.on(input, context),
        State::Rotated(state) => state.on(input),
        State::Failed(state) => state.on(input),
    }
}

/// What most states make of an input that is not theirs: messages are refused, the rest ignored.
pub(super) fn unfit(state: State, input: &Input, why: Ignored) -> Step {
    match input.message_kind() {
        Some(kind) => Step::refused(state, kind, why),
        None => Step::ignored(state, why),
    }
}
