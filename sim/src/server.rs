//! The server: a durable journal with inbox and outbox, and the ring that turns them.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use perennial_core::{
    certificate::{Certificate, CertificateStatus, Validity},
    ids::{CertificateId, RotationId, ThingName},
    message::RefusalCode,
    rotation::{self, Cause, Command, Fault, Input, Opening, Presence, Rotation, Sender, State},
    time::Timestamp,
};

use crate::{
    Sabotage,
    event::{Event, ToDevice},
    faults::FaultKind,
    invariants::Invariant,
    plan::THRESHOLD_FOR,
    registry::{POLICIES, Record},
    world::World,
};

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
            self.server.recovered += u64::from(expired && outcome == rotation::Outcome::Rotated);
        }
        self.server.inbox.pop_front();
        let outgoing = step.commands.into_iter().map(|command| Outgoing {
            rotation: target,
            command,
            version,
        });
        self.server.outbox.extend(outgoing);
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

    /// One turn of the dispatcher: the effect, then its outcome and the end of the command.
    fn carry_out(&mut self) {
        let Some(outgoing) = self.server.outbox.front().cloned() else { return };
        if self.strikes(FaultKind::ServerCrashBeforeSend) {
            return self.crash_server();
        }
        let outcome = self.perform(&outgoing);
        if self.strikes(FaultKind::ServerCrashAfterSend) {
            return self.crash_server();
        }
        self.server.outbox.pop_front();
        if let Some(outcome) = outcome {
            self.fact(Some(outgoing.rotation), outcome);
        }
    }

    fn perform(&mut self, outgoing: &Outgoing) -> Option<Input> {
        let entry = self.server.journal.get(&outgoing.rotation)?.clone();
        if entry.version < outgoing.version {
            let found = format!("{} was carried out before its commit", outgoing.command.name());
            self.found = Some((Invariant::DurableBeforeSent, found));
        }
        self.note(|| format!("server does {}", outgoing.command.name()));
        let id = entry.rotation.id;
        match &outgoing.command {
            Command::RequestCsr { refused } => {
                let refused_csr = refused.as_ref().map(|refused| refused.csr);
                self.publish_to_device(ToDevice::CsrReq { rotation: id, refused_csr });
                None
            }
            Command::DeliverCertificate { incoming } => {
                self.server.delivered.push(*incoming);
                self.publish_to_device(ToDevice::Crt { rotation: id, certificate: *incoming });
                None
            }
            Command::Refuse { about, code, rotation_id } => {
                let (about, code, rotation) = (*about, *code, *rotation_id);
                self.publish_to_device(ToDevice::Refused { about, code, rotation });
                None
            }
            Command::Issue { csr } => Some(self.issue(&entry.rotation, csr)),
            Command::Enroll { incoming } => Some(self.enroll(&entry.rotation, *incoming)),
            Command::RetireOutgoing => Some(self.retire(entry.rotation.outgoing, &entry, true)),
            Command::RetireIncoming { incoming } => Some(self.retire(*incoming, &entry, false)),
            Command::Notify { notice } => {
                self.notified(notice);
                None
            }
        }
    }

    fn notified(&mut self, notice: &rotation::Notice) {
        if let rotation::Notice::CertificateLeftActive { certificate_id } = notice {
            if let Some(record) = self.registry.records.get_mut(certificate_id) {
                record.told = true;
            }
            self.after(Duration::from_secs(36_000), Event::CleanUp(*certificate_id));
        }
    }

    fn verb_fault(&mut self) -> Option<Fault> {
        let kind = if self.strikes(FaultKind::VerbRetryable) {
            rotation::FaultKind::Retryable
        } else if self.strikes(FaultKind::VerbPermanent) {
            rotation::FaultKind::Permanent
        } else {
            return None;
        };
        Some(Fault { kind, reason: "drawn".to_owned() })
    }

    fn issue(&mut self, rotation: &Rotation, csr: &rotation::Csr) -> Input {
        let digest = csr.digest;
        if let Some(fault) = self.verb_fault() {
            return Input::IssueFailed { csr: digest, fault };
        }
        let twice = self.sabotage == Some(Sabotage::IssueTwice);
        if let Some(incoming) = self.registry.find(rotation.id).filter(|_| !twice) {
            return Input::CertificateIssued { csr: digest, incoming };
        }
        if csr.pem.contains("bad") {
            let reason = "drawn".to_owned();
            return Input::IssueRefused { csr: digest, code: RefusalCode::WeakKey, reason };
        }
        let incoming = self.registry.draw_id();
        let record = Record {
            status: CertificateStatus::Inactive,
            not_after: self.clock() + self.plan.life_for,
            policies: 0,
            attached: false,
            rotation: Some(rotation.id),
            csr: digest,
            used: false,
            retired_at: None,
            withdrawn: false,
            told: false,
        };
        if self.sabotage != Some(Sabotage::DeliverUnrecorded) {
            self.registry.record(incoming, record);
        }
        Input::CertificateIssued { csr: digest, incoming }
    }

    fn enroll(&mut self, rotation: &Rotation, incoming: CertificateId) -> Input {
        if let Some(fault) = self.verb_fault() {
            return Input::EnrollFailed { fault };
        }
        if let Some(record) = self.registry.records.get_mut(&incoming)
            && !record.withdrawn
        {
            let skips = self.sabotage == Some(Sabotage::SkipPolicies);
            record.policies = if skips { 0 } else { POLICIES };
            record.attached = true;
            record.status = CertificateStatus::Active;
        }
        if self.sabotage == Some(Sabotage::RetireBeforeEvidence) {
            self.retire_outgoing(rotation.outgoing, incoming);
        }
        Input::Enrolled
    }

    fn retire(&mut self, certificate: CertificateId, entry: &Entry, outgoing: bool) -> Input {
        if let Some(fault) = self.verb_fault() {
            return Input::RetireFailed { fault };
        }
        match entry.state.incoming() {
            Some(incoming) if outgoing => self.retire_outgoing(certificate, *incoming),
            _ if self.sabotage == Some(Sabotage::LeaveActive) => {}
            _ => {
                self.registry.retire(&certificate, self.clock());
                self.cut(&certificate);
            }
        }
        if outgoing { Input::OutgoingRetired } else { Input::IncomingRetired }
    }

    fn retire_outgoing(&mut self, outgoing: CertificateId, incoming: CertificateId) {
        if self.registry.is_active(&outgoing) {
            let at = self.clock();
            self.server.retired.push((outgoing, incoming, at));
        }
        self.registry.retire(&outgoing, self.clock());
        self.cut(&outgoing);
    }

    /// The daily audit: a rotation for the certificate that ends first.
    pub(crate) fn audit(&mut self) {
        self.after(Duration::from_secs(86_400), Event::Audit);
        let open = self.open_rotation().is_some();
        if self.server.down || (open && self.sabotage != Some(Sabotage::OpenTwice)) {
            return;
        }
        let now = self.clock();
        let due = self.registry.active().filter(|(_, record)| {
            let lapsed = now > record.usable_until(&self.plan);
            let expires = record.not_after.since(now) < THRESHOLD_FOR;
            record.attached && !record.told && expires && !lapsed
        });
        let first = due.min_by_key(|(_, record)| record.not_after);
        let Some((id, not_after)) = first.map(|(id, record)| (*id, record.not_after)) else {
            return;
        };
        self.open(certificate(id, not_after), Cause::Operator);
    }

    /// A device is back with an expired certificate.
    pub(crate) fn recover(&mut self, principal: CertificateId) {
        let record = self.registry.records.get(&principal);
        let Some(record) = record.filter(|record| record.attached && !self.server.down) else {
            return;
        };
        let outgoing =
            Certificate { status: record.status, ..certificate(principal, record.not_after) };
        let latest = self.server.order.last().map(|id| &self.server.journal[id]);
        let latest = latest.map(|entry| (&entry.rotation, &entry.state));
        if rotation::may_recover(&outgoing, latest, &self.plan.server, self.clock()) {
            self.open(outgoing, Cause::Recovery);
        }
    }

    fn open(&mut self, outgoing: Certificate, cause: Cause) {
        let now = self.clock();
        let Ok(thing) = ThingName::new("pump-1") else { return };
        let mut bytes = [0; 16];
        self.rng.fill(&mut bytes);
        let certificate_id = outgoing.certificate_id;
        let opening = Opening {
            id: RotationId::from_bytes(bytes),
            thing,
            outgoing,
            cause,
            rekey: true,
            draw: self.rng.u32(..),
        };
        let (rotation, state) = rotation::open(opening, &self.plan.server, now);
        self.note(|| format!("server opens rotation {} of {certificate_id}", rotation.id));
        let id = rotation.id;
        let entry = Entry { opened_as: rotation.clone(), rotation, state, version: 0 };
        self.server.journal.insert(id, entry);
        self.server.order.push(id);
        self.arm();
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

fn certificate(certificate_id: CertificateId, not_after: Timestamp) -> Certificate {
    Certificate {
        certificate_id,
        status: CertificateStatus::Active,
        validity: Validity { not_before: Timestamp::EPOCH, not_after },
        created_at: Timestamp::EPOCH,
    }
}

/// Who really sent it.
fn sender_of(input: &Input) -> Option<Sender> {
    if let Input::CsrReceived { sender, .. } = input { Some(*sender) } else { None }
}
