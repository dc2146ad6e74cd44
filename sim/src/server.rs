//! The server: a durable journal with inbox and outbox, and the ring that turns them.

mod opening;
mod verbs;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use perennial_core::{
    ids::{CertificateId, RotationId},
    rotation::{self, Command, Input, Presence, Remedy, Rotation, Sender, State},
    time::Timestamp,
};

use crate::{Sabotage, event::Event, faults::FaultKind, world::World};

/// One rotation in the journal.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) rotation: Rotation,
    /// What it was at opening, to compare.
    pub(crate) opened_as: Rotation,
    pub(crate) state: State,
    /// How many steps were committed.
    pub(crate) version: u64,
}

/// A command waiting to be carried out.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    pub(crate) rotation: RotationId,
    pub(crate) command: Command,
    /// The version of the entry that decided it.
    pub(crate) version: u64,
}

/// The server; all but `up` and `timer` is durable.
#[derive(Debug, Default)]
pub(crate) struct Server {
    pub(crate) down: bool,
    pub(crate) timer: u64,
    working: bool,
    pub(crate) journal: BTreeMap<RotationId, Entry>,
    pub(crate) order: Vec<RotationId>,
    inbox: VecDeque<(Option<RotationId>, Input)>,
    outbox: VecDeque<Outgoing>,
    pub(crate) outcomes: [u64; 4],
    /// How many rotated of those that were opened after their certificate had expired.
    pub(crate) recovered: u64,
    /// CSRs that were believed, and who had sent them.
    pub(crate) believed: Vec<(CertificateId, Sender)>,
    /// Rotations of whose failure people were told.
    pub(crate) told: BTreeSet<RotationId>,
    /// How many rotated of those that followed upon another, by remedy.
    pub(crate) resolved: [u64; 5],
    /// Certificates that were delivered.
    pub(crate) delivered: Vec<CertificateId>,
    /// Outgoing certificates that the ring retired, with the incoming one.
    pub(crate) retired: Vec<(CertificateId, CertificateId, Timestamp)>,
}

impl World {
    /// A fact comes in; false when nobody is there to make it durable.
    pub(crate) fn fact(&mut self, named: Option<RotationId>, input: Input) {
        if self.server.down {
            return;
        }
        if self.strikes(FaultKind::Duplication) {
            let late_for = Duration::from_secs(self.rng.u64(0..20_000));
            self.after(late_for, Event::LateFact(named, input.clone()));
        }
        self.server.inbox.push_back((named, input));
        self.turn();
    }

    fn turn(&mut self) {
        if !self.server.working && !self.server.down {
            self.server.working = true;
            let pause = Duration::from_millis(self.rng.u64(1..20));
            self.after(pause, Event::Work);
        }
    }

    pub(crate) fn open_rotation(&self) -> Option<RotationId> {
        let open = self.server.order.iter().rev();
        open.copied().find(|id| self.server.journal[id].state.is_open())
    }

    /// How many notices of certificates left active still wait to be sent.
    pub(crate) fn tells_of_active(&self) -> usize {
        let left = |outgoing: &&Outgoing| {
            let Command::Notify { notice } = &outgoing.command else { return false };
            matches!(notice, rotation::Notice::CertificateLeftActive { .. })
        };
        self.server.outbox.iter().filter(left).count()
    }

    /// Whether people were told of this rotation's failure, or will be.
    pub(crate) fn tells_of_failure(&self, id: &RotationId) -> bool {
        let waits = self.server.outbox.iter().any(|outgoing| {
            let Command::Notify { notice } = &outgoing.command else { return false };
            outgoing.rotation == *id && matches!(notice, rotation::Notice::RotationFailed { .. })
        });
        waits || self.server.told.contains(id)
    }

    pub(crate) fn work(&mut self) {
        self.server.working = false;
        if self.server.down {
            return;
        }
        if !self.server.outbox.is_empty() && (self.server.inbox.is_empty() || self.rng.bool()) {
            self.carry_out();
        } else if !self.server.inbox.is_empty() {
            self.decide();
        }
        if !self.server.inbox.is_empty() || !self.server.outbox.is_empty() {
            self.turn();
        }
    }

    /// One turn of the driver: load, step, commit.
    fn decide(&mut self) {
        let Some((named, input)) = self.server.inbox.front().cloned() else { return };
        let known = named.filter(|id| self.server.journal.contains_key(id));
        let target = known.or(self.open_rotation()).or(self.server.order.last().copied());
        let Some(target) = target else {
            self.server.inbox.pop_front();
            return;
        };
        let Some(entry) = self.server.journal.get(&target).cloned() else { return };
        let (before, sender) = (entry.state.name(), sender_of(&input));
        let input = self.sabotaged(input, &entry);
        let name = input.name();
        let now = self.clock();
        let step = rotation::step(&entry.rotation, entry.state, input, &self.plan.server, now);
        self.note(|| {
            let commands: Vec<_> = step.commands.iter().map(Command::name).collect();
            format!("server {before} + {name} → {} {commands:?} {:?}", step.state.name(), step.note)
        });
        if self.strikes(FaultKind::ServerCrashBeforeWrite) {
            return self.crash_server();
        }
        if self.strikes(FaultKind::StoreFails) {
            return;
        }
        if self.strikes(FaultKind::RingStalls) {
            self.server.working = true;
            let stalled_for = Duration::from_secs(self.rng.u64(1..900));
            return self.after(stalled_for, Event::Work);
        }
        let version = entry.version + 1;
        if self.sabotage == Some(Sabotage::ActBeforeCommit) && !step.commands.is_empty() {
            for command in step.commands.clone() {
                self.perform(&Outgoing { rotation: target, command, version });
            }
        }
        if matches!((before, &step.state), ("AwaitingCsr", State::Issuing(_)))
            && let Some(sender) = sender
        {
            self.server.believed.push((entry.rotation.outgoing, sender));
        }
        self.commit(target, step, version);
        if self.strikes(FaultKind::ServerCrashAfterWrite) {
            self.crash_server();
        }
    }

