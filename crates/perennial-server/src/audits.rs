//! Audits in the running server: what surrounds them, what they read, whom they tell.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::Context as _;
use perennial_broker::{BrokerHandle, Outgoing, Qos};
use perennial_core::{
    audit::{Blocklist, revocation::CertificateNotes},
    certificate::CertificateStatus,
    notice_topic::MessageAttributes,
};
use perennial_orchestrator::{SystemClock, port::Clock as _};
use perennial_pki::{Authority, authority_facts, notes, read_crl};
use perennial_store::{AuditSettings, Remedies, Store, StoreError, Surroundings};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::{
    adapter::registered_cas,
    config::Config,
    held_up::HeldUp,
    notice_topics::{NoticeTopics, PublishError},
};

/// Where messages about audits that ended are published: SNS's own message, word for word.
pub const AUDIT_TOPIC: &str = "$perennial/audit/notification";

/// How often what waits is looked for: certificates to read, messages to hand on, remedies.
const LOOK: Duration = Duration::from_secs(1);
/// How often revocation lists are read again.
const REREAD: Duration = Duration::from_secs(3600);
/// How many certificates are read at once.
const READ_AT_ONCE: usize = 1000;
/// How many messages are handed on at once.
const MESSAGES: usize = 100;

/// What the store is told of audits.
pub(crate) fn settings(config: &Config) -> anyhow::Result<AuditSettings> {
    Ok(AuditSettings {
        account: config.account.id.clone(),
        thresholds: config.thresholds()?,
        rotate: config.rotated_checks(),
        daily: config.schedule()?,
    })
}

/// What audits examine besides the store.
pub(crate) fn surroundings(config: &Config, authority: &Authority) -> anyhow::Result<Surroundings> {
    let issues_for = Duration::from_secs(config.certificates.device_secs);
    let active = CertificateStatus::Active;
    let mut blocklist = Blocklist::default();
    for path in &config.audit.weak_keys {
        let name = path.display();
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("the list of weak keys {name} cannot be read"))?;
        blocklist.add(&text).with_context(|| format!("the list of weak keys {name}"))?;
    }
    Ok(Surroundings {
        authorities: vec![
            authority_facts(authority.issuing(), active, Some(issues_for))?,
            authority_facts(authority.root(), active, None)?,
        ],
        blocklist,
        registered: Vec::new(),
    })
}

/// Reads every certificate that came since the last time.
///
/// # Errors
/// The store's.
pub(crate) async fn read_new_certificates(store: &Store) -> Result<(), StoreError> {
    while store.read_new_certificates(read, READ_AT_ONCE).await? == READ_AT_ONCE {
        tokio::task::yield_now().await;
    }
    Ok(())
}

fn read(der: &[u8]) -> Option<CertificateNotes> {
    notes(der).inspect_err(|error| warn!(%error, "a certificate cannot be read for audits")).ok()
}

/// Does, until `shutdown`, what is to be done beside audits.
pub(crate) async fn attend(
    store: Store,
    (broker, topics): (BrokerHandle, NoticeTopics),
    remedies: Arc<dyn Remedies>,
    shutdown: CancellationToken,
) {
    let mut held_up = HeldUp::of("audits, and what is to be done beside them,");
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
        // What is cut short here is found again at the next start.
        let looking = look(&store, (&broker, &topics), remedies.as_ref());
        let looked = shutdown.run_until_cancelled(looking).await;
        if let Some(looked) = looked {
            held_up.tried(&looked);
        }
    }
}

async fn look(
    store: &Store,
    ways: (&BrokerHandle, &NoticeTopics),
    remedies: &dyn Remedies,
) -> Result<(), StoreError> {
    read_new_certificates(store).await?;
    hand_on(store, ways).await?;
    while let Some(task) = store.next_mitigation().await? {
        store.run_mitigation(task, remedies, &SystemClock).await?;
    }
    Ok(())
}

/// Publishes messages about audits that ended. One that a crash cuts short is published again:
/// whoever acts on them is idempotent by task and certificate, as with SNS.
async fn hand_on(
    store: &Store,
    (broker, topics): (&BrokerHandle, &NoticeTopics),
) -> Result<(), StoreError> {
    let messages = store.audit_notifications(MESSAGES).await?;
    if messages.is_empty() {
        return Ok(());
    }
    let topic = store.audit_configuration().await?.notified_topic().map(str::to_owned);
    for (id, message) in messages {
        debug!(%message, "an audit ended");
        if let Some(topic) = &topic {
            publish(topics, topic, message.clone()).await?;
        }
        broker.publish(vec![Outgoing {
            topic: AUDIT_TOPIC.to_owned(),
            payload: message.into(),
            qos: Qos::AtLeastOnce,
            retain: false,
        }]);
        store.audit_notified(id, SystemClock.now()).await?;
    }
    Ok(())
}

/// Publishes to the notice topic that the account's audit configuration names. A topic that is not
/// there holds up nothing else.
async fn publish(topics: &NoticeTopics, topic: &str, message: String) -> Result<(), StoreError> {
    match topics.publish(topic, None, message, MessageAttributes::new()).await {
        Ok(_) => Ok(()),
        Err(PublishError::Store(error)) if error.is_retryable() => Err(error),
        Err(error) => {
            warn!(%error, topic, "an audit that ended is not told on the topic that is configured");
            Ok(())
        }
    }
}

/// Takes the configured revocation lists in: now, every hour, and when CAs changed, since one that
/// was registered may have signed a list that was not believed before.
pub(crate) async fn keep_revocation_lists(
    store: Store,
    authority: Arc<Authority>,
    config: Config,
    ca_changes: Arc<Notify>,
    shutdown: CancellationToken,
) {
    if config.audit.revocation_lists.is_empty() {
        return;
    }
    loop {
        for path in &config.audit.revocation_lists {
            match take_in(&store, &authority, path).await {
                Ok(true) => info!(path = %path.display(), "a revocation list was taken in"),
                Ok(false) => {}
                Err(error) => warn!(path = %path.display(), "no revocation list: {error:#}"),
            }
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = ca_changes.notified() => {}
            () = tokio::time::sleep(REREAD) => {}
        }
    }
}

/// Takes a revocation list in; answers whether it is newer than the one before.
pub(crate) async fn take_in(
    store: &Store,
    authority: &Authority,
    path: &Path,
) -> anyhow::Result<bool> {
    let octets = tokio::fs::read(path).await?;
    let mut authorities = vec![authority.issuing().to_vec(), authority.root().to_vec()];
    authorities.extend(registered_cas(store).await?.into_iter().map(|ca| ca.der));
    let list = tokio::task::spawn_blocking(move || {
        let authorities: Vec<&[u8]> = authorities.iter().map(Vec::as_slice).collect();
        read_crl(&octets, &authorities)
    });
    Ok(store.replace_crl(list.await??, SystemClock.now()).await?)
}
