//! Just-in-time registration: a certificate that a device showed becomes an entry that waits for
//! somebody to activate it, and everybody who asked for it hears so.
//!
//! AWS IoT developer guide, "Just-in-time registration".

use std::sync::Arc;

use perennial_broker::{BrokerHandle, Introduction, Outgoing, Qos};
use perennial_core::{
    certificate::CertificateStatus, ids::CertificateId, policy::Scope, time::Timestamp,
};
use perennial_orchestrator::{SystemClock, port::Clock as _};
use perennial_store::{Presented, Store, StoreError};
use serde::Serialize;
use tokio::sync::mpsc;
use tracing::{info, warn};

use super::StorePrincipals;

/// How many introductions may wait; a device whose does not fit is introduced when it comes again.
pub(crate) const CAPACITY: usize = 1024;

/// What is told on `$aws/events/certificates/registered/{caCertificateId}`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Registered<'a> {
    certificate_id: CertificateId,
    ca_certificate_id: CertificateId,
    timestamp: Timestamp,
    certificate_status: CertificateStatus,
    aws_account_id: &'a str,
    certificate_registration_timestamp: String,
}

/// Registers whoever is introduced, until nobody can be any more.
pub(crate) async fn register(
    mut introductions: mpsc::Receiver<Introduction>,
    store: Store,
    principals: Arc<StorePrincipals>,
    broker: BrokerHandle,
    scope: Scope,
) {
    while let Some(introduction) = introductions.recv().await {
        let (id, issuer) = (introduction.certificate_id, introduction.issuer);
        let now = SystemClock.now();
        match presented(introduction, now) {
            Ok(presented) => match store.register_presented(presented, now).await {
                Ok((CertificateStatus::PendingActivation, at)) => {
                    principals.forget(&[id]);
                    info!(certificate.id = %id, %issuer, "certificate awaits its activation");
                    tell(&broker, &scope, (id, issuer), at, now);
                }
                // Somebody decided on it meanwhile.
                Ok(_) => {}
                Err(error @ StoreError::Database(_)) => {
                    warn!(certificate.id = %id, %error, "a certificate could not be registered");
                }
                Err(error) => info!(certificate.id = %id, %error, "certificate not registered"),
            },
            Err(error) => info!(certificate.id = %id, %error, "certificate not registered"),
        }
    }
}

fn presented(
    introduction: Introduction,
    now: Timestamp,
) -> Result<Presented, perennial_pki::RegistrationRefused> {
    // The handshake verified its chain.
    let checked = perennial_pki::check_alone(&introduction.der, now)?;
    Ok(Presented {
        certificate_id: introduction.certificate_id,
        der: introduction.der,
        spki_digest: checked.spki_digest,
        validity: checked.validity,
        ca_certificate_id: introduction.issuer,
    })
}

fn tell(
    broker: &BrokerHandle,
    scope: &Scope,
    (certificate_id, ca_certificate_id): (CertificateId, CertificateId),
    registered_at: Timestamp,
    now: Timestamp,
) {
    let told = Registered {
        certificate_id,
        ca_certificate_id,
        timestamp: now,
        certificate_status: CertificateStatus::PendingActivation,
        aws_account_id: &scope.account,
        certificate_registration_timestamp: registered_at.as_millis().to_string(),
    };
    let payload = match serde_json::to_vec(&told) {
        Ok(payload) => payload.into(),
        Err(error) => return warn!(%error, "a registration could not be told"),
    };
    let topic = format!("$aws/events/certificates/registered/{ca_certificate_id}");
    broker.publish(vec![Outgoing { topic, payload, qos: Qos::AtLeastOnce, retain: false }]);
}
