//! Just-in-time registration: a certificate that a device showed becomes an entry that waits for
//! somebody to activate it, and everybody who asked for it hears so; or, where its CA has a template,
//! just-in-time provisioning activates it, with thing and policies.
//!
//! AWS IoT developer guide, "Just-in-time registration" and "Just-in-time provisioning".

use std::{collections::BTreeMap, sync::Arc};

use perennial_broker::{BrokerHandle, Introduction, Outgoing, Qos};
use perennial_core::{
    certificate::CertificateStatus,
    ids::CertificateId,
    policy::Scope,
    provisioning::{TemplateError, resolve_just_in_time},
    time::Timestamp,
};
use perennial_orchestrator::{SystemClock, port::Clock as _};
use perennial_store::{Presented, ProvisionedCertificate, Provisioning, Store, StoreError};
use serde::Serialize;
use tokio::sync::mpsc;
use tracing::{info, warn};

use super::LiveRegistry;

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
    registry: Arc<LiveRegistry>,
    broker: BrokerHandle,
    scope: Scope,
) {
    while let Some(introduction) = introductions.recv().await {
        let (id, issuer) = (introduction.certificate_id, introduction.issuer);
        let now = SystemClock.now();
        let subject = subject(&introduction.der);
        match presented(introduction, now) {
            Ok(presented) => match store.register_presented(presented, now).await {
                Ok((CertificateStatus::PendingActivation, at)) => {
                    registry.changed(&[id]);
                    info!(certificate.id = %id, %issuer, "certificate awaits its activation");
                    tell(&broker, &scope, (id, issuer), at, now);
                    match provision(&store, &registry, (id, issuer), &subject).await {
                        Ok(true) => info!(certificate.id = %id, %issuer, "certificate provisioned"),
                        Ok(false) => {}
                        Err(error) => {
                            warn!(certificate.id = %id, %error, "certificate not provisioned");
                        }
                    }
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

/// Why a certificate is not provisioned, and goes on waiting for its activation.
#[derive(Debug, thiserror::Error)]
enum NotProvisioned {
    #[error("{0}")]
    Template(#[from] TemplateError),
    #[error("{0}")]
    Store(#[from] StoreError),
}

/// Registers, by its CA's template, what goes with a certificate, and activates it; answers whether
/// there is a template.
async fn provision(
    store: &Store,
    registry: &LiveRegistry,
    (id, issuer): (CertificateId, CertificateId),
    subject: &Subject,
) -> Result<bool, NotProvisioned> {
    let config = store.ca_certificate(issuer).await?.registration_config;
    let Some(template) = config.and_then(|config| config.template_body) else { return Ok(false) };
    let wanted = resolve_just_in_time(&template, id, subject)?;
    let what = Provisioning::new(wanted, ProvisionedCertificate::Registered(id))?;
    let thing = what.thing.as_ref().map(|thing| thing.name.clone());
    let done = store.provision(what, SystemClock.now()).await?;
    registry.changed(&done.certificates);
    if let Some(thing) = thing {
        registry.thing_changed(thing).await?;
    }
    Ok(true)
}

type Subject = BTreeMap<String, Vec<String>>;

/// What a certificate says of its holder; nothing, when it cannot be read.
fn subject(der: &[u8]) -> Subject {
    perennial_pki::facts(der).map(|facts| facts.subject).unwrap_or_default()
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
