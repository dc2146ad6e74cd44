//! One rotation, exhaustively: every order of both machines' steps, of messages and of faults.
//!
//! Time is abstracted away: a deadline may pass whenever it likes, a message may arrive at any
//! later moment, in any session, or never. Budgets bound what would go on for ever.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test tells its size and may fail")]

use std::{collections::BTreeMap, time::Duration};

use perennial_core::{
    certificate::{Certificate, CertificateStatus, Validity},
    device::{self, Checked, ConnectFailure, Device, Generation, Machine, Slot},
    ids::{CertificateId, Digest, RotationId, ThingName},
    message::{ErrorCode, RefusalCode},
    rotation::{self, Cancellation, Cause, Input, Opening, Presence, Rotation, Sender, State},
    time::{Timestamp, days},
    topic::Kind,
};
use stateright::{Checker, Model, Property};

const NOW: Timestamp = Timestamp::from_secs(1_000_000);
const OUTGOING: Generation = Generation(0);

fn certificate(generation: Generation) -> CertificateId {
    CertificateId::from_bytes([u8::try_from(generation.0).unwrap() + 1; 32])
}

fn digest(generation: Generation) -> Digest {
    Digest::from_bytes([u8::try_from(generation.0).unwrap() + 1; 32])
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum ToDevice {
    CsrReq,
    Crt(CertificateId),
    NoMore,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum FromDevice {
    Csr(Generation),
    Ack(CertificateId),
    Err,
}

/// What may still go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Budget {
    device_crashes: u8,
    server_crashes: u8,
    duplicates: u8,
    drops: u8,
    failed_dials: u8,
    cancels: u8,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct World {
    rotation: State,
    inbox: Vec<Input>,
    outbox: Vec<rotation::Command>,
    /// Active or not, by generation.
    registry: BTreeMap<Generation, bool>,
    /// Whether the incoming certificate was ever used.
    used: bool,
    /// Whether the outgoing one was withdrawn before that.
    too_early: bool,
    session: Option<CertificateId>,
    to_device: Vec<ToDevice>,
    to_server: Vec<(CertificateId, FromDevice)>,
    pubacks: Vec<u8>,
    disk: Device,
    /// Whether a generation's certificate is stored.
    store: BTreeMap<Generation, bool>,
    machine: Option<Machine>,
    dial: Option<(Slot, Generation)>,
    budget: Budget,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Lives,
    DiesBeforeWrite,
    DiesBeforeSend,
}

#[derive(Debug, Clone, PartialEq)]
enum Action {
    Boot(Fate),
    CrashDevice,
    Dial(Fate),
    FailDial(ConnectFailure, Fate),
    AtDevice { index: usize, twice: bool, fate: Fate },
    AtServer { index: usize, twice: bool },
    PubAck(Fate),
    Drop(Fate),
    Subscribe,
    Decide,
    Execute { dies: bool },
    Deadline,
    Cancel,
}

struct OneRotation {
    rotation: Rotation,
    opened: State,
    server: rotation::Timing,
    device: device::Timing,
    budget: Budget,
}

fn one_rotation(budget: Budget) -> OneRotation {
    let server = rotation::Timing {
        spread_for: Duration::ZERO,
        csr_wait_for: Duration::ZERO,
        max_requests: 2,
        max_refusals: 1,
        ack_wait_for: Duration::ZERO,
        max_deliveries: 2,
        settle_for: Duration::ZERO,
        hold_for: Duration::ZERO,
        recovery_for: Duration::ZERO,
        poll_for: Duration::ZERO,
        verb_wait_for: Duration::ZERO,
        backoff_for: Duration::ZERO,
        max_backoff_for: Duration::ZERO,
        max_tries: 2,
    };
    let device =
        device::Timing { max_rejections: 1, max_unreachable: 1, ..device::Timing::default() };
    let opening = Opening {
        id: RotationId::from_bytes([7; 16]),
        thing: ThingName::new("pump-1").unwrap(),
        outgoing: Certificate {
            certificate_id: certificate(OUTGOING),
            status: CertificateStatus::Active,
            validity: Validity { not_before: Timestamp::EPOCH, not_after: NOW + days(9) },
            created_at: Timestamp::EPOCH,
        },
        cause: Cause::Operator,
        rekey: true,
        draw: 0,
    };
    let (rotation, opened) = rotation::open(opening, &server, NOW);
    OneRotation { rotation, opened, server, device, budget }
}

impl Model for OneRotation {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World {
            rotation: self.opened.clone(),
            inbox: Vec::new(),
            outbox: Vec::new(),
            registry: BTreeMap::from([(OUTGOING, true)]),
            used: false,
            too_early: false,
            session: None,
            to_device: Vec::new(),
            to_server: Vec::new(),
            pubacks: Vec::new(),
            disk: Device::holding(OUTGOING),
            store: BTreeMap::from([(OUTGOING, true)]),
            machine: None,
            dial: None,
            budget: self.budget,
        }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        let fates: &[Fate] = if world.budget.device_crashes > 0 {
            &[Fate::Lives, Fate::DiesBeforeWrite, Fate::DiesBeforeSend]
        } else {
            &[Fate::Lives]
        };
        let twices: &[bool] = if world.budget.duplicates > 0 { &[false, true] } else { &[false] };
        for fate in fates.iter().copied() {
            match (&world.machine, world.dial) {
                (None, _) => actions.push(Action::Boot(fate)),
                (Some(_), Some((_, generation))) => {
                    if world.registry[&generation] {
                        actions.push(Action::Dial(fate));
                    } else {
                        actions.push(Action::FailDial(ConnectFailure::Rejected, fate));
                    }
                    if world.budget.failed_dials > 0 {
                        actions.push(Action::FailDial(ConnectFailure::Rejected, fate));
                        actions.push(Action::FailDial(ConnectFailure::Unreachable, fate));
                    }
                }
                (Some(_), None) => {}
            }
            if world.online() {
                for (index, twice) in pairs(world.to_device.len(), twices) {
                    actions.push(Action::AtDevice { index, twice, fate });
                }
                if !world.pubacks.is_empty() {
                    actions.push(Action::PubAck(fate));
                }
                if world.budget.drops > 0 {
                    actions.push(Action::Drop(fate));
                }
            }
        }
        if world.machine.is_some() && world.budget.device_crashes > 0 {
            actions.push(Action::CrashDevice);
        }
        for (index, twice) in pairs(world.to_server.len(), twices) {
            actions.push(Action::AtServer { index, twice });
        }
        if world.session.is_some() && world.inbox.is_empty() && world.outbox.is_empty() {
            actions.push(Action::Subscribe);
        }
        if !world.inbox.is_empty() {
            actions.push(Action::Decide);
        }
        if !world.outbox.is_empty() {
            actions.push(Action::Execute { dies: false });
            if world.budget.server_crashes > 0 {
                actions.push(Action::Execute { dies: true });
            }
        }
        if world.rotation.is_open() && world.inbox.is_empty() && world.outbox.is_empty() {
            actions.push(Action::Deadline);
        }
        if world.rotation.is_open() && world.budget.cancels > 0 {
            actions.push(Action::Cancel);
        }
    }

    fn next_state(&self, before: &World, action: Action) -> Option<World> {
        let mut world = before.clone();
        match action {
            Action::Boot(fate) => {
                world.machine = Some(Machine::resume(world.disk.clone()));
                self.feed(&mut world, device::Input::Booted, fate);
            }
            Action::CrashDevice => world.crash_device(),
            Action::Dial(fate) => {
                let (slot, generation) = world.dial.take()?;
                world.admit(generation);
                self.feed(&mut world, device::Input::Connected { slot }, fate);
            }
            Action::FailDial(failure, fate) => {
                let (slot, generation) = world.dial.take()?;
                if world.registry[&generation] || failure == ConnectFailure::Unreachable {
                    world.budget.failed_dials -= 1;
                }
                let input = device::Input::ConnectFailed { slot, failure, draw: 0 };
                self.feed(&mut world, input, fate);
            }
            Action::AtDevice { index, twice, fate } => {
                let message = world.to_device[index].clone();
                if twice {
                    world.budget.duplicates -= 1;
                } else {
                    world.to_device.remove(index);
                }
                let input = self.heard(&mut world, &message);
                self.feed(&mut world, input, fate);
            }
            Action::AtServer { index, twice } => {
                let (principal, message) = world.to_server[index].clone();
                if twice {
                    world.budget.duplicates -= 1;
                } else {
                    world.to_server.remove(index);
                }
                self.arrived(&mut world, principal, &message);
            }
            Action::PubAck(fate) => {
                let kind = Kind::FROM_DEVICE[usize::from(world.pubacks.remove(0))];
                self.feed(&mut world, device::Input::Delivered { kind }, fate);
            }
            Action::Drop(fate) => {
                world.budget.drops -= 1;
                world.end_session();
                self.feed(&mut world, device::Input::Disconnected { draw: 0 }, fate);
            }
            Action::Subscribe => {
                let principal = world.session?;
                self.decide(&mut world, Input::DeviceSubscribed { principal });
            }
            Action::Decide => {
                let input = world.inbox.remove(0);
                self.decide(&mut world, input);
            }
            Action::Execute { dies } => self.execute(&mut world, dies),
            Action::Deadline => {
                let presence = world.session.map_or(Presence::Offline, Presence::Online);
                self.decide(&mut world, Input::DeadlinePassed { presence });
            }
            Action::Cancel => {
                world.budget.cancels -= 1;
                world.inbox.push(Input::Cancelled { by: Cancellation::Operator });
            }
        }
        (world != *before).then_some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("no device is bricked", |_, world: &World| world.lives()),
            Property::always(
                "the outgoing goes only after the incoming was used",
                |_, world: &World| !world.too_early,
            ),
            Property::always(
                "a closed rotation leaves one certificate active",
                |_, world: &World| {
                    let left = world.registry.values().filter(|active| **active).count();
                    world.rotation.is_open() || left == 1 || world.gave_up_retiring()
                },
            ),
            Property::sometimes("rotated", |_, world: &World| world.rotation.name() == "Rotated"),
            Property::sometimes("rolled back", |_, world: &World| {
                world.rotation.outcome() == Some(rotation::Outcome::RolledBack)
            }),
            Property::sometimes("rotated, promoted and steady", |_, world: &World| {
                world.rotation.name() == "Rotated"
                    && world.disk.slots.current != OUTGOING
                    && world.disk.state.name() == "Steady"
            }),
        ]
    }
}

