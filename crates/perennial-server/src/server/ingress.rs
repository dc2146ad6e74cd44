//! Where devices and people come in: the ports that are bound, and who lets them through.

use std::{net::SocketAddr, sync::Arc};

use perennial_broker::{Broker, BrokerHandle, Introduction, Limits, ServerIdentity, TrustAnchors};
use perennial_core::certificate::Validity;
use perennial_orchestrator::{SystemClock, port::Clock as _};
use tokio::sync::mpsc;

use super::foundation::Foundation;
use crate::{
    adapter::{Anchors, LiveDeviceLog, LiveRegistry, Recovery, StorePrincipals},
    config::Config,
    http::Ports,
    server_certificate::ServerCertificate,
};

/// The broker before it runs, and what stands behind every port.
pub(super) struct Ingress {
    pub(super) registry: Arc<LiveRegistry>,
    pub(super) device_log: Arc<LiveDeviceLog>,
    pub(super) handle: BrokerHandle,
    pub(super) mqtt: SocketAddr,
    pub(super) broker: Broker,
    pub(super) certificate: ServerCertificate,
    pub(super) identity: ServerIdentity,
    /// How long the certificate in `identity` is valid.
    pub(super) validity: Validity,
    /// Certificates that their CA introduces by their first connection.
    pub(super) introduced: mpsc::Receiver<Introduction>,
}

impl Ingress {
    /// Binds every port that is configured; those for HTTP are answered beside.
    ///
    /// # Errors
    /// Which address cannot be had; the store's.
    pub(super) async fn bind(
        config: &Config,
        foundation: &Foundation,
    ) -> anyhow::Result<(Self, Ports)> {
        let Foundation { store, authority, .. } = foundation;
        let recovery_for = config.timing().recovery_for;
        let recovery = Recovery::new(recovery_for, &config.mqtt.prefix, &config.scope())?;
        let (principals, introduced) = StorePrincipals::new(store.clone(), recovery);
        let principals = Arc::new(principals);
        let anchors = Anchors::open(store.clone(), authority.issuing().clone()).await?;
        let certificate = ServerCertificate::new(
            Arc::clone(authority),
            &config.mqtt.names,
            config.server_profile(),
            Arc::new(SystemClock),
        );
        let (certified, validity) = certificate.issue()?;
        let identity = ServerIdentity::new(certified);
        let device_log = Arc::new(LiveDeviceLog::open(store.clone()).await?);
        let (asked, told) = (Arc::clone(&principals), Arc::clone(&device_log));
        let trusted = anchors.trusted();
        let http = Ports::bind(config, identity.clone(), trusted.clone(), asked, told).await?;
        let (asked, told) = (Arc::clone(&principals), Arc::clone(&device_log));
        let broker = bind(config, &identity, trusted, asked, told)?;
        let (mqtt, handle) = (broker.local_addr(), broker.handle());
        let registry = LiveRegistry::new(store.clone(), principals, handle.clone(), anchors);
        let registry = Arc::new(registry);
        let ingress = Self {
            registry,
            device_log,
            handle,
            mqtt,
            broker,
            certificate,
            identity,
            validity,
            introduced,
        };
        Ok((ingress, http))
    }
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
