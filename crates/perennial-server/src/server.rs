//! The composition root: store, authority, broker and ring put together into one running server.

mod background;
mod egress;
mod foundation;
mod ingress;
mod ring;
mod sweeping;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use perennial_api::Outside;
use perennial_broker::BrokerHandle;
use perennial_core::{audit::AuditTask, certificate::CertificateStatus, ids::CertificateId};
use perennial_orchestrator::{
    Intake, Ring, SystemClock,
    port::{Clock as _, Entropy as _},
};
use perennial_outbound::HttpSender;
use perennial_pki::Authority;
use perennial_rules::Rules;
use perennial_store::Store;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::info;

use self::{
    background::Background,
    egress::{Egress, Senders},
    foundation::Foundation,
    ingress::Ingress,
};
use crate::{
    adapter::{LiveRegistry, RulesRouting, RunningServer, SystemEntropy, listen_for_messages},
    audits,
    config::Config,
    full_disk,
    http::Serving,
    notice_topics::NoticeTopics,
};

/// A running server.
pub struct Server {
    data: PathBuf,
    config: Config,
    store: Store,
    authority: Arc<Authority>,
    registry: Arc<LiveRegistry>,
    broker: BrokerHandle,
    mqtt: SocketAddr,
    ring: Ring,
    http: Serving,
    outbound: HttpSender,
    notice_topics: NoticeTopics,
    rules: Rules,
    shutdown: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl Server {
    /// Starts everything on the data folder `data`, which it makes if need be.
    ///
    /// # Errors
    /// What is in the way: the folder, another process, the port, the configuration.
    pub async fn start(data: &Path, config: Config) -> anyhow::Result<Self> {
        Self::begin(data, config).await.map_err(|error| full_disk::explained(error, data))
    }

    async fn begin(data: &Path, config: Config) -> anyhow::Result<Self> {
        let senders = Senders::of(&config)?;
        let foundation = Foundation::open(data, &config).await?;
        let shutdown = CancellationToken::new();
        let (ingress, ports) = Ingress::bind(&config, &foundation).await?;
        let (broker, mqtt) = (ingress.handle.clone(), ingress.mqtt);
        let ring = ring::start(&config, &foundation, &ingress).await?;
        listen_for_messages(&broker, (&config.mqtt.prefix, &config.scope()), &ring.intake())?;
        let ways = (&broker, ports.https());
        let egress = Egress::start(&config, &foundation, ways, senders).await?;
        let outside = outside(&config, &foundation, &ingress, &egress, ring.intake());
        let under = (&foundation.store, &foundation.authority);
        let people = (outside, egress.links.clone());
        let http = ports.serve(data, &config, under, people, &shutdown).await?;
        let (registry, rules) = (Arc::clone(&ingress.registry), egress.rules.clone());
        let (outbound, notice_topics) = (egress.outbound.clone(), egress.notice_topics.clone());
        let background = Background {
            config: &config,
            store: &foundation.store,
            broker: broker.clone(),
            registry: Arc::clone(&registry),
            device_log: Arc::clone(&ingress.device_log),
            shutdown: &shutdown,
        };
        let tasks = background.start(&foundation, ingress, egress, ring.intake())?;
        info!(%mqtt, https = %http.https(), data = %data.display(), "listening");
        let Foundation { data, store, authority } = foundation;
        Ok(Self {
            data,
            config,
            store,
            authority,
            registry,
            broker,
            mqtt,
            ring,
            http,
            outbound,
            notice_topics,
            rules,
            shutdown,
            tasks,
        })
    }

    /// The topic rules that are on.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Where devices connect.
    pub fn mqtt(&self) -> SocketAddr {
        self.mqtt
    }

    /// Where the API listens.
    pub fn https(&self) -> SocketAddr {
        self.http.https()
    }

    /// Where the API listens without TLS, if it does.
    pub fn plain_http(&self) -> Option<SocketAddr> {
        self.http.plain()
    }

    /// The data folder.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The configuration it runs with.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Registry and journal.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The certificate authority.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    pub(crate) fn shared_authority(&self) -> &Arc<Authority> {
        &self.authority
    }

    /// Where what happens is published to people.
    pub fn notice_topics(&self) -> &NoticeTopics {
        &self.notice_topics
    }

    /// How HTTP requests leave: to the destinations that are configured.
    pub fn outbound(&self) -> &HttpSender {
        &self.outbound
    }

    /// The broker.
    pub fn broker(&self) -> &BrokerHandle {
        &self.broker
    }

    /// Where facts are put in.
    pub fn intake(&self) -> Intake {
        self.ring.intake()
    }

    /// Runs every enabled check now. When this returns the findings are durable and their
    /// rotations are about to open.
    ///
    /// # Errors
    /// The store's.
    pub async fn audit_now(&self) -> anyhow::Result<AuditTask> {
        let id = SystemEntropy::default().audit_task_id();
        audits::read_new_certificates(&self.store).await?;
        let task = self.store.run_audit(id, &SystemClock).await?;
        self.ring.intake().nudge();
        Ok(task)
    }

    /// Changes a certificate's status; answers whether that changed anything. Live sessions
    /// notice at once, and an open rotation that needs the certificate is called off.
    ///
    /// # Errors
    /// When there is no such certificate, or the change is not lawful.
    pub async fn update_certificate_status(
        &self,
        id: CertificateId,
        status: CertificateStatus,
    ) -> anyhow::Result<bool> {
        let changed = self.store.update_status(id, status, SystemClock.now()).await?;
        self.registry.changed(&[id]);
        self.ring.intake().nudge();
        Ok(changed)
    }

    /// How live sessions notice what changed in the store.
    pub fn registry(&self) -> Arc<LiveRegistry> {
        Arc::clone(&self.registry)
    }

    /// Stops: sessions are told, what is being committed is committed, nothing accepted is lost.
    pub async fn stop(self) {
        self.shutdown.cancel();
        self.http.stop().await;
        self.ring.stop().await;
        self.rules.stop().await;
        for task in self.tasks {
            // One that panicked has ended too.
            let _ = tokio::time::timeout(Duration::from_secs(10), task).await;
        }
        let store = self.store;
        drop((self.registry, self.broker, self.notice_topics, self.rules));
        // Writing what was handed over may take a moment: not on an async worker.
        let _ = tokio::task::spawn_blocking(move || store.close()).await;
    }
}

/// What the API finds outside itself.
fn outside(
    config: &Config,
    foundation: &Foundation,
    ingress: &Ingress,
    egress: &Egress,
    intake: Intake,
) -> Outside {
    let Ingress { registry, device_log, mqtt, .. } = ingress;
    let (rules, sender) = (egress.rules.clone(), egress.outbound.clone());
    Outside {
        running: Arc::new(RunningServer::of(registry, device_log, config, *mqtt)),
        data_plane: Arc::clone(&egress.data_plane),
        notices: Arc::new(egress.notice_topics.clone()),
        routing: Arc::new(RulesRouting::new(rules, foundation.store.clone(), sender)),
        intake,
        clock: Arc::new(SystemClock),
    }
}
