//! A notice: what it folds, what was told of it, and where it stands. Its size is bounded.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Fact, FoldKey, Kind, Rules, Sample, Sampled, Severity};
use crate::{ids::NoticeId, time::Timestamp};

/// One notice: all that happened under one fold key from its opening to its closing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    /// Its id.
    pub id: NoticeId,
    /// What it folds.
    pub key: FoldKey,
    /// What it is about.
    pub kind: Kind,
    /// The highest severity of what it folds.
    pub severity: Severity,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// How many it folds.
    pub count: u64,
    /// Some of them.
    pub sample: Sample,
    /// When the latest happened.
    pub last_at: Timestamp,
    /// When the first of the certificates in use ends that it is about.
    pub ends_at: Option<Timestamp>,
    /// Since when it is over, if it is.
    pub resolved_at: Option<Timestamp>,
    /// What was told of it, once something was.
    pub told: Option<Told>,
    /// Who sees to it, once somebody does.
    pub acknowledged: Option<Acknowledgement>,
    /// Where it stands.
    pub state: State,
}

/// What was told of a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Told {
    /// When for the first time.
    pub first_at: Timestamp,
    /// When last.
    pub last_at: Timestamp,
    /// How many it folded then.
    pub count: u64,
    /// How much it mattered then.
    pub severity: Severity,
    /// How many updates there were.
    pub updates: u32,
    /// Since when it is known that those who are told first cannot be reached.
    pub unreached_at: Option<Timestamp>,
    /// When it was escalated, if it was.
    pub escalated_at: Option<Timestamp>,
}

/// Who sees to a notice.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Acknowledgement {
    /// Who.
    pub by: String,
    /// Since when.
    pub at: Timestamp,
}

/// Where a notice stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// Nobody was told yet: it is quiet.
    Held,
    /// Told; waits for somebody to acknowledge it, or for time to run out.
    AwaitingAck,
    /// Told to those who are told second as well.
    Escalated,
    /// Somebody sees to it.
    Acknowledged,
    /// Over.
    Closed {
        /// Why.
        why: Closing,
        /// When.
        at: Timestamp,
    },
}

/// Why a notice was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Closing {
    /// What it was about is over.
    Resolved,
    /// Nothing more happened.
    Silence,
    /// It had been open for as long as a notice may be.
    TooLong,
}

impl State {
    /// The names of all states, in the order in which a notice goes through them.
    pub const NAMES: [&str; 5] = ["held", "awaiting_ack", "escalated", "acknowledged", "closed"];

    /// Its name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::AwaitingAck => "awaiting_ack",
            Self::Escalated => "escalated",
            Self::Acknowledged => "acknowledged",
            Self::Closed { .. } => "closed",
        }
    }
}

impl Notice {
    /// The notice that begins with `fact`, of which nobody was told yet.
    pub(super) fn of(id: NoticeId, fact: &Fact, now: Timestamp) -> Self {
        let mut notice = Self {
            id,
            key: fact.fold_key(),
            kind: fact.kind(),
            severity: fact.severity(),
            opened_at: now,
            count: 0,
            sample: Sample::default(),
            last_at: now,
            ends_at: None,
            resolved_at: None,
            told: None,
            acknowledged: None,
            state: State::Held,
        };
        notice.fold(fact, now);
        notice
    }

    /// Takes in what happened.
    pub(super) fn fold(&mut self, fact: &Fact, now: Timestamp) {
        self.severity = self.severity.max(fact.severity());
        self.count = self.count.saturating_add(fact.count());
        self.last_at = self.last_at.max(now);
        let ends = [self.ends_at, fact.ends_at()];
        self.ends_at = ends.into_iter().flatten().min();
        self.resolved_at = None;
        self.sample.add(Sampled { subject: fact.subject(), text: fact.to_string(), at: now });
    }

    /// Whether it is open.
    pub const fn is_open(&self) -> bool {
        !matches!(self.state, State::Closed { .. })
    }

    /// How much it matters now: the closer a certificate's end, the more.
    pub fn severity_at(&self, rules: &Rules, now: Timestamp) -> Severity {
        if self.urgent_from(rules).is_some_and(|at| at <= now) {
            Severity::Critical
        } else {
            self.severity
        }
    }

