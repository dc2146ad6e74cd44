//! Dialing: which credential to connect with, when, and which one after that.

use std::time::Duration;

use super::{Command, ConnectFailure, Machine, Slot, State, Step, Timing, step::Ignored};

impl Machine {
    /// Connects with `slot` after a pause; nothing when the slot is empty.
    pub(super) fn dial(&mut self, slot: Slot, after_for: Duration) -> Vec<Command> {
        let Some(generation) = self.device.slots.generation(slot) else { return Vec::new() };
        self.link.dialing = Some(slot);
        vec![Command::Connect { slot, generation, after_for }]
    }

    /// The best credential of the state.
    pub(super) fn preferred(&self) -> Slot {
        self.preference(0)
    }

    fn preference(&self, nth: usize) -> Slot {
        let mut filled = self.filled_preferences();
        let count = filled.clone().count().max(1);
        filled.nth(nth % count).unwrap_or(Slot::Current)
    }

    fn filled_preferences(&self) -> impl Iterator<Item = Slot> + Clone + '_ {
        let slots = &self.device.slots;
        let preferences = self.device.state.preferences().iter().copied();
        preferences.filter(|slot| slots.generation(*slot).is_some())
    }

    /// The credential to try after `slot`: the next one in the state's order, round and round.
    pub(super) fn after(&self, slot: Slot) -> Slot {
        let place = self.filled_preferences().position(|filled| filled == slot);
        self.preference(place.map_or(0, |place| place + 1))
    }

    pub(super) fn connect_failed(
        mut self,
        slot: Slot,
        failure: ConnectFailure,
        draw: u32,
        timing: &Timing,
    ) -> Step {
        if self.link.dialing != Some(slot) {
            return Step::ignored(self, Ignored::OutOfTurn);
        }
        self.link.dialing = None;
        self.link.failures = self.link.failures.saturating_add(1);
        if failure == ConnectFailure::Rejected {
            self.link.rejections = self.link.rejections.saturating_add(1);
        }
        if self.on_trial() {
            self.trial_failed(slot, failure, draw, timing)
        } else {
            self.dial_on(slot, failure, draw, timing)
        }
    }

    /// Tries again, with another credential once this one was refused often enough. While a
    /// failure is being reported it moves on at once, since the candidate may work after all.
    fn dial_on(mut self, slot: Slot, failure: ConnectFailure, draw: u32, timing: &Timing) -> Step {
        let reporting = matches!(self.device.state, State::Reporting { .. });
        let refused_enough =
            failure == ConnectFailure::Rejected && self.link.rejections >= timing.max_rejections;
        let next = if refused_enough || reporting { self.after(slot) } else { slot };
        if next != slot {
            self.link.rejections = 0;
        }
        let pause = timing.pause(self.link.failures, draw);
        let commands = self.dial(next, pause);
        Step::counted(self, commands)
    }
}
