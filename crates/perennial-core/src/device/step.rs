//! One step of the device: the total function from a machine and an input to the next machine and
//! its commands.

use super::{Command, Input, Machine, Timing};

/// What came of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The machine from now on; its durable part goes to disk before any command is carried out.
    pub machine: Machine,
    /// What to do, in order.
    pub commands: Vec<Command>,
    /// Whether the input counted.
    pub note: Note,
}

/// Whether an input counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Note {
    /// It did.
    Counted,
    /// It did not, and why.
    Ignored(Ignored),
}

/// Why an input did not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ignored {
    /// It belongs to a rotation that ended, or to another one.
    OtherRotation,
    /// It was said before.
    Duplicate,
    /// It does not fit the state.
    OutOfTurn,
}

impl Ignored {
    /// The same in words.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::OtherRotation => "it belongs to a rotation that ended, or to another one",
            Self::Duplicate => "it was said before",
            Self::OutOfTurn => "it does not fit the state",
        }
    }
}

impl Step {
    pub(super) fn counted(machine: Machine, commands: impl Into<Vec<Command>>) -> Self {
        Self { machine, commands: commands.into(), note: Note::Counted }
    }

    pub(super) fn ignored(machine: Machine, why: Ignored) -> Self {
        Self { machine, commands: Vec::new(), note: Note::Ignored(why) }
    }
}

/// Decides what comes of `input`. Total: an input that does not fit is ignored with a reason.
pub fn step(mut machine: Machine, input: Input, timing: &Timing) -> Step {
    let mut commands = match input {
        // These name a slot by what is in it now.
        Input::Connected { .. } | Input::ConnectFailed { .. } | Input::Booted => Vec::new(),
        Input::Disconnected { .. }
        | Input::CsrRequested { .. }
        | Input::CsrFailed { .. }
        | Input::CertificateReceived { .. }
        | Input::Refused { .. }
        | Input::Delivered { .. }
        | Input::HookEnded { .. }
        | Input::Woke => machine.caught_up(),
    };
    let mut step = dispatch(machine, input, timing);
    commands.append(&mut step.commands);
    Step { commands, ..step }
}

fn dispatch(machine: Machine, input: Input, timing: &Timing) -> Step {
    match input {
        Input::Booted => machine.booted(),
        Input::Connected { slot } => machine.connected(slot, timing),
        Input::ConnectFailed { slot, failure, draw } => {
            machine.connect_failed(slot, failure, draw, timing)
        }
        Input::Disconnected { draw } => machine.disconnected(draw, timing),
        Input::CsrRequested { rotation_id, rekey, refused } => {
            machine.csr_requested(rotation_id, rekey, refused)
        }
        Input::CsrFailed { code, text } => machine.csr_failed(code, text, timing),
        Input::CertificateReceived { rotation_id, checked } => {
            machine.certificate_received(rotation_id, checked, timing)
        }
        Input::Refused { about, code, rotation_id } => machine.refused(about, code, rotation_id),
        Input::Delivered { kind } => machine.delivered(kind, timing),
        Input::HookEnded { hook } => machine.hook_ended(hook, timing),
        Input::Woke => machine.woke(timing),
    }
}
