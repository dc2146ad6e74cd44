//! The composition root: store, authority, broker and ring put together into one running server.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use aws_lc_rs::rand::SystemRandom;
use perennial_api::{DataPlane, NoticeDelivery as _, Outside};
use perennial_broker::{Broker, BrokerHandle, Limits, ServerIdentity, TrustAnchors};
use perennial_core::{
    audit::AuditTask, certificate::CertificateStatus, ids::CertificateId, time::Timestamp,
};
use perennial_orchestrator::{
    Intake, Ports, Ring, Settings as RingSettings, SystemClock,
    port::{Clock as _, Entropy as _},
};
use perennial_outbound::HttpSender;
use perennial_pki::Authority;
use perennial_rules::Rules;
use perennial_store::{AuditFile, Settings as StoreSettings, Store};
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    adapter::{
        Anchors, BrokerDataPlane, BrokerMessaging, CertificateAuthority, LapsedInbox,
        LiveDeviceLog, LiveRegistry, Recovery, RulesRouting, RunningServer, StoreNotifier,
        StorePrincipals, StoreRemedies, SystemEntropy, listen_for_messages, listen_for_presence,
        record_connections, register_introduced,
    },
    audits,
    config::Config,
    device_policy, event_messages,
    exposed::warn_of_exposed,
    http::{Ports as HttpPorts, Serving},
    notice_topics::{MessageSigner, NoticeTopics, Sending, Urls, deliver},
    notices::{self, link_secret},
    rules,
    server_certificate::{ServerCertificate, server_names},
};

