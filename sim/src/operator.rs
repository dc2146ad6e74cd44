//! Mischief and operators: what breaks by itself, who forges, who cancels, who withdraws.

use std::time::Duration;

use perennial_core::{
    ids::{CertificateId, Digest},
    message::ErrorCode,
    rotation::{Cancellation, Csr, Input, Sender},
};

use crate::{
    event::Event,
    faults::FaultKind,
    world::{LARGEST_SKEW, World},
};

/// The principal of a stranger.
pub(crate) const STRANGER: CertificateId = CertificateId::from_bytes([0xee; 32]);

impl World {
    pub(crate) fn mischief(&mut self) {
        if self.calm {
            return;
        }
        let pause = Duration::from_secs(self.rng.u64(5..7200));
        self.after(pause, Event::Mischief);
        if self.strikes(FaultKind::BrokerRestart) {
            self.drop_sessions();
            self.broker.up = false;
            let down_for = Duration::from_secs(self.rng.u64(1..7200));
            self.after(down_for, Event::BrokerUp);
        }
        if self.strikes(FaultKind::ClockJump) {
            let most = i64::try_from(LARGEST_SKEW.as_millis()).unwrap_or(0);
            self.skew = self.rng.i64(-most..most);
            self.arm();
            self.look_at_session();
        }
        if self.strikes(FaultKind::DeviceOff) {
            let hours = self.rng.u64(1..120);
            self.power_off(Duration::from_secs(3600 * hours));
        }
        if self.strikes(FaultKind::NetworkOut) {
            self.network_out();
        }
        self.people();
    }

    fn network_out(&mut self) {
        self.device.network = false;
        if let Some(session) = self.device.process.as_ref().and_then(|process| process.session) {
            self.drop_connection(session);
        }
        let out_for = Duration::from_secs(self.rng.u64(10..30_000));
        self.after(out_for, Event::NetworkUp);
    }

    fn people(&mut self) {
        let Some(id) = self.open_rotation() else { return };
        if self.strikes(FaultKind::Forgery) {
            self.forge();
        }
        if self.strikes(FaultKind::OperatorStart) {
            self.fact(Some(id), Input::StartRequested);
        }
        if self.strikes(FaultKind::OperatorCancel) {
            self.fact(Some(id), Input::Cancelled { by: Cancellation::Operator });
        }
        if self.strikes(FaultKind::OperatorWithdraw) {
            let outgoing = self.server.journal[&id].rotation.outgoing;
            self.registry_withdraw(outgoing, true);
            self.fact(Some(id), Input::Cancelled { by: Cancellation::OutgoingWithdrawn });
        }
    }

    /// An operator deactivates a certificate; `against` the device, or to clean up.
    pub(crate) fn registry_withdraw(&mut self, id: CertificateId, against: bool) {
        self.note(|| format!("operator withdraws {id}"));
        self.registry.retire(&id, self.clock());
        if let Some(record) = self.registry.records.get_mut(&id) {
            record.withdrawn |= against;
        }
        self.cut(&id);
    }

    /// A stranger, or the wrong one of the device's own certificates, speaks.
    fn forge(&mut self) {
        let sender = Sender::session(STRANGER);
        let csr = Csr { pem: "forged".into(), digest: Digest::from_bytes([0xee; 32]) };
        let input = match self.rng.u8(0..4) {
            0 => Input::CsrReceived { sender, rotation_id: None, csr },
            1 => Input::ErrReceived {
                sender,
                rotation_id: None,
                code: ErrorCode::Unknown,
                text: String::new(),
                phase: None,
                device_time: None,
            },
            2 => self.early_ack(),
            _ => Input::AckReceived { sender, rotation_id: None, certificate_id: None, hook: None },
        };
        self.fact(None, input);
    }

    fn early_ack(&self) -> Input {
        let outgoing = self.open_rotation().map(|id| self.server.journal[&id].rotation.outgoing);
        let sender = Sender { session: outgoing, proven: None };
        Input::AckReceived { sender, rotation_id: None, certificate_id: None, hook: None }
    }

    pub(crate) fn calm_down(&mut self) {
        self.note(|| "faults stop".to_owned());
        self.calm = true;
        self.faults.calm();
        self.broker.up |= !self.server.down;
        self.device.network = true;
        if self.device.process.is_none() {
            self.after(Duration::from_secs(60), Event::DeviceUp);
        }
    }
}
