//! The ring put together: ports in, running tasks out.

use std::{sync::Arc, time::Duration};

use perennial_core::rotation::Timing;
use tokio::{
    sync::{Notify, mpsc},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use crate::{
    awaited::Awaited,
    dispatcher::Dispatcher,
    driver::Driver,
    inbox::{Intake, inbox},
    opener::Opener,
    port::{Audit, Authority, Clock, Entropy, Journal, Messaging, Notifier, PortError, Registry},
    scheduler::Scheduler,
    verbs::Verbs,
};

/// How many arrivals may wait for the driver before putting in waits too.
const ARRIVALS: usize = 4096;
/// How many recoveries may wait for the opener before further ones are dropped.
const RECOVERIES: usize = 4096;

/// The world as the ring sees it.
#[derive(Clone)]
pub struct Ports {
    /// Durable memory.
    pub journal: Arc<dyn Journal>,
    /// Things and certificates.
    pub registry: Arc<dyn Registry>,
    /// Issues certificates.
    pub authority: Arc<dyn Authority>,
    /// Talks to devices.
    pub messaging: Arc<dyn Messaging>,
    /// Tells people.
    pub notifier: Arc<dyn Notifier>,
    /// Finds what wants rotating.
    pub audit: Arc<dyn Audit>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Draws at random.
    pub entropy: Arc<dyn Entropy>,
}

/// What the ring may be told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How patient rotations are.
    pub timing: Timing,
    /// Whether rotations want a new key.
    pub rekey: bool,
    /// Key algorithms named to devices, the preferred one first.
    pub algorithms: Vec<String>,
    /// How often to look for deadlines that have come.
    pub tick_for: Duration,
    /// Whether scheduled audits run; those that somebody starts do.
    pub scheduled_audits: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            timing: Timing::default(),
            rekey: true,
            algorithms: ["EC_P256", "EC_P384", "EC_P521", "RSA_2048"].map(String::from).to_vec(),
            tick_for: Duration::from_millis(200),
            scheduled_audits: true,
        }
    }
}

/// The running ring.
pub struct Ring {
    intake: Intake,
    shutdown: CancellationToken,
    tasks: JoinSet<()>,
}

impl Ring {
    /// Starts the ring: first with what an earlier run left in inbox and outbox.
    ///
    /// # Errors
    /// The journal's, when what was left cannot be read.
    pub async fn start(ports: Ports, settings: Settings) -> Result<Self, PortError> {
        let shutdown = CancellationToken::new();
        let settings = Arc::new(settings);
        let (arrivals_in, arrivals) = mpsc::channel(ARRIVALS);
        let (outcomes_in, outcomes) = mpsc::unbounded_channel();
        let (jobs_in, jobs) = mpsc::unbounded_channel();
        let (requests_in, requests) = mpsc::unbounded_channel();
        let (recoveries_in, recoveries) = mpsc::channel(RECOVERIES);
        let (journal, awaited) = (Arc::clone(&ports.journal), Awaited::default());
        let (intake, reader) = inbox(journal, arrivals_in, recoveries_in, awaited.clone());
        let verbs = Verbs::new(ports.clone(), Arc::clone(&settings));
        let opened = Arc::new(Notify::new());

        let driver =
            Driver::new(ports.clone(), Arc::clone(&settings), (arrivals, outcomes), jobs_in)
                .forwarding(requests_in, Arc::clone(&opened));
        let left_over = driver.outbox_left_over().await?;
        let mut tasks = JoinSet::new();
        tasks.spawn(Dispatcher::new(verbs, jobs, outcomes_in).run(shutdown.clone()));
        tasks.spawn(driver.run(left_over, shutdown.clone()));
        let wishes = (requests, recoveries);
        let told = (awaited, opened);
        let opener = Opener::new(ports.clone(), Arc::clone(&settings), wishes, told);
        tasks.spawn(opener.run(shutdown.clone()));
        tasks.spawn(reader.run(shutdown.clone()));
        tasks.spawn(Scheduler::new(ports, settings).run(shutdown.clone()));
        Ok(Self { intake, shutdown, tasks })
    }

    /// Where facts and hints are put in.
    pub fn intake(&self) -> Intake {
        self.intake.clone()
    }

    /// Stops: what is being committed is committed, the rest is found again at the next start.
    pub async fn stop(mut self) {
        self.shutdown.cancel();
        while self.tasks.join_next().await.is_some() {}
    }
}
