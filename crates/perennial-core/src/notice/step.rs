//! One step: the total function from a notice and an input to the notice and its commands.

use super::{
    Acknowledgement, Command, Fact, Input, Notice, Occasion, Recipient, Rules, State, Told,
    sample::cut,
};
use crate::{ids::NoticeId, time::Timestamp};

/// What came of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The notice from now on; `None` when there is none.
    pub notice: Option<Notice>,
    /// What to do once it is durable, in order.
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
    /// There is no notice that it could be about.
    NothingOpen,
    /// The notice is closed.
    Closed,
    /// Somebody acknowledged it before.
    Acknowledged,
    /// It is over already.
    Resolved,
    /// The deadline is not due yet.
    NotDue,
    /// Others are told already, or there are no others, or it is not worth it.
    NobodyElse,
}

/// Decides what comes of `input` for the latest notice of its fold key, if there is one. Total: an
/// input that does not fit is ignored with a reason. `draw` is the id of a notice that is opened.
pub fn step(
    notice: Option<Notice>,
    input: Input,
    rules: &Rules,
    draw: NoticeId,
    now: Timestamp,
) -> Step {
    match (notice, input) {
        (Some(notice), Input::Happened { fact }) if notice.is_open() => {
            happened(notice, &fact, rules, now)
        }
        (_, Input::Happened { fact }) => settled(Notice::of(draw, &fact, now), rules, now),
        (
            None,
            Input::Resolved
            | Input::Acknowledged { .. }
            | Input::DeliveryFailed { .. }
            | Input::DeadlinePassed,
        ) => Step { notice: None, commands: vec![], note: Note::Ignored(Ignored::NothingOpen) },
        (Some(notice), Input::Resolved) => resolved(notice, rules, now),
        (Some(notice), Input::Acknowledged { by }) => acknowledged(notice, by, rules, now),
        (Some(notice), Input::DeliveryFailed { to }) => undelivered(notice, to, rules, now),
        (Some(notice), Input::DeadlinePassed) => match notice.due_at(rules, now) {
            None => ignored(notice, Ignored::Closed),
            Some(due) if now < due => ignored(notice, Ignored::NotDue),
            Some(_) => settled(notice, rules, now),
        },
    }
}

fn ignored(notice: Notice, why: Ignored) -> Step {
    Step { notice: Some(notice), commands: Vec::new(), note: Note::Ignored(why) }
}

/// One that has been open for as long as it may be is closed with it; the next opens another.
fn happened(mut notice: Notice, fact: &Fact, rules: &Rules, now: Timestamp) -> Step {
    notice.fold(fact, now);
    settled(notice, rules, now)
}

fn resolved(mut notice: Notice, rules: &Rules, now: Timestamp) -> Step {
    if !notice.is_open() {
        return ignored(notice, Ignored::Closed);
    }
    if notice.resolved_at.is_some() {
        return ignored(notice, Ignored::Resolved);
    }
    notice.resolved_at = Some(now);
    settled(notice, rules, now)
}

/// Whoever acknowledges what is held back knows of it, but others need not.
fn acknowledged(mut notice: Notice, mut by: String, rules: &Rules, now: Timestamp) -> Step {
    match notice.state {
        State::Closed { .. } => ignored(notice, Ignored::Closed),
        State::Held | State::AwaitingAck | State::Escalated | State::Acknowledged
            if notice.acknowledged.is_some() =>
        {
            ignored(notice, Ignored::Acknowledged)
        }
        State::Held | State::AwaitingAck | State::Escalated | State::Acknowledged => {
            cut(&mut by);
            notice.acknowledged = Some(Acknowledgement { by, at: now });
            if notice.told.is_some() {
                notice.state = State::Acknowledged;
            }
            settled(notice, rules, now)
        }
    }
}

