//! Fakes: every port in memory, one world that outlives the processes that use it, faults on
//! demand, and a witness of all that happened.
//!
//! What a fake answered to is durable. What is not: a call under way, sessions, messages on their
//! way to devices, hints. [`World::crash`] loses those, and ports handed out before it are dead.

mod audit;
mod authority;
mod fault;
mod journal;
mod messaging;
mod people;
mod registry;
mod witness;

pub use audit::FakeAudit;
pub use authority::FakeAuthority;
pub use fault::{Fault, Faults, Verb};
pub use journal::FakeJournal;
pub use messaging::FakeMessaging;
pub use people::{FakeClock, FakeEntropy, FakeNotifier};
pub use registry::{FakeRegistry, Row};
pub use witness::{Seen, Witness};

use std::sync::Arc;

use parking_lot::Mutex;
use perennial_core::time::Timestamp;
use tokio::sync::Notify;

use self::{authority::Issued, journal::Durable, messaging::Wire, registry::Certificates};
use crate::{port::Notification, ring::Ports};

/// What all processes of one server find when they start.
#[derive(Clone)]
pub struct World {
    /// What is to go wrong.
    pub faults: Faults,
    /// What happened.
    pub witness: Witness,
    /// What time it is.
    pub clock: FakeClock,
    /// The dice.
    pub entropy: FakeEntropy,
    durable: Arc<Mutex<Durable>>,
    certificates: Arc<Mutex<Certificates>>,
    issued: Arc<Mutex<Issued>>,
    tasks: Arc<Mutex<audit::Tasks>>,
    told: Arc<Mutex<Vec<Notification>>>,
    wire: Arc<Mutex<Wire>>,
    news: Arc<Notify>,
}

impl World {
    /// An empty world whose clock starts at `began_at`. Needs a tokio runtime.
    pub fn new(began_at: Timestamp) -> Self {
        Self {
            faults: Faults::default(),
            witness: Witness::default(),
            clock: FakeClock::new(began_at),
            entropy: FakeEntropy::default(),
            durable: Arc::default(),
            certificates: Arc::default(),
            issued: Arc::default(),
            tasks: Arc::default(),
            told: Arc::default(),
            wire: Arc::default(),
            news: Arc::default(),
        }
    }

    /// Every port, for the process that runs now.
    pub fn ports(&self) -> Ports {
        Ports {
            journal: Arc::new(self.journal()),
            registry: Arc::new(self.registry()),
            authority: Arc::new(self.authority()),
            messaging: Arc::new(self.messaging()),
            notifier: Arc::new(self.notifier()),
            audit: Arc::new(self.audit()),
            clock: Arc::new(self.clock.clone()),
            entropy: Arc::new(self.entropy.clone()),
        }
    }

    /// Ends the process that runs now, with all that is not durable.
    pub fn crash(&self) {
        self.witness.saw(Seen::Crashed);
        self.faults.end_process();
        self.messaging().lose_everything();
    }

    /// The journal.
    pub fn journal(&self) -> FakeJournal {
        let (durable, witness) = (Arc::clone(&self.durable), self.witness.clone());
        FakeJournal { durable, witness, gate: self.faults.gate() }
    }

    /// The registry.
    pub fn registry(&self) -> FakeRegistry {
        let (certificates, witness) = (Arc::clone(&self.certificates), self.witness.clone());
        FakeRegistry { certificates, witness, gate: self.faults.gate() }
    }

    /// The authority.
    pub fn authority(&self) -> FakeAuthority {
        FakeAuthority {
            issued: Arc::clone(&self.issued),
            certificates: Arc::clone(&self.certificates),
            witness: self.witness.clone(),
            gate: self.faults.gate(),
        }
    }

    /// Messaging.
    pub fn messaging(&self) -> FakeMessaging {
        FakeMessaging {
            wire: Arc::clone(&self.wire),
            news: Arc::clone(&self.news),
            witness: self.witness.clone(),
            gate: self.faults.gate(),
        }
    }

    /// The notifier.
    pub fn notifier(&self) -> FakeNotifier {
        let (told, witness) = (Arc::clone(&self.told), self.witness.clone());
        FakeNotifier { told, witness, gate: self.faults.gate() }
    }

    /// The audit.
    pub fn audit(&self) -> FakeAudit {
        FakeAudit {
            tasks: Arc::clone(&self.tasks),
            certificates: Arc::clone(&self.certificates),
            journal: Arc::clone(&self.durable),
            gate: self.faults.gate(),
        }
    }
}
