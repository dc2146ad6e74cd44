//! The device: a disk with its document and key store, and the process that runs its machine.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use perennial_core::{
    device::{
        Checked, Command, ConnectFailure, Device, Generation, Input, Link, Machine, Slot, step,
        unkept,
    },
    ids::{CertificateId, Digest, RotationId},
    message::{ErrorCode, HookResult},
    rotation::Csr,
    topic::Kind,
};

use crate::{
    Sabotage,
    event::{Event, FromDevice, SessionNo, ToDevice},
    faults::FaultKind,
    invariants::Invariant,
    plan::Plan,
    world::World,
};

/// A credential in the key store.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    csr: Csr,
    certificate: Option<CertificateId>,
}

/// What became of a write.
enum Written {
    Kept,
    Failed,
    Died,
}

/// What runs, and is gone after a crash.
#[derive(Debug)]
pub(crate) struct Process {
    number: u64,
    machine: Machine,
    /// The dial that counts.
    dial: Option<(u64, Slot, Generation)>,
    pub(crate) session: Option<SessionNo>,
    wake: u64,
    /// The publish of each kind that was sent last.
    pub(crate) sent: HashMap<Kind, u64>,
}

/// The device.
#[derive(Debug)]
pub(crate) struct DeviceSide {
    pub(crate) disk: Device,
    pub(crate) store: BTreeMap<Generation, Stored>,
    pub(crate) process: Option<Process>,
    pub(crate) network: bool,
    off: bool,
    bad_csrs: u32,
    refusals: u32,
}

impl DeviceSide {
    pub(crate) fn holding(first: CertificateId, plan: &Plan) -> Self {
        let (generation, csr) = (Generation(0), csr_of(Generation(0), false));
        let stored = Stored { csr, certificate: Some(first) };
        Self {
            disk: Device::holding(generation),
            store: BTreeMap::from([(generation, stored)]),
            process: None,
            network: true,
            off: false,
            bad_csrs: plan.bad_csrs,
            refusals: plan.refusals,
        }
    }

    /// The certificates that the device would connect with, by its own machine.
    pub(crate) fn holds(&self) -> Vec<CertificateId> {
        let slots = self.disk.state.preferences().iter();
        let generations = slots.filter_map(|slot| self.disk.slots.generation(*slot));
        generations.filter_map(|generation| self.store.get(&generation)?.certificate).collect()
    }

    /// Whether it is on with a session.
    pub(crate) fn session(&self) -> Option<SessionNo> {
        self.process.as_ref()?.session
    }
}

fn csr_of(generation: Generation, bad: bool) -> Csr {
    let mut bytes = [1; 32];
    bytes[24..].copy_from_slice(&generation.0.to_be_bytes());
    let word = if bad { "bad" } else { "good" };
    Csr { pem: format!("{word} {}", generation.0).into(), digest: Digest::from_bytes(bytes) }
}

impl World {
    pub(crate) fn boot(&mut self) {
        if self.device.process.is_some() {
            return;
        }
        self.device.off = false;
        let number = self.number();
        let machine = Machine::resume(self.device.disk.clone());
        let sent = HashMap::new();
        self.device.process =
            Some(Process { number, machine, dial: None, session: None, wake: 0, sent });
        // What no slot has is swept.
        let slots = self.device.disk.slots.clone();
        self.device.store.retain(|generation, _| slots.holds(*generation));
        self.feed(Input::Booted);
    }

    pub(crate) fn crash_device(&mut self, off_for: Duration) {
        let Some(process) = self.device.process.take() else { return };
        self.note(|| "device dies".to_owned());
        if let Some(session) = process.session {
            let noticed = self.rng.u64(0..90);
            self.after(Duration::from_secs(noticed), Event::LostAtBroker(session));
        }
        self.after(off_for, Event::DeviceUp);
    }

    pub(crate) fn power_off(&mut self, off_for: Duration) {
        self.crash_device(off_for);
    }

    fn dies(&mut self, kind: FaultKind) -> bool {
        let dies = self.strikes(kind);
        if dies {
            let off_for = Duration::from_secs(self.rng.u64(1..120));
            self.crash_device(off_for);
        }
        dies
    }

    pub(crate) fn device_input(&mut self, process: u64, input: Input) {
        if self.device.process.as_ref().is_some_and(|running| running.number == process) {
            self.feed(input);
        }
    }

    /// One turn of the device's driver: step, write, carry out.
    pub(crate) fn feed(&mut self, input: Input) {
        let Some(process) = &mut self.device.process else { return };
        let before = process.machine.clone();
        let name = input.name();
        let step = step(before.clone(), input.clone(), &self.plan.device);
        process.machine = step.machine;
        let document = process.machine.device.clone();
        self.note(|| {
            let commands: Vec<_> = step.commands.iter().map(Command::name).collect();
            let slots = &document.slots;
            let roles = (slots.previous, slots.current, slots.candidate);
            format!(
                "device {} + {name} → {} {commands:?} {:?} {roles:?}",
                before.device.state.name(),
                document.state.name(),
                step.note
            )
        });
        let late = self.sabotage == Some(Sabotage::SendBeforePersist);
        let mut commands = step.commands;
        if !late && document != self.device.disk {
            match self.write(document.clone()) {
                Written::Kept => {}
                Written::Died => return,
                Written::Failed => commands = self.unkept(before, input),
            }
        }
        for command in commands {
            if self.dies(FaultKind::DeviceCrashBeforeSend) {
                return;
            }
            self.execute(command);
            if self.device.process.is_none() || self.dies(FaultKind::DeviceCrashAfterSend) {
                return;
            }
        }
        if late && document != self.device.disk {
            self.write(document);
        }
    }

