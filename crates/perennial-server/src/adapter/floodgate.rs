//! The floodgate: what a certificate says of its rotations beyond what any rotation needs is refused
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
    ids::CertificateId,
    time::Timestamp,
};
use perennial_orchestrator::{SystemClock, port::Clock as _};
use tracing::warn;

/// How many management messages a certificate may send. A rotation needs three; a bad link, a
/// hook and refused CSRs make some dozen of it.
const RATE: Rate = Rate { per_second: 1, burst: 60 };
/// Of how many certificates it is known what they sent: more than rotate in a minute.
const SENDERS: usize = 250_000;
/// How often what was refused is told.
const TELL: Duration = Duration::from_secs(60);

/// Whose messages are let in.
pub(super) struct Floodgate(Mutex<Allowances<CertificateId>>);

impl Floodgate {
    /// One that tells of what it refuses for as long as somebody has it.
    pub(super) fn open() -> Arc<Self> {
        let gate = Arc::new(Self(Mutex::new(Allowances::new(RATE, SENDERS))));
        tokio::spawn(tell(Arc::downgrade(&gate)));
        gate
    }

    /// Whether the message is taken.
    pub(super) fn lets_in(&self, inbound: &Inbound, now: Timestamp) -> bool {
        let allowed = self.0.lock().take(inbound.principal, now);
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
}

async fn tell(gate: Weak<Floodgate>) {
    loop {
        tokio::time::sleep(TELL).await;
        let Some(gate) = gate.upgrade() else { return };
        let refused = gate.0.lock().turn(SystemClock.now());
        for (id, messages) in refused {
            let secs = TELL.as_secs();
            warn!(certificate.id = %id, messages, secs, "messages of a device that floods were refused");
        }
    }
}