/// How often retired certificates whose grace is over are deleted, and things leave groups that
/// were deleted, and how many at once.
const SWEEP: (Duration, usize) = (Duration::from_secs(60), 1000);

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
        let clock = SystemClock;
        let outbound = config.http_sender()?;
        let mail = config.mail_sender()?;
        make_private(data)?;
        let store = Store::open(data, store_settings(&config)?)?;
        let interrupted = store.fail_interrupted_audits(clock.now()).await?;
        if interrupted > 0 {
            warn!(audits = interrupted, "audits that were cut short count as failed");
        }
        let authority = Arc::new(open_authority(&data.join("ca"), clock.now())?);
        warn_of_exposed(data);
        write_anchor(data, &authority)?;
        prepare_audits(&config, &store, &authority, clock.now()).await?;
        device_policy::ensure(&store, &config, clock.now()).await?;

        let shutdown = CancellationToken::new();
        let recovery_for = config.timing().recovery_for;
        let recovery = Recovery::new(recovery_for, &config.mqtt.prefix, &config.scope())?;
        let (principals, introduced) = StorePrincipals::new(store.clone(), recovery);
        let principals = Arc::new(principals);
        let anchors = Anchors::open(store.clone(), authority.issuing().clone()).await?;
        let certificate = ServerCertificate::new(
            Arc::clone(&authority),
            &config.mqtt.names,
            config.server_profile(),
            Arc::new(clock),
        );
        let (certified, validity) = certificate.issue()?;
        let identity = ServerIdentity::new(certified);
        let trusted = anchors.trusted();
        let device_log = Arc::new(LiveDeviceLog::open(store.clone()).await?);
        let (asked, told) = (Arc::clone(&principals), Arc::clone(&device_log));
        let ports =
            HttpPorts::bind(&config, identity.clone(), trusted.clone(), asked, told).await?;
        let broker =
            bind(&config, &identity, trusted, Arc::clone(&principals), Arc::clone(&device_log))?;
        let (mqtt, handle) = (broker.local_addr(), broker.handle());
        let registry = LiveRegistry::new(store.clone(), principals, handle.clone(), anchors);
        let registry = Arc::new(registry);
        let ring = start_ring(&config, &store, &authority, &registry, &handle).await?;
        let intake = ring.intake();
        listen_for_messages(&handle, (&config.mqtt.prefix, &config.scope()), &intake)?;
        let foundation = (&store, &authority);
        let names = server_names(&config.mqtt.names);
        let signer = MessageSigner::open(data, Arc::clone(&authority), names, clock.now())?;
        let signer = Arc::new(signer);
        let leaving = (outbound.clone(), mail);
        let notice_topics =
            NoticeTopics::new(store.clone(), config.scope(), Arc::clone(&signer), leaving);
        let people = Arc::new(notice_topics.clone());
        let rules = rules::start(data, &config, (&store, &handle), (&outbound, people)).await?;
        let routing = RulesRouting::new(rules.clone(), store.clone(), outbound.clone());
        let data_plane: Arc<dyn DataPlane> =
            Arc::new(BrokerDataPlane::new(handle.clone(), config.mqtt.prefix.clone()));
        let urls = Urls::new(&config.public_url(ports.https()), config.scope());
        let sending = Sending::new(&notice_topics, Arc::clone(&data_plane), urls);
        let links = config.links(&link_secret(data)?, ports.https());
        let outside = Outside {
            running: Arc::new(RunningServer::of(&registry, &device_log, &config, mqtt)),
            data_plane,
            notices: Arc::new(notice_topics.clone()),
            routing: Arc::new(routing),
            intake: ring.intake(),
            clock: Arc::new(clock),
        };
        let http =
            ports.serve(data, &config, foundation, (outside, links.clone()), &shutdown).await?;
        let (lapsed, telling) = LapsedInbox::telling(store.clone());
        let prefix = config.mqtt.prefix.clone();
        let presence = listen_for_presence(handle.clone(), prefix, intake, lapsed);
        let presence = until_cancelled(presence, shutdown.clone());
        let recording = record_connections(handle.clone(), store.clone());
        let remedies = StoreRemedies::new(
            store.clone(),
            Arc::clone(&registry),
            handle.clone(),
            Arc::clone(&device_log),
        );
        let attending = audits::attend(
            store.clone(),
            (handle.clone(), notice_topics.clone()),
            Arc::new(remedies),
            shutdown.clone(),
        );
        let lists = audits::keep_revocation_lists(
            store.clone(),
            Arc::clone(&authority),
            config.clone(),
            registry.ca_changes(),
            shutdown.clone(),
        );

        let (certificate_told, server_validity) = watch::channel(validity);
        let notices = config.notices.targets.iter().chain(&config.notices.escalation_targets);
        let topics = notice_topics.clone();
        let nudge: notices::Nudge = Arc::new(move || topics.nudge());
        let targets = notices::targets(notices, (&store, &nudge), &handle, &config.scope())?;
        let watching = config.watching(data);

        let (known, told) = (Arc::clone(&registry), handle.clone());
        let introductions =
            register_introduced(introduced, store.clone(), known, told, config.scope());
        let introductions = until_cancelled(introductions, shutdown.clone());
        let tasks = vec![
            tokio::spawn(notices::attend(store.clone(), shutdown.clone())),
            tokio::spawn(notices::deliver(store.clone(), targets.clone(), links, shutdown.clone())),
            tokio::spawn(notices::watch_store(
                store.clone(),
                config.notices.settings()?,
                targets,
                shutdown.clone(),
            )),
            tokio::spawn(notices::watch_surroundings(
                store.clone(),
                handle.clone(),
                watching.clone(),
                shutdown.clone(),
            )),
            tokio::spawn(notices::watch_certificates(
                store.clone(),
                Arc::clone(&authority),
                server_validity,
                watching,
                shutdown.clone(),
            )),
            tokio::spawn(presence),
            tokio::spawn(telling),
            tokio::spawn(until_cancelled(recording, shutdown.clone())),
            tokio::spawn(attending),
            tokio::spawn(event_messages::tell(
                store.clone(),
                handle.clone(),
                config.scope(),
                shutdown.clone(),
            )),
            tokio::spawn(lists),
            tokio::spawn(deliver(notice_topics.clone(), sending, shutdown.clone())),
            tokio::spawn(signer.keep_alive(shutdown.clone())),
            tokio::spawn(introductions),
            tokio::spawn(certificate.keep_alive(
                identity,
                validity,
                certificate_told,
                shutdown.clone(),
            )),
            tokio::spawn(sweep(store.clone(), shutdown.clone())),
            tokio::spawn(broker.run(shutdown.clone().cancelled_owned())),
        ];
        info!(%mqtt, https = %http.https(), data = %data.display(), "listening");
        let data = data.to_owned();
        Ok(Self {
            data,
            config,
            store,
            authority,
            registry,
            broker: handle,
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

fn make_private(folder: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).with_context(|| {
        format!(
            "the data folder {} cannot be made: choose a folder you may write",
            folder.display()
        )
    })
}

fn store_settings(config: &Config) -> anyhow::Result<StoreSettings> {
    Ok(StoreSettings {
        audit: audits::settings(config)?,
        grace_for: Duration::from_secs(config.certificates.grace_secs),
        notices: config.notices.settings()?,
    })
}

/// Tells audits what surrounds them, and what the configuration wants of them.
async fn prepare_audits(
    config: &Config,
    store: &Store,
    authority: &Authority,
    now: Timestamp,
) -> anyhow::Result<()> {
    store.surround_audits(audits::surroundings(config, authority)?);
    store.take_over_audit_file(AuditFile { enable: config.enabled_checks() }, now).await?;
    while store.end_left_connections(SWEEP.1, now).await? > 0 {}
    Ok(())
}

fn open_authority(folder: &Path, now: Timestamp) -> anyhow::Result<Authority> {
    let (key, certificate) = (folder.join("issuing.key"), folder.join("issuing.pem"));
    let is_to_be_made = key.exists() && !certificate.exists();
    let authority = Authority::open_or_create(folder, now, &SystemRandom::new())?;
    if is_to_be_made {
        warn!(path = %certificate.display(), "the issuing CA's certificate was missing and is made anew");
    }
    Ok(authority)
}

/// Puts the trust anchor where people and devices find it.
fn write_anchor(data: &Path, authority: &Authority) -> anyhow::Result<()> {
    let path = data.join("ca.pem");
    std::fs::write(&path, authority.root_pem())
        .with_context(|| format!("{} cannot be written", path.display()))
}

fn bind(
    config: &Config,
    identity: &ServerIdentity,
    anchors: TrustAnchors,
    principals: Arc<StorePrincipals>,
    log: Arc<LiveDeviceLog>,
) -> anyhow::Result<Broker> {
    let settings = perennial_broker::Settings {
        listen: config.mqtt.listen,
        oldest_tls: config.oldest_tls(),
        scope: config.scope(),
        limits: Limits::default(),
        log,
    };
    let clock = Arc::new(|| SystemClock.now());
    Ok(Broker::bind(settings, identity.clone(), anchors, principals, clock)?)
}

async fn start_ring(
    config: &Config,
    store: &Store,
    authority: &Arc<Authority>,
    registry: &Arc<LiveRegistry>,
    broker: &BrokerHandle,
) -> anyhow::Result<Ring> {
    let issuing =
        CertificateAuthority::new(Arc::clone(authority), config.device_profile(), store.clone());
    let ports = Ports {
        journal: Arc::new(store.clone()),
        registry: Arc::clone(registry) as _,
        authority: Arc::new(issuing),
        messaging: Arc::new(BrokerMessaging::new(broker.clone(), config.mqtt.prefix.clone())),
        notifier: Arc::new(StoreNotifier::new(store.clone())),
        audit: Arc::new(store.clone()),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy::default()),
    };
    let settings = RingSettings {
        timing: config.timing(),
        rekey: config.rotation.rekey,
        ..RingSettings::default()
    };
    Ok(Ring::start(ports, settings).await?)
}

