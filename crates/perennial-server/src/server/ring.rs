//! The ring with its ports plugged in.

use std::sync::Arc;

use perennial_orchestrator::{Ports, Ring, Settings, SystemClock};

use super::{foundation::Foundation, ingress::Ingress};
use crate::{
    adapter::{BrokerMessaging, CertificateAuthority, StoreNotifier, SystemEntropy},
    config::Config,
};

/// Starts the ring, which goes on with the rotations that are open.
///
/// # Errors
/// The store's.
pub(super) async fn start(
    config: &Config,
    foundation: &Foundation,
    ingress: &Ingress,
) -> anyhow::Result<Ring> {
    let Foundation { store, authority, .. } = foundation;
    let profile = config.device_profile();
    let issuing = CertificateAuthority::new(Arc::clone(authority), profile, store.clone());
    let (broker, prefix) = (ingress.handle.clone(), config.mqtt.prefix.clone());
    let ports = Ports {
        journal: Arc::new(store.clone()),
        registry: Arc::clone(&ingress.registry) as _,
        authority: Arc::new(issuing),
        messaging: Arc::new(BrokerMessaging::new(broker, prefix)),
        notifier: Arc::new(StoreNotifier::new(store.clone())),
        audit: Arc::new(store.clone()),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy::default()),
    };
    let settings =
        Settings { timing: config.timing(), rekey: config.rotation.rekey, ..Settings::default() };
    Ok(Ring::start(ports, settings).await?)
}
