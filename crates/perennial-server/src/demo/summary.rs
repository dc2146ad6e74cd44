//! The summary: what became of each device.

use std::time::Duration;

use perennial_core::{
    ids::ThingName,
    rotation::{Outcome, State},
};
use serde::Serialize;

use super::{
    Options,
    fleet::{Fault, name},
};
use crate::Server;

/// How the demo ended; its JSON is the last line of `demo --exit --json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// How many devices there were.
    pub devices: usize,
    /// How many use a new certificate.
    pub rotated: usize,
    /// How many had a new certificate withdrawn again.
    pub rolled_back: usize,
    /// How many got none.
    pub failed: usize,
    /// How many were never there.
    pub unreachable: usize,
    /// From the audit's start to the last rotation's end.
    pub seconds: f64,
    /// Rotated devices by that.
    pub rotations_per_second: f64,
    /// What became of devices that did not rotate, or misbehaved.
    #[serde(skip)]
    pub stories: Vec<String>,
    #[serde(skip)]
    with_faults: bool,
}

impl Summary {
    pub(super) async fn gather(
        server: &Server,
        options: &Options,
        took_for: Duration,
    ) -> anyhow::Result<Self> {
        let seconds = took_for.as_secs_f64();
        let devices = options.devices;
        let mut summary = Self {
            devices,
            rotated: 0,
            rolled_back: 0,
            failed: 0,
            unreachable: 0,
            seconds: (seconds * 1000.0).round() / 1000.0,
            rotations_per_second: 0.0,
            stories: Vec::new(),
            with_faults: options.faults,
        };
        for number in 1..=devices {
            summary.count(server, number).await?;
        }
        let per_second = summary.rotated as f64 / seconds.max(f64::EPSILON);
        summary.rotations_per_second = (per_second * 10.0).round() / 10.0;
        Ok(summary)
    }

    async fn count(&mut self, server: &Server, number: usize) -> anyhow::Result<()> {
        let thing = ThingName::new(&name(number))?;
        let Some(stored) = server.store().latest_rotation(thing).await? else { return Ok(()) };
        let outcome = stored.state.outcome();
        match outcome {
            Some(Outcome::Rotated) => self.rotated += 1,
            Some(Outcome::RolledBack) => self.rolled_back += 1,
            Some(Outcome::Unreachable) => self.unreachable += 1,
            Some(Outcome::Failed) | None => self.failed += 1,
        }
        let fault = Fault::of(number).filter(|_| self.with_faults).map(Fault::in_words);
        let ended = match &stored.state {
            State::Failed(failed) => failed.reason.to_string(),
            State::Rotated(_) if fault.is_some() => "rotated".to_owned(),
            State::Rotated(_) => return Ok(()),
            open @ (State::AwaitingCsr(_)
            | State::Issuing(_)
            | State::Enrolling(_)
            | State::AwaitingAck(_)
            | State::Retiring(_)
            | State::RollingBack(_)) => format!("still {}", open.name()),
        };
        let character = fault.map_or_else(String::new, |fault| format!(" {fault}:"));
        self.stories.push(format!("{}{character} {ended}", name(number)));
        Ok(())
    }
}