    /// The machine goes on from where it was.
    fn unkept(&mut self, before: Machine, input: Input) -> Vec<Command> {
        let step = unkept(before, input, "the disk is full".to_owned(), &self.plan.device);
        self.note(|| {
            let commands: Vec<_> = step.commands.iter().map(Command::name).collect();
            format!("device's disk fails: {commands:?}")
        });
        if let Some(process) = &mut self.device.process {
            process.machine = step.machine;
        }
        step.commands
    }

    /// Replaces the document.
    fn write(&mut self, document: Device) -> Written {
        if self.dies(FaultKind::DeviceCrashBeforeWrite) {
            return Written::Died;
        }
        if self.strikes(FaultKind::DiskFails) {
            return Written::Failed;
        }
        let promoted = document.slots.current != self.device.disk.slots.current;
        self.device.disk = document;
        if promoted
            && self.sabotage == Some(Sabotage::ForgetPrevious)
            && let Some(previous) = self.device.disk.slots.previous
        {
            self.device.store.remove(&previous);
        }
        if self.dies(FaultKind::DeviceCrashAfterWrite) { Written::Died } else { Written::Kept }
    }

    fn execute(&mut self, command: Command) {
        match command {
            Command::Connect { slot, generation, after_for } => {
                let number = self.number();
                if let Some(process) = &mut self.device.process {
                    process.dial = Some((number, slot, generation));
                }
                let trip = Duration::from_millis(self.rng.u64(50..2000));
                self.after(after_for + trip, Event::Dialed(number));
            }
            Command::SendCsr { rotation_id, generation, .. } => {
                self.send_csr(rotation_id, generation);
            }
            Command::SendAck { rotation_id, certificate_id, hook } => {
                let rotation = rotation_id;
                self.publish(FromDevice::Ack { rotation, certificate: certificate_id, hook });
            }
            Command::SendErr { rotation_id, code, text, phase } => {
                let device_time = self.device_clock();
                let rotation = rotation_id;
                self.publish(FromDevice::Err { rotation, code, text, phase, device_time });
            }
            Command::RunHook { .. } => {
                let Some(process) = self.device.process.as_ref().map(|process| process.number)
                else {
                    return;
                };
                self.after(Duration::from_secs(3), Event::HookEnds(process));
            }
            Command::Forget { generation } => {
                self.device.store.remove(&generation);
            }
            Command::Wake { after_for } => {
                let number = self.number();
                if let Some(process) = &mut self.device.process {
                    process.wake = number;
                }
                self.after(after_for, Event::Wake(number));
            }
        }
    }

    fn send_csr(&mut self, rotation: Option<RotationId>, generation: Generation) {
        let bad = self.device.bad_csrs > 0 && !self.device.store.contains_key(&generation);
        self.device.bad_csrs -= u32::from(bad);
        let fresh = Stored { csr: csr_of(generation, bad), certificate: None };
        let csr = self.device.store.entry(generation).or_insert(fresh).csr.clone();
        let current = self.device.disk.slots.current;
        let key = self.device.store.get(&current).and_then(|stored| stored.certificate);
        let proven = key.filter(|_| rotation.is_some());
        self.publish(FromDevice::Csr { rotation, csr, proven });
    }

    /// Sends over the session that is up.
    fn publish(&mut self, message: FromDevice) {
        let number = self.number();
        let Some(process) = &mut self.device.process else { return };
        if process.machine.device != self.device.disk {
            let found = format!("{:?} left before its state was durable", message.kind());
            self.found = Some((Invariant::DurableBeforeSent, found));
        }
        let Some(session) = process.session else { return };
        process.sent.insert(message.kind(), number);
        self.note(|| format!("device sends {:?}", message.kind()));
        if self.strikes(FaultKind::Loss) {
            self.drop_connection(session);
            if self.rng.bool() {
                return;
            }
        }
        if self.strikes(FaultKind::Duplication) {
            let travel = self.travel();
            let message = message.clone();
            self.after(travel, Event::AtBroker { session, number, message });
        }
        let travel = self.travel();
        self.after(travel, Event::AtBroker { session, number, message });
    }

