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
    Sabotage,
    event::{Event, FromDevice, SessionNo, ToDevice},
    faults::FaultKind,
    world::World,
};

/// How long after its certificate's end a session may live on, at most.
pub(crate) const CUT_WITHIN: Duration = Duration::from_secs(60);

/// A session as the broker has it.
#[derive(Debug, Clone, Copy)]
struct Session {
    number: SessionNo,
    principal: CertificateId,
    /// Its certificate has expired: it is for the exchange alone.
    in_grace: bool,
}

/// The broker's side of the device's session.
#[derive(Debug)]
pub(crate) struct Broker {
    pub(crate) up: bool,
    session: Option<Session>,
    listening: bool,
    /// A good certificate that is refused by mistake, and until when.
    pub(crate) glitch: Option<(CertificateId, Timestamp)>,
    /// What waits for the device to come back.
    waiting: Vec<ToDevice>,
    /// The last message beside the exchange that was let through: whose it was, and when.
    pub(crate) telemetry: Option<(CertificateId, Timestamp)>,
}

impl Default for Broker {
    fn default() -> Self {
        Self {
            up: true,
            session: None,
            listening: false,
            glitch: None,
            waiting: Vec::new(),
            telemetry: None,
        }
    }
}

impl Broker {
    /// The principal of the session that is up.
    pub(crate) fn principal(&self) -> Option<CertificateId> {
        self.session.map(|session| session.principal)
    }
}

impl World {
    /// Lets the certificate in: a session that was up is over. One that has expired is let in to
    /// be rotated and for nothing else, and its rotation is opened.
    pub(crate) fn admit(&mut self, principal: CertificateId) -> SessionNo {
        let number = self.number();
        let in_grace = self.has_ended(&principal);
        self.broker.session = Some(Session { number, principal, in_grace });
        self.broker.listening = false;
        self.look_at_standing(number);
        if let Some(record) = self.registry.records.get_mut(&principal) {
            record.used = true;
        }
        if !self.strikes(FaultKind::PresenceLost) {
            self.fact(None, Input::DeviceConnected { principal });
            if in_grace {
                self.recover(principal);
            }
        }
        number
    }

    /// Cuts the session when its certificate, or its grace, has ended; else looks again then.
    pub(crate) fn look_at_standing(&mut self, number: SessionNo) {
        let Some(session) = self.broker.session.filter(|session| session.number == number) else {
            return;
        };
        let Some(record) = self.registry.records.get(&session.principal) else { return };
        let until =
            if session.in_grace { record.usable_until(&self.plan) } else { record.not_after };
        if self.clock() <= until {
            let left_for = until.since(self.clock()) + Duration::from_millis(1);
            self.after(left_for, Event::StandingEnds(number));
        } else if self.sabotage != Some(Sabotage::LetLive) {
            self.note(|| "broker cuts a session whose certificate has expired".to_owned());
            self.cut(&session.principal);
        }
    }

    /// The clock was set: what has ended is noticed.
    pub(crate) fn look_at_session(&mut self) {
        if let Some(session) = self.broker.session {
            self.look_at_standing(session.number);
        }
    }

    /// The device says what it is there to say, whatever its certificate.
    pub(crate) fn telemetry(&mut self) {
        self.after(Duration::from_secs(12 * 3600), Event::Telemetry);
        self.say_telemetry();
    }

    fn say_telemetry(&mut self) {
        let Some(session) = self.broker.session.filter(|_| self.broker.up) else { return };
        let full = !session.in_grace || self.sabotage == Some(Sabotage::RecoverInFull);
        if full && self.device.session() == Some(session.number) {
            self.broker.telemetry = Some((session.principal, self.clock()));
        }
    }

    pub(crate) fn subscribed(&mut self, session: SessionNo) {
        let Some(Session { number, principal, .. }) = self.broker.session else { return };
        if number != session || self.broker.listening {
            return;
        }
        self.broker.listening = true;
        self.say_telemetry();
        for message in std::mem::take(&mut self.broker.waiting) {
            self.publish_to_device(message);
        }
        if !self.strikes(FaultKind::PresenceLost) {
            self.fact(None, Input::DeviceSubscribed { principal });
        }
    }

    /// Publishes to the device; without a session it waits, up to a bound.
    pub(crate) fn publish_to_device(&mut self, message: ToDevice) {
        let Some(Session { number: session, .. }) =
            self.broker.session.filter(|_| self.broker.listening)
        else {
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
        if self.broker.session.is_some_and(|live| live.number == session) {
            self.broker.session = None;
        }
    }

    /// Deactivation reaches the live session at once.
    pub(crate) fn cut(&mut self, principal: &CertificateId) {
        if let Some(session) = self.broker.session.filter(|live| live.principal == *principal) {
            self.broker.session = None;
            self.after(Duration::from_millis(20), Event::LostAtDevice(session.number));
        }
    }

    pub(crate) fn drop_sessions(&mut self) {
        if let Some(session) = self.broker.session.take() {
            self.after(Duration::from_millis(50), Event::LostAtDevice(session.number));
        }
        if !self.plan.keeps_queue {
            self.broker.waiting.clear();
        }
    }

    pub(crate) fn at_broker(&mut self, session: SessionNo, number: u64, message: FromDevice) {
        let live = self.broker.session.filter(|live| live.number == session);
        let Some(Session { principal, .. }) = live.filter(|_| !self.server.down && self.broker.up)
        else {
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
            FromDevice::Err { rotation, code, text, phase, device_time } => {
                let input = Input::ErrReceived {
                    sender,
                    rotation_id: rotation,
                    code,
                    text,
                    phase: Some(phase),
                    device_time: (!self.plan.bare).then_some(device_time),
                };
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
