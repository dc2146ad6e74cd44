//! Reports: how a schedule went, what many schedules came to, and what a violation looks like.

use std::fmt;

use crate::{FaultKind, Invariant};

/// How a schedule ended for its device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Its last rotation put an incoming certificate to use.
    Rotated,
    /// The device is one that never takes a certificate, and kept its outgoing one.
    Kept,
    /// An operator withdrew what it had.
    Withdrawn,
    /// Its certificates expired, recovery included, while it was away.
    Expired,
}

/// How one schedule went.
#[derive(Debug, Clone)]
pub struct Report {
    /// How it ended.
    pub ending: Ending,
    /// How many events happened.
    pub steps: u64,
    /// How many rotations closed as rotated, rolled back, unreachable and failed.
    pub outcomes: [u64; 4],
    /// How many of the rotated ones were opened after their certificate had expired.
    pub recovered: u64,
    /// How many of the rotated ones followed upon another, by remedy: whole chain, fitting clock,
    /// another key, attached anew, later.
    pub resolved: [u64; 5],
    /// How often each fault struck, in the order of [`FaultKind::ALL`].
    pub faults: [u64; FaultKind::COUNT],
}

/// What many schedules came to.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// How many schedules ran.
    pub schedules: u64,
    /// How many events happened in all.
    pub steps: u64,
    /// Rotations by outcome: rotated, rolled back, unreachable, failed.
    pub outcomes: [u64; 4],
    /// How many of the rotated ones were opened after their certificate had expired.
    pub recovered: u64,
    /// How many of the rotated ones followed upon another, by remedy, as in [`Report`].
    pub resolved: [u64; 5],
    /// Schedules by ending: rotated, kept, withdrawn, expired.
    pub endings: [u64; 4],
    /// How often each fault struck, in the order of [`FaultKind::ALL`].
    pub faults: [u64; FaultKind::COUNT],
}

impl Summary {
    /// Adds one schedule.
    pub fn add(&mut self, report: &Report) {
        self.schedules += 1;
        self.steps += report.steps;
        self.recovered += report.recovered;
        self.endings[report.ending as usize] += 1;
        sum(&mut self.outcomes, &report.outcomes);
        sum(&mut self.resolved, &report.resolved);
        sum(&mut self.faults, &report.faults);
    }

    /// Adds what another thread came to.
    pub fn merge(&mut self, other: &Self) {
        self.schedules += other.schedules;
        self.steps += other.steps;
        self.recovered += other.recovered;
        sum(&mut self.endings, &other.endings);
        sum(&mut self.outcomes, &other.outcomes);
        sum(&mut self.resolved, &other.resolved);
        sum(&mut self.faults, &other.faults);
    }
}

fn sum(total: &mut [u64], more: &[u64]) {
    for (total, more) in total.iter_mut().zip(more) {
        *total += more;
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} schedules, {} steps", self.schedules, self.steps)?;
        let [rotated, rolled_back, unreachable, failed] = self.outcomes;
        writeln!(
            f,
            "rotations: {rotated} rotated ({recovered} of them recovered), {rolled_back} rolled \
             back, {unreachable} unreachable, {failed} failed",
            recovered = self.recovered
        )?;
        let [chain, clock, key, attached, later] = self.resolved;
        writeln!(
            f,
            "resolved: {chain} by the whole chain, {clock} by a fitting beginning, {key} by \
             another key, {attached} by attaching anew, {later} later"
        )?;
        let [rotated, kept, withdrawn, expired] = self.endings;
        writeln!(
            f,
            "devices at the end: {rotated} rotated, {kept} kept theirs, {withdrawn} withdrawn by \
             an operator, {expired} expired while away"
        )?;
        for (kind, count) in FaultKind::ALL.iter().zip(self.faults) {
            writeln!(f, "  {count:>10} {kind:?}")?;
        }
        Ok(())
    }
}

/// An invariant that did not hold.
#[derive(Debug, Clone)]
pub struct Violation {
    /// The seed that replays it.
    pub seed: u64,
    /// After which event it did not hold.
    pub step: u64,
    /// Which one.
    pub invariant: Invariant,
    /// What was found.
    pub found: String,
    /// What had happened, the latest last.
    pub trace: Vec<String>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.trace {
            writeln!(f, "{line}")?;
        }
        write!(
            f,
            "seed {} step {}: {:?} does not hold: {}",
            self.seed, self.step, self.invariant, self.found
        )
    }
}

impl std::error::Error for Violation {}