    pub(crate) fn dialed(&mut self, number: u64) {
        let Some(process) = &mut self.device.process else { return };
        let Some((_, slot, generation)) = process.dial.take_if(|(dial, ..)| *dial == number) else {
            return;
        };
        if process.machine.device.slots.generation(slot) != Some(generation) {
            return;
        }
        let draw = self.rng.u32(..);
        match self.dial(generation) {
            Ok(session) => {
                if let Some(process) = &mut self.device.process {
                    process.session = Some(session);
                }
                let pause = Duration::from_millis(self.rng.u64(10..500));
                self.after(pause, Event::Subscribed(session));
                self.feed(Input::Connected { slot });
            }
            Err(failure) => self.feed(Input::ConnectFailed { slot, failure, draw }),
        }
    }

    fn dial(&mut self, generation: Generation) -> Result<SessionNo, ConnectFailure> {
        if !self.device.network || !self.broker.up {
            return Err(ConnectFailure::Unreachable);
        }
        let certificate = self.device.store.get(&generation).and_then(|stored| stored.certificate);
        let certificate = certificate.ok_or(ConnectFailure::Rejected)?;
        if self.strikes(FaultKind::FalseRejection) {
            let until = self.now + Duration::from_secs(self.rng.u64(0..120));
            self.broker.glitch = Some((certificate, until));
        }
        let glitch = self.broker.glitch.filter(|(_, until)| self.now <= *until);
        if !self.accepts(&certificate) || glitch.is_some_and(|(id, _)| id == certificate) {
            return Err(ConnectFailure::Rejected);
        }
        let session = self.admit(certificate);
        if self.strikes(FaultKind::LostConnack) {
            // A takeover all the same: the session before is over.
            if let Some(before) = self.device.session() {
                self.after(Duration::from_millis(5), Event::LostAtDevice(before));
            }
            self.after(Duration::from_secs(60), Event::LostAtBroker(session));
            return Err(ConnectFailure::Unreachable);
        }
        Ok(session)
    }

    pub(crate) fn wake(&mut self, number: u64) {
        if self.device.process.as_ref().is_some_and(|process| process.wake == number) {
            self.feed(Input::Woke);
        }
    }

    pub(crate) fn hook_ends(&mut self, process: u64) {
        let exit_code = Some(self.rng.i32(0..2));
        self.device_input(process, Input::HookEnded { hook: HookResult { exit_code } });
    }

    pub(crate) fn lost_at_device(&mut self, session: SessionNo) {
        let Some(process) = &mut self.device.process else { return };
        if process.session == Some(session) {
            process.session = None;
            let draw = self.rng.u32(..);
            self.feed(Input::Disconnected { draw });
        }
    }

    pub(crate) fn straggler_at_device(&mut self, message: ToDevice) {
        if let Some(session) = self.device.session() {
            self.at_device(session, message);
        }
    }

    pub(crate) fn at_device(&mut self, session: SessionNo, message: ToDevice) {
        if self.device.session() != Some(session) {
            return;
        }
        let bare = self.plan.bare;
        let named = |rotation: RotationId| (!bare).then_some(rotation);
        let input = match message {
            ToDevice::CsrReq { rotation, refused_csr } => {
                let refused = refused_csr.is_some() && refused_csr == self.candidate_csr();
                Input::CsrRequested { rotation_id: named(rotation), rekey: true, refused }
            }
            ToDevice::Crt { rotation, certificate } => {
                let checked = self.check(certificate);
                if self.device.process.is_none() {
                    return;
                }
                Input::CertificateReceived { rotation_id: named(rotation), checked }
            }
            ToDevice::Refused { about, code, rotation } => {
                Input::Refused { about, code, rotation_id: rotation.filter(|_| !bare) }
            }
        };
        self.feed(input);
    }

    fn candidate_csr(&self) -> Option<Digest> {
        let candidate = self.device.disk.slots.candidate?;
        self.device.store.get(&candidate).map(|stored| stored.csr.digest)
    }

    /// Checks a certificate against the candidate and, when it is good, stores it.
    fn check(&mut self, certificate: CertificateId) -> Checked {
        let certified = self.registry.records.get(&certificate).map(|record| record.csr);
        let candidate = self.device.disk.slots.candidate;
        let mismatch = || Checked::Bad { code: ErrorCode::KeyMismatch, text: String::new() };
        let Some(candidate) = candidate.filter(|_| certified == self.candidate_csr()) else {
            return mismatch();
        };
        if self.device.refusals > 0 && !self.device.disk.state.candidate_is_certified() {
            self.device.refusals -= 1;
            return Checked::Bad { code: self.plan.complaint, text: String::new() };
        }
        let begins_at = self.registry.records.get(&certificate).map(|record| record.not_before);
        if begins_at.is_some_and(|begins_at| self.device_clock() < begins_at) {
            return Checked::Bad { code: ErrorCode::NotYetValid, text: String::new() };
        }
        if self.dies(FaultKind::DeviceCrashBeforeWrite) {
            return mismatch();
        }
        if let Some(stored) = self.device.store.get_mut(&candidate) {
            stored.certificate = Some(certificate);
        }
        self.dies(FaultKind::DeviceCrashAfterWrite);
        Checked::Good(certificate)
    }

    /// The link as the machine sees it, for the end of a schedule.
    pub(crate) fn device_link(&self) -> Option<&Link> {
        self.device.process.as_ref().map(|process| &process.machine.link)
    }
}
