//! The demo's devices: agents with folders of their own, some of which misbehave on purpose.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::Context as _;
use perennial_agent::{Agent, Config, CrashPoint, Event, Faults, IssuedBy, Observer, RunError};
use perennial_core::ids::{ClientId, ThingName};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Options, view::View};
use crate::{Candidate, Server};

/// How many devices are certified in one transaction.
const BATCH: usize = 200;

/// What is wrong with a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// It sends a CSR that is cut short.
    BadCsr,
    /// It refuses its new certificate.
    RefusesCertificate,
    /// It crashes once, between storing the new certificate and trying it, and starts again.
    Crashes,
    /// It is away and comes back when all others are done.
    Offline,
}

impl Fault {
    /// The fault of device number `number`, when faults are wanted.
    pub(super) const fn of(number: usize) -> Option<Self> {
        match number {
            1 => Some(Self::BadCsr),
            2 => Some(Self::RefusesCertificate),
            3 => Some(Self::Crashes),
            4 => Some(Self::Offline),
            _ => None,
        }
    }

    pub(super) const fn in_words(self) -> &'static str {
        match self {
            Self::BadCsr => "sends a CSR that is cut short",
            Self::RefusesCertificate => "refuses its new certificate",
            Self::Crashes => "crashes half-way and starts again",
            Self::Offline => "is offline and comes back last",
        }
    }

    fn faults(self) -> Faults {
        let crash = CrashPoint::AfterPersist("Trying");
        Faults {
            bad_csr: self == Self::BadCsr,
            refuse_certificate: self == Self::RefusesCertificate,
            crash_at: (self == Self::Crashes).then_some(crash),
            ..Faults::default()
        }
    }
}

/// One device before it runs.
struct Device {
    config: Config,
    fault: Option<Fault>,
}

/// All devices.
pub(super) struct Fleet {
    waiting: Vec<Device>,
    running: JoinSet<()>,
    connected: Arc<AtomicUsize>,
    shutdown: CancellationToken,
    _folder: tempfile::TempDir,
}

/// The name of device number `number`.
pub(super) fn name(number: usize) -> String {
    format!("device-{number}")
}

impl Fleet {
    /// Makes the devices: each its own key, its first certificate from the server.
    pub(super) async fn enroll(
        server: &Server,
        options: &Options,
        validity_for: Duration,
        view: &View,
    ) -> anyhow::Result<Self> {
        let folder = device_folder()?;
        let mut waiting = Vec::with_capacity(options.devices);
        for first in (1..=options.devices).step_by(BATCH) {
            let numbers = first..=(first + BATCH - 1).min(options.devices);
            let mut candidates = Vec::new();
            for number in numbers.clone() {
                let data = folder.path().join(name(number));
                let client_id = ClientId::new(&name(number))?;
                let csr_pem = perennial_agent::request(&client_id, &data)?;
                candidates.push(Candidate { thing: ThingName::new(&name(number))?, csr_pem });
            }
            let certified = server.certify(candidates, validity_for).await?;
            for (number, certified) in numbers.zip(certified) {
                let fault = Fault::of(number).filter(|_| options.faults);
                let data = folder.path().join(name(number));
                let device = device(server, number, data, fault)?;
                let anchors = server.authority().root_pem();
                let (id, data) = (&device.config.client_id, &device.config.data);
                perennial_agent::complete(
                    id,
                    &certified.chain_pem,
                    &anchors,
                    IssuedBy::Server,
                    data,
                )?;
                waiting.push(device);
            }
            view.enrolled(waiting.len());
        }
        Ok(Self {
            waiting,
            running: JoinSet::new(),
            connected: Arc::default(),
            shutdown: CancellationToken::new(),
            _folder: folder,
        })
    }

    /// Starts all devices but those that are offline, and waits until they are connected.
    pub(super) async fn connect(&mut self, view: &View) -> anyhow::Result<()> {
        let is_offline = |device: &Device| device.fault == Some(Fault::Offline);
        let (offline, online): (Vec<_>, Vec<_>) = self.waiting.drain(..).partition(is_offline);
        self.waiting = offline;
        let count = online.len();
        for device in online {
            self.start(device);
        }
        loop {
            let connected = self.connected.load(Ordering::SeqCst);
            view.connected(connected);
            if connected >= count {
                return Ok(());
            }
            tokio::time::sleep(super::REDRAW).await;
        }
    }

    /// Starts the devices that were offline.
    pub(super) fn bring_back(&mut self) {
        for device in std::mem::take(&mut self.waiting) {
            self.start(device);
        }
    }

    fn start(&mut self, device: Device) {
        let (connected, shutdown) = (Arc::clone(&self.connected), self.shutdown.clone());
        self.running.spawn(run(device.config, connected, shutdown));
    }

    /// Stops all devices.
    pub(super) async fn stop(mut self) {
        self.shutdown.cancel();
        while self.running.join_next().await.is_some() {}
    }
}

/// In memory where the system has such a folder: one disk is no stand-in for a fleet's flash.
fn device_folder() -> anyhow::Result<tempfile::TempDir> {
    let memory = Path::new("/dev/shm");
    let mut builder = tempfile::Builder::new();
    builder.prefix("perennial-demo-");
    let made = builder.tempdir_in(memory).or_else(|_| builder.tempdir());
    made.context("no temporary folder for the devices can be made")
}

fn device(
    server: &Server,
    number: usize,
    data: PathBuf,
    fault: Option<Fault>,
) -> anyhow::Result<Device> {
    let client_id = ClientId::new(&name(number))?;
    let mut config = Config::new(client_id, server.mqtt().to_string(), "localhost".into(), data);
    config.prefix = server.config().mqtt.prefix.clone();
    config.faults = fault.map(Fault::faults).unwrap_or_default();
    Ok(Device { config, fault })
}

/// Runs one device; one that crashes on purpose starts again without that purpose.
async fn run(mut config: Config, connected: Arc<AtomicUsize>, shutdown: CancellationToken) {
    let first = std::sync::Once::new();
    let observer: Observer = Arc::new(move |_, event| {
        if let Event::Connected { .. } = event {
            first.call_once(|| {
                connected.fetch_add(1, Ordering::SeqCst);
            });
        }
    });
    loop {
        let agent = match Agent::open(config.clone()) {
            Ok(agent) => agent.observed_by(Arc::clone(&observer)),
            Err(error) => {
                tracing::error!(%error, client.id = %config.client_id, "a device cannot start");
                return;
            }
        };
        match agent.run(shutdown.clone().cancelled_owned()).await {
            Ok(()) => return,
            Err(RunError::Crashed(_)) => config.faults.crash_at = None,
            Err(error) => {
                tracing::error!(%error, client.id = %config.client_id, "a device stopped");
                return;
            }
        }
    }
}
