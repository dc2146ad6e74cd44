//! Facts, rules and a notice that goes through time.

use std::time::Duration;

use perennial_core::{
    ids::{CertificateId, NoticeId, RotationId, ThingName},
    notice::*,
    rotation::Failure,
    time::{Timestamp, days},
};

pub(crate) const HOUR: Duration = Duration::from_secs(3_600);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
/// Noon, UTC, of some day.
pub(crate) const NOON: Timestamp = Timestamp::from_secs(20_000 * 86_400 + 12 * 3_600);

/// Quiet from 22 to 7, UTC; escalated after an hour.
pub(crate) fn rules() -> Rules {
    let quiet = QuietHours::new(22 * 60, 7 * 60, Zone::UTC).unwrap();
    let rules = Rules { escalate_for: Some(HOUR), quiet: Some(quiet), ..Rules::default() };
    rules.checked().unwrap()
}

pub(crate) fn failed(number: u128, ends_at: Timestamp) -> Fact {
    Fact::RotationFailed {
        rotation_id: RotationId::from_bytes(number.to_be_bytes()),
        thing: ThingName::new(&format!("pump-{number}")).unwrap(),
        reason: Failure::NoAck,
        rolled_back: true,
        ends_at,
    }
}

pub(crate) fn left_active(number: u128) -> Fact {
    Fact::CertificateLeftActive {
        rotation_id: RotationId::from_bytes(number.to_be_bytes()),
        thing: ThingName::new(&format!("pump-{number}")).unwrap(),
        certificate_id: CertificateId::from_bytes([7; 32]),
    }
}

pub(crate) fn far() -> Timestamp {
    NOON + days(300)
}

pub(crate) fn happened(fact: Fact) -> Input {
    Input::Happened { fact: Box::new(fact) }
}

pub(crate) fn acknowledged() -> Input {
    Input::Acknowledged { by: "ada".to_owned() }
}

pub(crate) fn id(number: u128) -> NoticeId {
    NoticeId::from_bytes(number.to_be_bytes())
}

/// The notices of one fold key, one after the other, with all that was told of them.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) rules: Rules,
    pub(crate) notice: Option<Notice>,
    pub(crate) told: Vec<(Timestamp, NoticeId, Recipient, Occasion)>,
    drawn: u128,
}

impl Line {
    pub(crate) fn new(rules: Rules) -> Self {
        Self { rules, notice: None, told: Vec::new(), drawn: 0 }
    }

    pub(crate) fn step(&mut self, input: Input, now: Timestamp) -> Note {
        self.drawn += 1;
        let step = step(self.notice.take(), input, &self.rules, id(self.drawn), now);
        for Command::Tell { to, occasion } in step.commands {
            self.told.push((now, step.notice.as_ref().unwrap().id, to, occasion));
        }
        self.notice = step.notice;
        step.note
    }

    pub(crate) fn due_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.notice.as_ref()?.due_at(&self.rules, now)
    }

    /// Lets time pass, and every deadline come as soon as it is due.
    pub(crate) fn pass_until(&mut self, from: Timestamp, until: Timestamp) {
        let mut now = from;
        while let Some(due) = self.due_at(now).filter(|due| *due <= until) {
            now = due.max(now);
            assert_eq!(self.step(Input::DeadlinePassed, now), Note::Counted);
            let again = self.due_at(now);
            assert!(again.is_none_or(|at| at > now), "due again at once: {:?}", self.notice);
        }
    }

    /// What was told: how long after noon, whom, and why.
    pub(crate) fn told(&self) -> Vec<(u64, Recipient, Occasion)> {
        let told = |(at, _, to, occasion): &(Timestamp, NoticeId, Recipient, Occasion)| {
            (at.since(NOON).as_secs() / 60, *to, *occasion)
        };
        self.told.iter().map(told).collect()
    }
}
