//! Connecting: what it means that the device started, that a session is up, or that it is over.

use std::time::Duration;

use super::{Command, Link, Machine, Slot, State, Step, Timing};

impl Link {
    pub(super) fn is_up(&mut self, slot: Slot) {
        let unkept_hook = self.unkept_hook.take();
        *self = Self { online: Some(slot), unkept_hook, ..Self::default() };
    }
}

impl Machine {
    pub(super) fn booted(mut self) -> Step {
        let slot = self.preferred();
        let mut commands = self.dial(slot, Duration::ZERO);
        if let State::RunningHook { certificate_id, .. } = self.device.state {
            commands.push(Command::RunHook { certificate_id });
        }
        Step::counted(self, commands)
    }

    pub(super) fn connected(mut self, slot: Slot, timing: &Timing) -> Step {
        self.link.is_up(slot);
        match slot {
            Slot::Candidate => self.candidate_connected(timing),
            Slot::Previous if self.device.slots.previous.is_some() => self.fell_back(timing),
            Slot::Previous => {
                // Nothing of this device is in that slot any more.
                let slot = self.preferred();
                let commands = self.dial(slot, Duration::ZERO);
                Step::counted(self, commands)
            }
            Slot::Current if self.on_trial() => {
                // Somebody is there: now it shows whether the candidate gets through.
                let commands = self.dial(Slot::Candidate, Duration::ZERO);
                Step::counted(self, commands)
            }
            Slot::Current => {
                let commands = self.say_again(timing);
                Step::counted(self, commands)
            }
        }
    }

    /// The broker refuses the current credential and takes the previous one: that is current from
    /// now on. Whatever was to be told about the other one is void, except a failure.
    fn fell_back(mut self, timing: &Timing) -> Step {
        let mut commands = self.settle_back();
        commands.extend(self.say_again(timing));
        Step::counted(self, commands)
    }

    pub(super) fn settle_back(&mut self) -> Vec<Command> {
        self.device.slots.swap();
        self.link.online = Some(Slot::Current);
        match self.device.state {
            State::Reporting { .. } => Vec::new(),
            State::Steady { .. }
            | State::AwaitingCertificate { .. }
            | State::Trying { .. }
            | State::Acknowledging { .. }
            | State::RunningHook { .. }
            | State::ReportingHook { .. } => self.end_rotation(),
        }
    }

    pub(super) fn disconnected(mut self, draw: u32, timing: &Timing) -> Step {
        self.link.online = None;
        if self.link.dialing.is_some() {
            return Step::counted(self, []);
        }
        let pause = timing.pause(self.link.failures, draw);
        let slot = self.preferred();
        let commands = self.dial(slot, pause);
        Step::counted(self, commands)
    }
}