fn pairs(len: usize, twices: &[bool]) -> impl Iterator<Item = (usize, bool)> + '_ {
    (0..len).flat_map(|index| twices.iter().map(move |twice| (index, *twice)))
}

impl World {
    fn online(&self) -> bool {
        self.machine.as_ref().is_some_and(|machine| machine.link.online.is_some())
    }

    fn lives(&self) -> bool {
        let slots = self.disk.state.preferences().iter();
        let mut held = slots.filter_map(|slot| self.disk.slots.generation(*slot));
        held.any(|generation| {
            self.store.get(&generation) == Some(&true)
                && self.registry.get(&generation) == Some(&true)
        })
    }

    /// The registry did not answer as often as it was asked: people were told.
    fn gave_up_retiring(&self) -> bool {
        let State::Failed(failed) = &self.rotation else { return false };
        matches!(failed.reason, rotation::Failure::RetiringFailed { .. }) || failed.rolled_back
    }

    fn crash_device(&mut self) {
        self.budget.device_crashes -= 1;
        self.machine = None;
        self.dial = None;
        self.end_session();
    }

    fn end_session(&mut self) {
        self.session = None;
        self.pubacks.clear();
    }

    fn admit(&mut self, generation: Generation) {
        let principal = certificate(generation);
        self.end_session();
        self.session = Some(principal);
        self.used |= generation != OUTGOING;
        self.inbox.push(Input::DeviceConnected { principal });
    }

