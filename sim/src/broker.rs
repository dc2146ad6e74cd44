//! The broker: who has a session, what is on its way, and what the ring learns of it.

use std::time::Duration;

use perennial_core::{
    device,
    ids::CertificateId,
    rotation::{Cancellation, Input, Sender},
    time::Timestamp,
    topic::Kind,
};

use crate::{
    event::{Event, FromDevice, SessionNo, ToDevice},
    faults::FaultKind,
    world::World,
};

/// The broker's side of the device's session.
#[derive(Debug)]
pub(crate) struct Broker {
    pub(crate) up: bool,
    session: Option<(SessionNo, CertificateId)>,
    listening: bool,
    /// A good certificate that is refused by mistake, and until when.
    pub(crate) glitch: Option<(CertificateId, Timestamp)>,
    /// What waits for the device to come back.
    waiting: Vec<ToDevice>,
}

impl Default for Broker {
    fn default() -> Self {
        Self { up: true, session: None, listening: false, glitch: None, waiting: Vec::new() }
    }
}

impl Broker {
    /// The principal of the session that is up.
    pub(crate) fn principal(&self) -> Option<CertificateId> {
        self.session.map(|(_, principal)| principal)
    }
}

impl World {
    /// Lets the certificate in: a session that was up is over.
    pub(crate) fn admit(&mut self, principal: CertificateId) -> SessionNo {
        let session = self.number();
        self.broker.session = Some((session, principal));
        self.broker.listening = false;
        if let Some(record) = self.registry.records.get_mut(&principal) {
            record.used = true;
        }
        if !self.strikes(FaultKind::PresenceLost) {
            self.fact(None, Input::DeviceConnected { principal });
        }
        session
    }

    pub(crate) fn subscribed(&mut self, session: SessionNo) {
        let Some((number, principal)) = self.broker.session else { return };
        if number != session || self.broker.listening {
            return;
        }
        self.broker.listening = true;
        for message in std::mem::take(&mut self.broker.waiting) {
            self.publish_to_device(message);
        }
        if !self.strikes(FaultKind::PresenceLost) {
            self.fact(None, Input::DeviceSubscribed { principal });
        }
    }

    /// Publishes to the device; without a session it waits, up to a bound.
    pub(crate) fn publish_to_device(&mut self, message: ToDevice) {
        let Some((session, _)) = self.broker.session.filter(|_| self.broker.listening) else {
            if self.broker.waiting.len() < 8 {
                self.broker.waiting.push(message);
            }
            return;
        };
        if self.strikes(FaultKind::Straggler) {
            let late_for = Duration::from_secs(self.rng.u64(60..300_000));
            self.after(late_for, Event::StragglerAtDevice(message.clone()));
        }
        if self.strikes(FaultKind::Duplication) {
            let travel = self.travel();
            self.after(travel, Event::AtDevice(session, message.clone()));
        }
        if self.strikes(FaultKind::Loss) {
            self.drop_connection(session);
        }
        let travel = self.travel();
        self.after(travel, Event::AtDevice(session, message));
    }

    /// The connection is gone; either side notices in its own time.
    pub(crate) fn drop_connection(&mut self, session: SessionNo) {
        let (device, broker) = (self.rng.u64(0..5), self.rng.u64(0..90));
        self.after(Duration::from_secs(device), Event::LostAtDevice(session));
        self.after(Duration::from_secs(broker), Event::LostAtBroker(session));
    }

    pub(crate) fn lost_at_broker(&mut self, session: SessionNo) {
        if self.broker.session.is_some_and(|(number, _)| number == session) {
            self.broker.session = None;
        }
    }

    /// Deactivation reaches the live session at once.
    pub(crate) fn cut(&mut self, principal: &CertificateId) {
        if let Some((session, _)) = self.broker.session.filter(|(_, live)| live == principal) {
            self.broker.session = None;
            self.after(Duration::from_millis(20), Event::LostAtDevice(session));
        }
    }

    pub(crate) fn drop_sessions(&mut self) {
        if let Some((session, _)) = self.broker.session.take() {
            self.after(Duration::from_millis(50), Event::LostAtDevice(session));
        }
        if !self.plan.keeps_queue {
            self.broker.waiting.clear();
        }
    }

    pub(crate) fn at_broker(&mut self, session: SessionNo, number: u64, message: FromDevice) {
        let live = self.broker.session.filter(|(live, _)| *live == session);
        let Some((_, principal)) = live.filter(|_| !self.server.down && self.broker.up) else {
            return;
        };
        let kind = message.kind();
        if kind == Kind::CrtAck && self.strikes(FaultKind::OperatorCancel) {
            // The worst moment to cancel: the ack is next.
            let by = Cancellation::Operator;
            self.fact(self.open_rotation(), Input::Cancelled { by });
        }
        self.accept(principal, message);
        // The fact is durable: now the device may know.
        if self.strikes(FaultKind::Loss) {
            return self.drop_connection(session);
        }
        let travel = self.travel();
        self.after(travel, Event::PubAck { session, number, kind });
    }

    fn accept(&mut self, principal: CertificateId, message: FromDevice) {
        let mut sender = Sender::session(principal);
        match message {
            FromDevice::Csr { rotation, csr, proven } => {
                sender.proven = proven;
                self.fact(rotation, Input::CsrReceived { sender, rotation_id: rotation, csr });
            }
            FromDevice::Ack { rotation, certificate, hook } => {
                let named = rotation.map(|_| certificate);
                sender.proven = named;
                if let Some(record) = named.and_then(|id| self.registry.records.get_mut(&id)) {
                    record.used = true;
                }
                let input = Input::AckReceived {
                    sender,
                    rotation_id: rotation,
                    certificate_id: named,
                    hook,
                };
                self.fact(rotation, input);
            }
            FromDevice::Err { rotation, code, text, phase } => {
                let phase = Some(phase);
                let input = Input::ErrReceived { sender, rotation_id: rotation, code, text, phase };
                self.fact(rotation, input);
            }
        }
    }

    pub(crate) fn puback(&mut self, session: SessionNo, number: u64, kind: Kind) {
        let Some(process) = &self.device.process else { return };
        if process.session == Some(session) && process.sent.get(&kind) == Some(&number) {
            self.feed(device::Input::Delivered { kind });
        }
    }
}
