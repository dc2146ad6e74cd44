//! The world of a story: a real server in a temporary folder, and devices that are real agents.
#![allow(dead_code, reason = "each story uses its own part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a story's own machinery")]

mod bare;
mod desk;
mod receiving;
mod wire;

use std::{
    future::Future,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use aws_lc_rs::rand::SystemRandom;
use perennial_agent::{Agent, Config as AgentConfig, Faults, IssuedBy, RunError};
use perennial_core::{
    audit::TaskStatus,
    ids::{ClientId, ThingName},
    rotation::{Outcome, State},
    time::{Timestamp, days},
};
use perennial_orchestrator::{
    SystemClock,
    port::{Clock as _, FactId, Journal as _, Stored},
};
use perennial_server::{Candidate, Config, Server};
use perennial_store::{Order, RotationFilter, StoredCertificate};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

#[allow(unused_imports, reason = "each story uses its own part")]
pub(crate) use bare::{Bare, Credential, Listening};
#[allow(unused_imports, reason = "each story uses its own part")]
pub(crate) use desk::{desk, desk_at, is_heard, refusing, telling};
#[allow(unused_imports, reason = "each story uses its own part")]
pub(crate) use receiving::{Endpoint, Receiving};
#[allow(unused_imports, reason = "each story uses its own part")]
pub(crate) use wire::{Way, Wire};

/// How long anything in a story may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A server with its folder, and a folder for devices.
pub(crate) struct World {
    pub(crate) server: Server,
    folder: tempfile::TempDir,
}

/// A running agent.
pub(crate) struct Device {
    pub(crate) thing: ThingName,
    shutdown: CancellationToken,
    task: JoinHandle<Result<(), RunError>>,
}

/// Quick to ask again, and on a port that nobody else has.
pub(crate) fn config() -> Config {
    let mut config = Config::default();
    config.mqtt.listen.set_port(0);
    config.http.listen.set_port(0);
    config.rotation.spread_secs = 0;
    config.rotation.csr_wait_secs = 2;
    config.rotation.ack_wait_secs = 2;
    config.rotation.settle_secs = 2;
    // Most stories are about one rotation.
    config.rotation.max_attempts = 0;
    config
}

impl World {
    pub(crate) async fn begin() -> Self {
        Self::begin_with(config()).await
    }

    /// On an authority that was made `ago`.
    pub(crate) async fn begin_on_authority(ago: Duration, config: Config) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (ca, random) = (folder.path().join("server/ca"), SystemRandom::new());
        let made_at = SystemClock.now() - ago;
        perennial_pki::Authority::open_or_create(&ca, made_at, &random).unwrap();
        let server = Server::start(&folder.path().join("server"), config).await.unwrap();
        Self { server, folder }
    }

    pub(crate) async fn begin_with(config: Config) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(&folder.path().join("server"), config).await.unwrap();
        Self { server, folder }
    }

    /// Stops the server and starts it on the same folder and port.
    pub(crate) async fn restart(self) -> Self {
        let (mqtt, mut config) = (self.server.mqtt(), self.server.config().clone());
        config.mqtt.listen = mqtt;
        self.server.stop().await;
        let server = Server::start(&self.folder.path().join("server"), config).await.unwrap();
        Self { server, folder: self.folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A device with its first certificate, which ends within the audit's threshold.
    pub(crate) async fn enroll(&self, name: &str) -> AgentConfig {
        self.enroll_for(name, days(7)).await
    }

    /// A device whose first certificate lives for `life`.
    pub(crate) async fn enroll_for(&self, name: &str, life: Duration) -> AgentConfig {
        let (client_id, data) = (ClientId::new(name).unwrap(), self.path(name));
        let csr_pem = perennial_agent::request(&client_id, &data).unwrap();
        let thing = ThingName::new(name).unwrap();
        let candidates = vec![Candidate { thing, csr_pem }];
        let certified = self.server.certify(candidates, life).await.unwrap();
        let anchors = self.server.authority().root_pem();
        perennial_agent::complete(
            &client_id,
            &certified[0].chain_pem,
            &anchors,
            IssuedBy::Server,
            &data,
        )
        .unwrap();
        let mut config =
            AgentConfig::new(client_id, self.server.mqtt().to_string(), "localhost".into(), data);
        config.timing.backoff_for = Duration::from_millis(200);
        config.timing.max_backoff_for = Duration::from_secs(1);
        config
    }

    /// Starts a device and waits until it is connected.
    pub(crate) async fn connect(&self, config: AgentConfig) -> Device {
        let device = start(config);
        let client_id = ClientId::from(&device.thing);
        until("the device is connected", async || {
            self.server.broker().session(&client_id).map(drop)
        })
        .await;
        device
    }

    /// Waits until the thing's latest rotation has ended, and answers it.
    pub(crate) async fn ended(&self, thing: &ThingName) -> Stored {
        until("the rotation ends", async || {
            let latest = self.server.store().latest_rotation(thing.clone()).await.unwrap();
            latest.filter(|stored| !stored.state.is_open())
        })
        .await
    }

    /// Waits until the thing's latest rotation has ended well, and answers it.
    pub(crate) async fn rotated(&self, thing: &ThingName) -> Stored {
        let ended = self.ended(thing).await;
        assert_eq!(ended.state.outcome(), Some(Outcome::Rotated), "{:?}", ended.state);
        ended
    }

    /// Waits until the audit that every first start runs has ended and was acted upon.
    pub(crate) async fn is_audited(&self) {
        let store = self.server.store();
        until("the first audit has ended", async || {
            let tasks = store.audit_tasks(1).await.unwrap();
            tasks.first().filter(|task| task.task_status != TaskStatus::InProgress).map(drop)
        })
        .await;
        self.inbox_is_empty().await;
    }

    /// Waits until every fact was dealt with.
    pub(crate) async fn inbox_is_empty(&self) {
        until("the inbox is empty", async || {
            let pending = self.server.store().pending(FactId::default(), 1).await.unwrap();
            pending.is_empty().then_some(())
        })
        .await;
    }

    /// The certificate that the thing got last.
    pub(crate) async fn certificate_of(&self, thing: &ThingName) -> StoredCertificate {
        let (_, certificates) = self.server.store().thing(thing.clone()).await.unwrap();
        self.server.store().certificate(certificates[0].certificate_id).await.unwrap()
    }

    /// Every rotation, the latest first.
    pub(crate) async fn rotations(&self) -> Vec<Stored> {
        let all = RotationFilter::default();
        let listed = self.server.store().list_rotations(all, Order::Descending, None, 100);
        listed.await.unwrap().items
    }

    /// What people were told under this name.
    pub(crate) async fn notices(&self, name: &str) -> Vec<serde_json::Value> {
        let events = self.server.store().events(0, 1000).await.unwrap();
        let told = events.into_iter().filter(|event| event.kind == "notice");
        told.map(|event| event.body).filter(|body| body["notice"]["notice"] == name).collect()
    }

    /// The names of the states that a rotation went through.
    pub(crate) async fn path_of(&self, stored: &Stored) -> Vec<String> {
        let history = self.server.store().history(stored.rotation.id).await.unwrap();
        let mut states: Vec<String> = history.into_iter().map(|entry| entry.to).collect();
        states.dedup();
        states
    }

    pub(crate) async fn outgoing(&self, stored: &Stored) -> StoredCertificate {
        self.server.store().certificate(stored.rotation.outgoing).await.unwrap()
    }

    pub(crate) async fn incoming(&self, stored: &Stored) -> StoredCertificate {
        let incoming = *stored.state.incoming().unwrap();
        self.server.store().certificate(incoming).await.unwrap()
    }
}

/// Starts an agent; it runs until it is stopped, or crashes as it was asked to.
pub(crate) fn start(config: AgentConfig) -> Device {
    let thing = ThingName::new(config.client_id.as_str()).unwrap();
    let shutdown = CancellationToken::new();
    let agent = Agent::open(config).unwrap();
    let task = tokio::spawn(agent.run(shutdown.clone().cancelled_owned()));
    Device { thing, shutdown, task }
}

impl Device {
    /// Stops it, as a power cut would not: its sockets are closed.
    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap().unwrap();
    }

    /// Waits until it ends by itself.
    pub(crate) async fn crash(self) -> RunError {
        self.task.await.unwrap().unwrap_err()
    }
}

/// The fault-free configuration of the same device.
pub(crate) fn mended(mut config: AgentConfig) -> AgentConfig {
    config.faults = Faults::default();
    config
}

/// Waits until a time has passed: a certificate's end, say.
pub(crate) async fn passed(at: Timestamp) {
    until("the time has passed", async || (SystemClock.now() > at).then_some(())).await;
}

/// Waits until `look` finds what it looks for.
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(what: &str, look: impl Fn() -> F) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "waited for {PATIENCE:?} in vain until {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Whether a state is the one named.
pub(crate) fn is(state: &State, name: &str) -> bool {
    state.name() == name
}

/// The workspace's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}
