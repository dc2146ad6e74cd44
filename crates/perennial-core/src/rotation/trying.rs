//! Trying: what every state does that waits for a verb's outcome: try, pause, try again, give up.

use super::{Command, Fault, FaultKind, Notice, State, Step, step::Context};
use crate::time::Timestamp;

/// A state that waits for the outcome of one verb.
pub(super) trait Trying: Sized + Into<State> {
    /// Whose verb it is, for the reason when nobody answers.
    const ASKED: &'static str;

    /// How often it was tried, and when it is tried again.
    fn tries(&mut self) -> (&mut u32, &mut Timestamp);

    /// What is tried.
    fn command(&self) -> Command;

    /// Whether trying again is no use.
    fn is_hopeless(fault: &Fault) -> bool {
        fault.kind == FaultKind::Permanent
    }

    /// What comes when it was tried often enough, or is no use.
    fn give_up(self, reason: String, context: &Context<'_>) -> Step;

    /// Tries it for the first time; what `tries` holds before counts for nothing.
    fn first_try(mut self, context: &Context<'_>) -> Step {
        let (tries, due_at) = self.tries();
        (*tries, *due_at) = (1, context.verb_due_at());
        let command = self.command();
        Step::to(self.into(), [command])
    }

    /// It failed: pauses before the next try.
    fn failed(mut self, fault: Fault, context: &Context<'_>) -> Step {
        let (tries, due_at) = self.tries();
        if Self::is_hopeless(&fault) || *tries >= context.timing.max_tries {
            return self.give_up(fault.reason, context);
        }
        *due_at = context.now + context.timing.pause_after(*tries);
        let stuck = *tries == context.timing.stuck_tries;
        let notice =
            Notice::RotationStuck { waits_for: Self::ASKED.to_owned(), reason: fault.reason };
        Step::to(self.into(), stuck.then_some(Command::Notify { notice }).as_slice())
    }

    /// The pause is over, or no outcome came: tries it again.
    fn try_again(mut self, context: &Context<'_>) -> Step {
        let (tries, due_at) = self.tries();
        if *tries >= context.timing.max_tries {
            return self.give_up(format!("{} did not answer", Self::ASKED), context);
        }
        (*tries, *due_at) = (*tries + 1, context.verb_due_at());
        let command = self.command();
        Step::to(self.into(), [command])
    }
}