/// Those who are told second stand in for the first.
fn undelivered(mut notice: Notice, to: Recipient, rules: &Rules, now: Timestamp) -> Step {
    if !notice.is_open() {
        return ignored(notice, Ignored::Closed);
    }
    let awaits = to == Recipient::First && notice.awaits_escalation(rules);
    match &mut notice.told {
        Some(told) if awaits && told.unreached_at.is_none() => told.unreached_at = Some(now),
        Some(_) | None => return ignored(notice, Ignored::NobodyElse),
    }
    settled(notice, rules, now)
}

/// Does all that is due.
fn settled(mut notice: Notice, rules: &Rules, now: Timestamp) -> Step {
    let mut telling = Telling::new(&mut notice, rules, now);
    telling.open();
    telling.escalate_if_due();
    telling.close_or_update();
    let commands = telling.commands;
    Step { notice: Some(notice), commands, note: Note::Counted }
}

/// What a step tells of a notice.
struct Telling<'a> {
    notice: &'a mut Notice,
    rules: &'a Rules,
    now: Timestamp,
    commands: Vec<Command>,
}

impl<'a> Telling<'a> {
    fn new(notice: &'a mut Notice, rules: &'a Rules, now: Timestamp) -> Self {
        Self { notice, rules, now, commands: Vec::new() }
    }

    /// The first time.
    fn open(&mut self) {
        let may = self.notice.may_be_told_from(self.now, self.rules) <= self.now;
        if self.notice.told.is_some() || !may {
            return;
        }
        self.notice.told = Some(Told {
            first_at: self.now,
            last_at: self.now,
            count: self.notice.count,
            severity: self.notice.severity_at(self.rules, self.now),
            updates: 0,
            unreached_at: None,
            escalated_at: None,
        });
        let acknowledged = self.notice.acknowledged.is_some();
        self.notice.state = if acknowledged { State::Acknowledged } else { State::AwaitingAck };
        self.tell(Recipient::First, Occasion::Opening);
    }

    fn escalate_if_due(&mut self) {
        let Some(told) = self.notice.told else { return };
        let due = self.notice.escalation_at(&told, self.rules, self.now);
        if due.is_some_and(|due| due <= self.now) {
            self.escalate();
        }
    }

    fn escalate(&mut self) {
        if let Some(told) = &mut self.notice.told {
            told.escalated_at = Some(self.now);
        }
        self.notice.state = State::Escalated;
        self.tell(Recipient::Second, Occasion::Escalation);
    }

    /// What is closed needs no update: its closing tells all.
    fn close_or_update(&mut self) {
        let Some(told) = self.notice.told.filter(|_| self.notice.is_open()) else { return };
        let closing = self.notice.closing_at(&told, self.rules, self.now);
        if let Some((_, why)) = closing.filter(|(at, _)| *at <= self.now) {
            // Of what was over before anybody was told they hear now that it is.
            let opening = told.first_at == self.now && !self.commands.is_empty();
            let over = self.notice.resolved_at.is_some() && !opening;
            if self.notice.has_news() || over {
                self.tell_all(Occasion::Closing);
            }
            self.notice.state = State::Closed { why, at: self.now };
        } else if self
            .notice
            .update_at(&told, self.rules, self.now)
            .is_some_and(|due| due <= self.now)
        {
            if let Some(told) = &mut self.notice.told {
                told.updates += 1;
            }
            self.tell_all(Occasion::Update);
        }
    }

    /// Tells all who know of it.
    fn tell_all(&mut self, occasion: Occasion) {
        let escalated = self.notice.told.is_some_and(|told| told.escalated_at.is_some());
        let severity = self.notice.severity_at(self.rules, self.now);
        if let Some(told) = &mut self.notice.told {
            (told.last_at, told.count) = (self.now, self.notice.count);
            told.severity = told.severity.max(severity);
        }
        self.tell(Recipient::First, occasion);
        let escalating = Command::Tell { to: Recipient::Second, occasion: Occasion::Escalation };
        // An escalation tells all that an update would.
        if escalated && !self.commands.contains(&escalating) {
            self.tell(Recipient::Second, occasion);
        }
    }

    fn tell(&mut self, to: Recipient, occasion: Occasion) {
        self.commands.push(Command::Tell { to, occasion });
    }
}
