//! The floodgate: what a device says of its rotations beyond what any rotation needs is refused
//! before it is written down, and told once a minute.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use parking_lot::Mutex;
use perennial_broker::Inbound;
use perennial_core::{
    allowance::{Allowances, Allowed},
    bucket::Rate,
    ids::{CertificateId, ClientId},
    time::Timestamp,
};
use perennial_orchestrator::{SystemClock, port::Clock as _};
use tracing::warn;

/// A device: devices that share a certificate, until each has its own, do not share an allowance.
type Device = (CertificateId, ClientId);

/// How many management messages a device may send. A rotation needs three; a bad link, a
/// hook and refused CSRs make some dozen of it.
const RATE: Rate = Rate { per_second: 1, burst: 60 };
/// Of how many devices it is known what they sent: more than rotate in a minute.
const SENDERS: usize = 250_000;
/// How often what was refused is told.
const TELL: Duration = Duration::from_secs(60);

/// Whose messages are let in.
pub(super) struct Floodgate(Mutex<Allowances<Device>>);

impl Floodgate {
    /// One that tells of what it refuses for as long as somebody has it.
    pub(super) fn open() -> Arc<Self> {
        let gate = Arc::new(Self::new());
        tokio::spawn(tell(Arc::downgrade(&gate)));
        gate
    }

    fn new() -> Self {
        Self(Mutex::new(Allowances::new(RATE, SENDERS)))
    }

    /// Whether the message is taken.
    pub(super) fn lets_in(&self, inbound: &Inbound, now: Timestamp) -> bool {
        let allowed = self.allow((inbound.principal, inbound.client_id.clone()), now);
        if allowed == Allowed::NoMore {
            warn!(
                client.id = %inbound.client_id, certificate.id = %inbound.principal,
                mqtt.topic = inbound.topic,
                "a device floods: what it sends beyond {} at once and {} a second is refused",
                RATE.burst, RATE.per_second
            );
        }
        allowed == Allowed::Yes
    }

    fn allow(&self, device: Device, now: Timestamp) -> Allowed {
        self.0.lock().take(device, now)
    }
}

async fn tell(gate: Weak<Floodgate>) {
    loop {
        tokio::time::sleep(TELL).await;
        let Some(gate) = gate.upgrade() else { return };
        let refused = gate.0.lock().turn(SystemClock.now());
        for ((id, client_id), messages) in refused {
            let secs = TELL.as_secs();
            warn!(client.id = %client_id, certificate.id = %id, messages, secs, "messages of a device that floods were refused");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_that_share_a_certificate_do_not_share_an_allowance() {
        let (gate, now) = (Floodgate::new(), Timestamp::from_secs(1_800_000_000));
        let shared = CertificateId::from_bytes([7; 32]);
        let says = |name: &str| gate.allow((shared, ClientId::new(name).unwrap()), now);

        let loud: Vec<Allowed> = (0..=RATE.burst).map(|_| says("loud")).collect();
        let others = (0..100).all(|number| says(&format!("quiet-{number}")) == Allowed::Yes);

        assert_eq!(loud.last(), Some(&Allowed::NoMore));
        assert!(others);
    }
}