async fn until_cancelled(task: impl Future<Output = ()>, shutdown: CancellationToken) {
    // Cancelled or done: either way it has ended.
    let _ = shutdown.run_until_cancelled_owned(task).await;
}

async fn sweep(store: Store, shutdown: CancellationToken) {
    let mut at_once = false;
    loop {
        let pause = if at_once { Duration::ZERO } else { SWEEP.0 };
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(pause) => at_once = false,
        }
        match store.sweep(SWEEP.1, SystemClock.now()).await {
            Ok(deleted) if deleted.is_empty() => {}
            Ok(deleted) => {
                info!(certificates = deleted.len(), "retired certificates were deleted");
                at_once = deleted.len() == SWEEP.1;
            }
            Err(error) => warn!(%error, "retired certificates could not be deleted; trying again"),
        }
        match store.sweep_groups(SWEEP.1).await {
            Ok(more) => at_once |= more,
            Err(error) => warn!(%error, "deleted groups could not be emptied; trying again"),
        }
        let now = SystemClock.now();
        let swept = async {
            at_once |= store.sweep_notices(SWEEP.1, now).await?;
            store.sweep_audits(SWEEP.1, now).await?;
            store.forget_connections(SWEEP.1, now).await?;
            store.sweep_dead_letters(SWEEP.1, now).await
        };
        if let Err(error) = swept.await {
            warn!(%error, "what is no longer needed could not be deleted; trying again");
        }
    }
}