    fn say(&mut self, message: ToDevice) {
        if !self.to_device.contains(&message) {
            self.to_device.push(message);
            self.to_device.sort();
        }
    }

    fn retire(&mut self, id: CertificateId) {
        for (generation, active) in &mut self.registry {
            if certificate(*generation) == id {
                *active = false;
            }
        }
    }
}

impl OneRotation {
    fn feed(&self, world: &mut World, input: device::Input, fate: Fate) {
        let Some(machine) = world.machine.take() else { return };
        let step = device::step(machine, input, &self.device);
        if fate == Fate::DiesBeforeWrite {
            return world.crash_device();
        }
        world.disk = step.machine.device.clone();
        world.machine = Some(step.machine);
        if fate == Fate::DiesBeforeSend {
            return world.crash_device();
        }
        for command in step.commands {
            self.carry_out(world, command);
        }
        if self.cut_off(world) {
            world.end_session();
            self.feed(world, device::Input::Disconnected { draw: 0 }, Fate::Lives);
        }
    }

    /// The session is over, but the device does not know yet.
    fn cut_off(&self, world: &World) -> bool {
        world.session.is_none() && world.online()
    }

    fn carry_out(&self, world: &mut World, command: device::Command) {
        use device::Command;
        let message = match command {
            Command::Connect { slot, generation, .. } => {
                world.dial = Some((slot, generation));
                return;
            }
            Command::SendCsr { generation, .. } => {
                world.store.entry(generation).or_insert(false);
                FromDevice::Csr(generation)
            }
            Command::SendAck { certificate_id, .. } => FromDevice::Ack(certificate_id),
            Command::SendErr { .. } => FromDevice::Err,
            Command::Forget { generation } => {
                world.store.remove(&generation);
                return;
            }
            Command::RunHook { .. } | Command::Wake { .. } => return,
        };
        if let Some(principal) = world.session {
            let sent = (principal, message);
            if !world.to_server.contains(&sent) {
                world.to_server.push(sent);
                world.to_server.sort();
            }
        }
    }

