//! The HTTPS side: ports, keys and the API put together, and taken down again.

use std::{net::SocketAddr, path::Path, sync::Arc};

use perennial_api::{Api, KeyRing, Limits, Links, Listener, Outside, Settings};
use perennial_broker::https_config;
use perennial_core::ids::PolicyName;
use perennial_orchestrator::{SystemClock, port::Clock as _};
use perennial_pki::Authority;
use perennial_store::Store;
use rustls::ServerConfig;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    DEVICE_POLICY,
    adapter::{LiveDeviceLog, LiveRegistry, RunningServer, StorePrincipals},
    administrator,
    config::Config,
};

pub(crate) use perennial_broker::{ServerIdentity, TrustAnchors};

/// Ports that are bound and not yet served.
pub(crate) struct Ports {
    https: Listener,
    plain: Option<Listener>,
}

/// The API while it serves.
pub(crate) struct Serving {
    api: Api,
    https: SocketAddr,
    plain: Option<SocketAddr>,
    listeners: TaskTracker,
}

impl Ports {
    /// Binds what is configured.
    ///
    /// # Errors
    /// Which address cannot be had.
    pub(crate) async fn bind(
        config: &Config,
        identity: ServerIdentity,
        anchors: TrustAnchors,
        principals: Arc<StorePrincipals>,
        log: Arc<LiveDeviceLog>,
    ) -> anyhow::Result<Self> {
        let tls = tls(config, identity, anchors, principals, log)?;
        let https = Listener::https(config.http.listen, tls, Limits::default()).await?;
        let plain = match config.http.plain {
            Some(address) => Some(Listener::plain(address, Limits::default()).await?),
            None => None,
        };
        Ok(Self { https, plain })
    }

    /// Where HTTPS will be served.
    pub(crate) fn https(&self) -> SocketAddr {
        self.https.local_addr()
    }

    /// Serves the API on them until `shutdown`, after making the first administrator.
    ///
    /// # Errors
    /// When keys cannot be read or the administrator's files cannot be written.
    pub(crate) async fn serve(
        self,
        data: &Path,
        config: &Config,
        (store, authority): (&Store, &Arc<Authority>),
        (outside, links): (Outside, Links),
        shutdown: &CancellationToken,
    ) -> anyhow::Result<Serving> {
        let (https, now) = (self.https.local_addr(), SystemClock.now());
        let keys = KeyRing::load(store.clone(), config.request_rate(), now).await?;
        administrator::ensure(&keys, data, now).await?;
        administrator::write_config(config, https, data)?;
        let settings = Settings {
            scope: config.scope(),
            profile: config.device_profile(),
            device_policy: PolicyName::new(DEVICE_POLICY)?,
            prefix: config.mqtt.prefix.clone(),
            rekey: config.rotation.rekey,
            links,
        };
        let api = Api::new(settings, keys, Arc::clone(authority), outside);
        let plain = self.plain.as_ref().map(Listener::local_addr);
        let listeners = TaskTracker::new();
        for listener in std::iter::once(self.https).chain(self.plain) {
            listeners.spawn(listener.serve(api.router(), shutdown.clone()));
        }
        Ok(Serving { api, https, plain, listeners })
    }
}

impl Serving {
    /// Where HTTPS listens.
    pub(crate) fn https(&self) -> SocketAddr {
        self.https
    }

    /// Where plain HTTP listens, if it does.
    pub(crate) fn plain(&self) -> Option<SocketAddr> {
        self.plain
    }

    /// Waits, after `shutdown`, until every request under way has been answered.
    pub(crate) async fn stop(self) {
        self.listeners.close();
        self.listeners.wait().await;
        self.api.drain().await;
    }
}

fn tls(
    config: &Config,
    identity: ServerIdentity,
    anchors: TrustAnchors,
    principals: Arc<StorePrincipals>,
    log: Arc<LiveDeviceLog>,
) -> anyhow::Result<Arc<ServerConfig>> {
    let clock = Arc::new(|| SystemClock.now());
    let oldest = config.oldest_https_tls();
    Ok(https_config(identity, anchors, principals, clock, oldest, log)?)
}

impl RunningServer {
    /// The running server whose broker listens on `mqtt`.
    pub(crate) fn of(
        registry: &Arc<LiveRegistry>,
        device_log: &Arc<LiveDeviceLog>,
        config: &Config,
        mqtt: SocketAddr,
    ) -> Self {
        let host = config.host();
        let usual = mqtt.port() == 8883;
        let endpoint = if usual { host } else { format!("{host}:{}", mqtt.port()) };
        Self::new(Arc::clone(registry), Arc::clone(device_log), endpoint)
    }
}
