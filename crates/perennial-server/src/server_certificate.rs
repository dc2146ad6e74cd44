//! The broker's own certificate: issued at start, renewed before it ends, swapped without a pause.
//!
//! Its key lives in memory only: every start and every renewal makes another.

use std::{net::IpAddr, sync::Arc, time::Duration};

use perennial_broker::ServerIdentity;
use perennial_core::{certificate::Validity, time::Timestamp};
use perennial_orchestrator::port::Clock;
use perennial_pki::{Authority, Serial, ServerNames, ServerProfile, SigningKey};
use rustls::sign::CertifiedKey;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

/// The longest pause between two looks at the certificate.
const LOOK: Duration = Duration::from_secs(60);

/// Names of the configuration, as certificates carry them.
pub(crate) fn server_names(names: &[String]) -> ServerNames {
    let is_ip = |name: &&String| name.parse::<IpAddr>().is_ok();
    let (ip, dns): (Vec<&String>, Vec<&String>) = names.iter().partition(is_ip);
    let ip = ip.into_iter().filter_map(|name| name.parse().ok()).collect();
    ServerNames { dns: dns.into_iter().cloned().collect(), ip }
}

/// Issues the broker's certificates.
pub(crate) struct ServerCertificate {
    authority: Arc<Authority>,
    names: ServerNames,
    profile: ServerProfile,
    clock: Arc<dyn Clock>,
}

impl ServerCertificate {
    pub(crate) fn new(
        authority: Arc<Authority>,
        names: &[String],
        profile: ServerProfile,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let names = server_names(names);
        Self { authority, names, profile, clock }
    }

    /// A fresh key and certificate, and when that ends.
    pub(crate) fn issue(&self) -> anyhow::Result<(Arc<CertifiedKey>, Validity)> {
        let key = SigningKey::generate_p256()?;
        let (serial, now) = (Serial::random()?, self.clock.now());
        let issued = self.authority.issue_server(
            &self.names,
            key.public_key(),
            &self.profile,
            serial,
            now,
        )?;
        let chain = vec![issued.der.clone(), self.authority.issuing().clone()];
        Ok((key.certified(chain)?, issued.validity))
    }

    /// Keeps `identity` alive until `shutdown`, beginning with a certificate valid as given, and
    /// tells `told` of each that follows.
    pub(crate) async fn keep_alive(
        self,
        identity: ServerIdentity,
        mut validity: Validity,
        told: watch::Sender<Validity>,
        shutdown: CancellationToken,
    ) {
        loop {
            let pause = (self.profile.validity_for / 10).clamp(Duration::from_millis(100), LOOK);
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
            if self.clock.now() < self.renew_at(validity) {
                continue;
            }
            match self.issue() {
                Ok((certified, renewed)) => {
                    identity.replace(certified);
                    validity = renewed;
                    told.send_replace(renewed);
                    info!(
                        not_after = validity.not_after.as_secs(),
                        "the broker's certificate was renewed"
                    );
                }
                Err(error) => {
                    error!(%error, "the broker's certificate could not be renewed; trying again")
                }
            }
        }
    }

    /// When two thirds of its life are over.
    fn renew_at(&self, validity: Validity) -> Timestamp {
        validity.not_after - self.profile.validity_for / 3
    }
}