    fn heard(&self, world: &mut World, message: &ToDevice) -> device::Input {
        let rotation_id = Some(self.rotation.id);
        match message {
            ToDevice::CsrReq => {
                device::Input::CsrRequested { rotation_id, rekey: true, refused: false }
            }
            ToDevice::NoMore => device::Input::Refused {
                about: Kind::CsrRes,
                code: RefusalCode::NotAsked,
                rotation_id,
            },
            ToDevice::Crt(id) => {
                let candidate = world.disk.slots.candidate.filter(|c| certificate(*c) == *id);
                let checked = match candidate {
                    Some(generation) => {
                        world.store.insert(generation, true);
                        Checked::Good(*id)
                    }
                    None => Checked::Bad { code: ErrorCode::KeyMismatch, text: String::new() },
                };
                device::Input::CertificateReceived { rotation_id, checked }
            }
        }
    }

    fn arrived(&self, world: &mut World, principal: CertificateId, message: &FromDevice) {
        let rotation_id = Some(self.rotation.id);
        let sender = Sender::session(principal);
        let (kind, input) = match message {
            FromDevice::Csr(generation) => {
                let csr = rotation::Csr { pem: "".into(), digest: digest(*generation) };
                (0, Input::CsrReceived { sender, rotation_id, csr })
            }
            FromDevice::Ack(id) => {
                let certificate_id = Some(*id);
                (1, Input::AckReceived { sender, rotation_id, certificate_id, hook: None })
            }
            FromDevice::Err => {
                let (code, text) = (ErrorCode::Unknown, String::new());
                (2, Input::ErrReceived { sender, rotation_id, code, text, phase: None })
            }
        };
        world.inbox.push(input);
        if world.session == Some(principal) && world.online() && !world.pubacks.contains(&kind) {
            world.pubacks.push(kind);
        }
    }