    /// When the first of its certificates has so little left that nothing about it is held back.
    pub(super) fn urgent_from(&self, rules: &Rules) -> Option<Timestamp> {
        self.ends_at.map(|at| at - rules.urgent_for)
    }

    /// The first moment from `wanted` on at which people may be told of it.
    pub(super) fn may_be_told_from(&self, wanted: Timestamp, rules: &Rules) -> Timestamp {
        let Some(quiet) = &rules.quiet else { return wanted };
        if self.severity == Severity::Critical {
            return wanted;
        }
        let urgent = self.urgent_from(rules).unwrap_or(Timestamp::MAX).max(wanted);
        quiet.loud_from(wanted).min(urgent)
    }

    /// Whether something happened that nobody was told of.
    pub(super) fn has_news(&self) -> bool {
        self.told.is_none_or(|told| told.count < self.count)
    }

    /// Whether it is to be escalated unless somebody acknowledges it.
    pub(super) fn awaits_escalation(&self, rules: &Rules) -> bool {
        self.state == State::AwaitingAck
            && rules.escalate_for.is_some()
            && self.severity > Severity::Info
            && self.resolved_at.is_none()
    }

    /// When the notice wants a [`DeadlinePassed`](super::Input::DeadlinePassed); `None` once closed.
    pub fn due_at(&self, rules: &Rules, now: Timestamp) -> Option<Timestamp> {
        if !self.is_open() {
            return None;
        }
        let Some(told) = self.told else { return Some(self.may_be_told_from(now, rules)) };
        let dues = [
            self.escalation_at(&told, rules, now),
            self.update_at(&told, rules, now),
            self.closing_at(&told, rules, now).map(|(at, _)| at),
        ];
        dues.into_iter().flatten().min()
    }

    /// When it is escalated, if it is to be.
    pub(super) fn escalation_at(
        &self,
        told: &Told,
        rules: &Rules,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let after = rules.escalate_for.filter(|_| self.awaits_escalation(rules))?;
        let patience_ends = told.first_at + after;
        let wanted = told.unreached_at.map_or(patience_ends, |at| at.min(patience_ends));
        Some(self.may_be_told_from(wanted.max(now), rules))
    }

    /// When the next update is told: after a pause when there is news, at once when it matters
    /// more than it did.
    pub(super) fn update_at(
        &self,
        told: &Told,
        rules: &Rules,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let may = |wanted: Timestamp| self.may_be_told_from(wanted.max(now), rules);
        let pause = rules.pause_before_update(told.updates + 1);
        let news = self.has_news().then(|| may(told.last_at + pause));
        let risen = (self.severity > told.severity).then(|| may(now));
        let urgent = self.urgent_from(rules).filter(|_| told.severity < Severity::Critical);
        [news, risen, urgent].into_iter().flatten().min()
    }

    /// When it is closed, and why. What waits for an escalation is not.
    pub(super) fn closing_at(
        &self,
        told: &Told,
        rules: &Rules,
        now: Timestamp,
    ) -> Option<(Timestamp, Closing)> {
        if self.awaits_escalation(rules) {
            return None;
        }
        let silent = (self.last_at + rules.close_for, Closing::Silence);
        let long = (self.opened_at + rules.max_open_for, Closing::TooLong);
        let (at, why) = match self.resolved_at {
            Some(at) => (at, Closing::Resolved),
            None => silent.min(long),
        };
        let at = at.max(self.answerable_until(told, rules));
        let tells = self.has_news() || why == Closing::Resolved;
        Some((if tells { self.may_be_told_from(at.max(now), rules) } else { at }, why))
    }

    /// Those who were told second have as long to acknowledge it as the first had.
    fn answerable_until(&self, told: &Told, rules: &Rules) -> Timestamp {
        let waits = self.state == State::Escalated && self.resolved_at.is_none();
        let span = rules.escalate_for.unwrap_or(Duration::ZERO);
        told.escalated_at.filter(|_| waits).map_or(told.first_at, |at| at + span)
    }
}