    /// State, outbox and inbox change together.
    fn commit(&mut self, target: RotationId, step: rotation::Step, version: u64) {
        let Some(entry) = self.server.journal.get_mut(&target) else { return };
        let was_open = entry.state.is_open();
        entry.state = step.state;
        entry.version = version;
        if let (true, Some(outcome)) = (was_open, entry.state.outcome()) {
            self.server.outcomes[outcome as usize] += 1;
            let expired = entry.rotation.opened_at > entry.rotation.outgoing_not_after;
            let rotated = outcome == rotation::Outcome::Rotated;
            self.server.recovered += u64::from(expired && rotated);
            if let Some(remedy) = entry.rotation.remedy().filter(|_| rotated) {
                self.server.resolved[place_of(remedy)] += 1;
            }
        }
        self.server.inbox.pop_front();
        let told = self.sabotage != Some(Sabotage::TellNobody);
        let commands = step.commands.into_iter();
        let commands = commands.filter(|it| told || !matches!(it, Command::Notify { .. }));
        let outgoing = commands.map(|command| Outgoing { rotation: target, command, version });
        self.server.outbox.extend(outgoing);
        if let Some(successor) = step.successor {
            self.follow(*successor);
        }
        self.arm();
    }

    /// Arms the timer for the open rotation's deadline.
    pub(crate) fn arm(&mut self) {
        let due_at = self.open_rotation().and_then(|id| self.server.journal[&id].state.due_at());
        self.server.timer = self.number();
        if let Some(due_at) = due_at {
            let timer = self.server.timer;
            self.after(due_at.since(self.clock()), Event::Deadline(timer));
        }
    }

    pub(crate) fn deadline(&mut self, number: u64) {
        let lost = self.sabotage == Some(Sabotage::LoseDeadlines);
        if lost || self.server.down || number != self.server.timer {
            return;
        }
        let Some(id) = self.open_rotation() else { return };
        let due = self.server.journal[&id].state.due_at().is_some_and(|due| due <= self.clock());
        if due {
            if self.server.inbox.is_empty() {
                let presence = self.broker.principal().map_or(Presence::Offline, Presence::Online);
                self.fact(Some(id), Input::DeadlinePassed { presence });
            }
            self.server.timer = self.number();
            let timer = self.server.timer;
            self.after(Duration::from_secs(5), Event::Deadline(timer));
        } else {
            self.arm();
        }
    }

    pub(crate) fn crash_server(&mut self) {
        self.note(|| "server dies, and its broker with it".to_owned());
        self.server.down = true;
        self.server.working = false;
        self.drop_sessions();
        self.broker.up = false;
        let down_for = Duration::from_secs(self.rng.u64(1..1200));
        self.after(down_for, Event::ServerUp);
    }

    pub(crate) fn server_up(&mut self) {
        self.note(|| "server is up".to_owned());
        self.server.down = false;
        self.broker.up = true;
        if self.sabotage == Some(Sabotage::RedrawJitter) {
            for entry in self.server.journal.values_mut() {
                entry.rotation.begins_at = entry.rotation.begins_at + Duration::from_secs(1);
            }
        }
        self.arm();
        self.turn();
    }

    fn sabotaged(&self, input: Input, entry: &Entry) -> Input {
        match (self.sabotage, input) {
            (Some(Sabotage::BelieveAnyAck), Input::AckReceived { rotation_id, hook, .. }) => {
                let incoming = entry.state.incoming().copied();
                let sender = Sender { session: incoming, proven: None };
                Input::AckReceived { sender, rotation_id, certificate_id: None, hook }
            }
            (Some(Sabotage::BelieveAnyCsr), Input::CsrReceived { rotation_id, csr, .. }) => {
                let sender = Sender::session(entry.rotation.outgoing);
                Input::CsrReceived { sender, rotation_id, csr }
            }
            (_, input) => input,
        }
    }
}

/// A remedy's place in [`Report::resolved`](crate::Report::resolved).
pub(crate) const fn place_of(remedy: Remedy) -> usize {
    match remedy {
        Remedy::WholeChain => 0,
        Remedy::FitClock { .. } => 1,
        Remedy::AnotherKey => 2,
        Remedy::AttachAnew => 3,
        Remedy::TryLater => 4,
    }
}

/// Who really sent it.
fn sender_of(input: &Input) -> Option<Sender> {
    if let Input::CsrReceived { sender, .. } = input { Some(*sender) } else { None }
}