    fn decide(&self, world: &mut World, input: Input) {
        let state = world.rotation.clone();
        let step = rotation::step(&self.rotation, state, input, &self.server, NOW);
        world.rotation = step.state;
        world.outbox.extend(step.commands.into_iter().filter(matters));
    }

    fn execute(&self, world: &mut World, dies: bool) {
        use rotation::Command;
        let command = world.outbox[0].clone();
        let outcome = match command {
            Command::RequestCsr { .. } => {
                world.say(ToDevice::CsrReq);
                None
            }
            Command::DeliverCertificate { incoming } => {
                world.say(ToDevice::Crt(incoming));
                None
            }
            Command::Refuse { .. } => {
                world.say(ToDevice::NoMore);
                None
            }
            Command::Issue { csr } => {
                let generation = Generation(u64::from(csr.digest.as_bytes()[0]) - 1);
                let issued = world.registry.keys().find(|known| **known != OUTGOING).copied();
                let generation = issued.unwrap_or(generation);
                world.registry.entry(generation).or_insert(false);
                let incoming = certificate(generation);
                Some(Input::CertificateIssued { csr: csr.digest, incoming })
            }
            Command::Enroll { incoming } => {
                for (generation, active) in &mut world.registry {
                    *active |= certificate(*generation) == incoming;
                }
                Some(Input::Enrolled)
            }
            Command::RetireOutgoing => {
                world.too_early |= !world.used;
                world.retire(certificate(OUTGOING));
                Some(Input::OutgoingRetired)
            }
            Command::RetireIncoming { incoming } => {
                world.retire(incoming);
                Some(Input::IncomingRetired)
            }
            Command::Notify { .. } => None,
        };
        if dies {
            // The effect is there, its outcome is not, and all sessions are gone.
            world.budget.server_crashes -= 1;
            world.end_session();
        } else {
            world.outbox.remove(0);
            world.inbox.extend(outcome);
        }
        let active = |id| world.registry.iter().any(|(g, active)| *active && certificate(*g) == id);
        if world.session.is_some_and(|principal| !active(principal)) {
            world.end_session();
        }
        if self.cut_off(world) {
            self.feed(world, device::Input::Disconnected { draw: 0 }, Fate::Lives);
        }
    }
}

/// Notices and refusals that no device acts on would only blow the model up.
fn matters(command: &rotation::Command) -> bool {
    match command {
        rotation::Command::Notify { .. } => false,
        rotation::Command::Refuse { about, code, .. } => {
            *about == Kind::CsrRes && *code == RefusalCode::NotAsked
        }
        rotation::Command::RequestCsr { .. }
        | rotation::Command::Issue { .. }
        | rotation::Command::Enroll { .. }
        | rotation::Command::DeliverCertificate { .. }
        | rotation::Command::RetireOutgoing
        | rotation::Command::RetireIncoming { .. } => true,
    }
}

fn check(budget: Budget) {
    let checker = one_rotation(budget).checker().threads(2).spawn_bfs().join();

    println!("{} states, {} unique", checker.state_count(), checker.unique_state_count());
    assert!(checker.is_done());
    checker.assert_properties();
}

const NOTHING: Budget = Budget {
    device_crashes: 0,
    server_crashes: 0,
    duplicates: 0,
    drops: 0,
    failed_dials: 0,
    cancels: 0,
};

#[test]
fn crashes_and_failed_dials_brick_no_device() {
    check(Budget { device_crashes: 1, server_crashes: 1, failed_dials: 1, ..NOTHING });
}

#[test]
fn lost_and_repeated_messages_brick_no_device() {
    check(Budget { duplicates: 1, drops: 1, failed_dials: 2, ..NOTHING });
}

#[test]
fn cancelling_at_any_moment_bricks_no_device() {
    check(Budget { drops: 1, failed_dials: 1, cancels: 1, ..NOTHING });
}
