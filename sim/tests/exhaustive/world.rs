//! The world of one rotation: both ends' durable and volatile state, and what may still go wrong.

use std::collections::BTreeMap;

use perennial_core::{
    device::{Device, Generation, Machine, Slot},
    ids::{CertificateId, Digest},
    rotation::{self, Input, State},
    time::Timestamp,
};

pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_000_000);
pub(crate) const OUTGOING: Generation = Generation(0);

pub(crate) fn certificate(generation: Generation) -> CertificateId {
    CertificateId::from_bytes([u8::try_from(generation.0).unwrap() + 1; 32])
}

pub(crate) fn digest(generation: Generation) -> Digest {
    Digest::from_bytes([u8::try_from(generation.0).unwrap() + 1; 32])
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum ToDevice {
    CsrReq,
    Crt(CertificateId),
    NoMore,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum FromDevice {
    Csr(Generation),
    Ack(CertificateId),
    Err,
}

/// What may still go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Budget {
    pub(crate) device_crashes: u8,
    pub(crate) disk_failures: u8,
    pub(crate) server_crashes: u8,
    pub(crate) duplicates: u8,
    pub(crate) drops: u8,
    pub(crate) failed_dials: u8,
    pub(crate) cancels: u8,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct World {
    pub(crate) rotation: State,
    pub(crate) inbox: Vec<Input>,
    pub(crate) outbox: Vec<rotation::Command>,
    /// Active or not, by generation.
    pub(crate) registry: BTreeMap<Generation, bool>,
    /// Whether the incoming certificate was ever used.
    pub(crate) used: bool,
    /// Whether the outgoing one was withdrawn before that.
    pub(crate) too_early: bool,
    pub(crate) session: Option<CertificateId>,
    pub(crate) to_device: Vec<ToDevice>,
    pub(crate) to_server: Vec<(CertificateId, FromDevice)>,
    pub(crate) pubacks: Vec<u8>,
    pub(crate) disk: Device,
    /// Whether a generation's certificate is stored.
    pub(crate) store: BTreeMap<Generation, bool>,
    pub(crate) machine: Option<Machine>,
    pub(crate) dial: Option<(Slot, Generation)>,
    pub(crate) budget: Budget,
}

impl World {
    pub(crate) fn online(&self) -> bool {
        self.machine.as_ref().is_some_and(|machine| machine.link.online.is_some())
    }

    pub(crate) fn lives(&self) -> bool {
        let slots = self.disk.state.preferences().iter();
        let mut held = slots.filter_map(|slot| self.disk.slots.generation(*slot));
        held.any(|generation| {
            self.store.get(&generation) == Some(&true)
                && self.registry.get(&generation) == Some(&true)
        })
    }

    /// The registry did not answer as often as it was asked: people were told.
    pub(crate) fn gave_up_retiring(&self) -> bool {
        let State::Failed(failed) = &self.rotation else { return false };
        matches!(failed.reason, rotation::Failure::RetiringFailed { .. }) || failed.rolled_back
    }

    pub(crate) fn crash_device(&mut self) {
        self.budget.device_crashes -= 1;
        self.machine = None;
        self.dial = None;
        self.end_session();
    }

    pub(crate) fn end_session(&mut self) {
        self.session = None;
        self.pubacks.clear();
    }

    pub(crate) fn admit(&mut self, generation: Generation) {
        let principal = certificate(generation);
        self.end_session();
        self.session = Some(principal);
        self.used |= generation != OUTGOING;
        self.inbox.push(Input::DeviceConnected { principal });
    }

    pub(crate) fn say(&mut self, message: ToDevice) {
        if !self.to_device.contains(&message) {
            self.to_device.push(message);
            self.to_device.sort();
        }
    }

    pub(crate) fn retire(&mut self, id: CertificateId) {
        for (generation, active) in &mut self.registry {
            if certificate(*generation) == id {
                *active = false;
            }
        }
    }
}
