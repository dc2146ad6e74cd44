//! Moves: what becomes of the world when a machine steps, a message arrives or a command is done.

use perennial_core::{
    device::{self, Checked, Generation},
    ids::CertificateId,
    message::{ErrorCode, RefusalCode},
    rotation::{self, Input, Sender},
    topic::Kind,
};

use crate::{
    model::{Fate, OneRotation},
    world::{FromDevice, NOW, OUTGOING, ToDevice, World, certificate, digest},
};

impl OneRotation {
    pub(crate) fn feed(&self, world: &mut World, input: device::Input, fate: Fate) {
        let Some(machine) = world.machine.take() else { return };
        let mut step = device::step(machine.clone(), input.clone(), &self.device);
        if fate == Fate::CannotWrite && step.machine.device != world.disk {
            world.budget.disk_failures -= 1;
            step = device::unkept(machine, input, "full".to_owned(), &self.device);
        }
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

    pub(crate) fn heard(&self, world: &mut World, message: &ToDevice) -> device::Input {
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

    pub(crate) fn arrived(
        &self,
        world: &mut World,
        principal: CertificateId,
        message: &FromDevice,
    ) {
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
                let (phase, device_time) = (None, None);
                let err =
                    Input::ErrReceived { sender, rotation_id, code, text, phase, device_time };
                (2, err)
            }
        };
        world.inbox.push(input);
        if world.session == Some(principal) && world.online() && !world.pubacks.contains(&kind) {
            world.pubacks.push(kind);
        }
    }

    pub(crate) fn decide(&self, world: &mut World, input: Input) {
        let state = world.rotation.clone();
        let step = rotation::step(&self.rotation, state, input, &self.server, NOW);
        world.rotation = step.state;
        world.outbox.extend(step.commands.into_iter().filter(matters));
    }

    pub(crate) fn execute(&self, world: &mut World, dies: bool) {
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
