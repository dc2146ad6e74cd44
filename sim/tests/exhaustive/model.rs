//! The model: where it begins, what can happen next, and what must hold.

use std::{collections::BTreeMap, time::Duration};

use perennial_core::{
    certificate::{Certificate, CertificateStatus, Validity},
    device::{self, ConnectFailure, Device, Machine},
    ids::{RotationId, ThingName},
    rotation::{self, Cancellation, Cause, Input, Opening, Presence, Rotation, State},
    time::{Timestamp, days},
    topic::Kind,
};
use stateright::{Model, Property};

use crate::world::{Budget, NOW, OUTGOING, World, certificate};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Lives,
    DiesBeforeWrite,
    DiesBeforeSend,
    CannotWrite,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Action {
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

pub(crate) struct OneRotation {
    pub(crate) rotation: Rotation,
    pub(crate) opened: State,
    pub(crate) server: rotation::Timing,
    pub(crate) device: device::Timing,
    pub(crate) budget: Budget,
}

pub(crate) fn one_rotation(budget: Budget) -> OneRotation {
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
        stuck_tries: u32::MAX,
        max_attempts: 0,
        retry_for: Duration::ZERO,
        max_behind_for: Duration::ZERO,
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
        let mut fates = vec![Fate::Lives];
        if world.budget.device_crashes > 0 {
            fates.extend([Fate::DiesBeforeWrite, Fate::DiesBeforeSend]);
        }
        if world.budget.disk_failures > 0 {
            fates.push(Fate::CannotWrite);
        }
        let twices: &[bool] = if world.budget.duplicates > 0 { &[false, true] } else { &[false] };
        for fate in fates {
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
