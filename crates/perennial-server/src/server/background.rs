//! What a running server does on its own: each task is started here, and ends at shutdown.

use std::sync::Arc;

use perennial_broker::{BrokerHandle, Introduction};
use perennial_core::certificate::Validity;
use perennial_orchestrator::Intake;
use perennial_store::Store;
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use super::{egress::Egress, foundation::Foundation, ingress::Ingress, sweeping::sweep};
use crate::{
    adapter::{
        LapsedInbox, LiveDeviceLog, LiveRegistry, StoreRemedies, listen_for_presence,
        record_connections, register_introduced,
    },
    audits,
    config::Config,
    event_messages,
    notice_topics::{NoticeTopics, deliver},
    notices,
};

type Tasks = Vec<JoinHandle<()>>;

/// What the tasks share.
pub(super) struct Background<'a> {
    pub(super) config: &'a Config,
    pub(super) store: &'a Store,
    pub(super) broker: BrokerHandle,
    pub(super) registry: Arc<LiveRegistry>,
    pub(super) device_log: Arc<LiveDeviceLog>,
    pub(super) shutdown: &'a CancellationToken,
}

impl Background<'_> {
    /// Serves MQTT, and starts all that goes on beside it.
    ///
    /// # Errors
    /// What the configuration has wrong.
    pub(super) fn start(
        &self,
        foundation: &Foundation,
        ingress: Ingress,
        egress: Egress,
        intake: Intake,
    ) -> anyhow::Result<Tasks> {
        let Ingress { broker, certificate, identity, validity, introduced, .. } = ingress;
        let (told, server_validity) = watch::channel(validity);
        let mut tasks = self.attend_audits(foundation, &egress.notice_topics);
        tasks.extend(self.attend_presence(introduced, intake));
        tasks.extend(self.attend_notices(foundation, &egress, server_validity)?);
        let Egress { notice_topics, sending, signer, .. } = egress;
        let (store, shutdown) = (self.store.clone(), || self.shutdown.clone());
        let (scope, handle) = (self.config.scope(), self.broker.clone());
        tasks.extend([
            tokio::spawn(event_messages::tell(store.clone(), handle, scope, shutdown())),
            tokio::spawn(deliver(notice_topics, sending, shutdown())),
            tokio::spawn(signer.keep_alive(shutdown())),
            tokio::spawn(certificate.keep_alive(identity, validity, told, shutdown())),
            tokio::spawn(sweep(store, shutdown())),
            tokio::spawn(broker.run(shutdown().cancelled_owned())),
        ]);
        Ok(tasks)
    }

    /// Audits on schedule, what follows from findings, and revocation lists.
    fn attend_audits(&self, foundation: &Foundation, topics: &NoticeTopics) -> Tasks {
        let (store, registry) = (self.store.clone(), Arc::clone(&self.registry));
        let (broker, log) = (self.broker.clone(), Arc::clone(&self.device_log));
        let ways = (broker, topics.clone());
        let remedies = Arc::new(StoreRemedies::new(store.clone(), registry, ways.clone(), log));
        let lists = audits::keep_revocation_lists(
            store.clone(),
            Arc::clone(&foundation.authority),
            self.config.clone(),
            self.registry.ca_changes(),
            self.shutdown.clone(),
        );
        let attending = audits::attend(store, ways, remedies, self.shutdown.clone());
        vec![tokio::spawn(attending), tokio::spawn(lists)]
    }

    /// What follows from who comes and goes.
    fn attend_presence(&self, introduced: mpsc::Receiver<Introduction>, intake: Intake) -> Tasks {
        let (store, broker) = (self.store.clone(), self.broker.clone());
        let (lapsed, telling) = LapsedInbox::telling(store.clone());
        let prefix = self.config.mqtt.prefix.clone();
        let presence = listen_for_presence(broker.clone(), prefix, intake, lapsed);
        let recording = record_connections(broker.clone(), store.clone());
        let (registry, scope) = (Arc::clone(&self.registry), self.config.scope());
        let introductions = register_introduced(introduced, store, registry, broker, scope);
        vec![
            tokio::spawn(until_cancelled(presence, self.shutdown.clone())),
            tokio::spawn(telling),
            tokio::spawn(until_cancelled(recording, self.shutdown.clone())),
            tokio::spawn(until_cancelled(introductions, self.shutdown.clone())),
        ]
    }

    /// Notices: what is looked for, and how people are told.
    fn attend_notices(
        &self,
        foundation: &Foundation,
        egress: &Egress,
        server: watch::Receiver<Validity>,
    ) -> anyhow::Result<Tasks> {
        let (store, shutdown) = (|| self.store.clone(), || self.shutdown.clone());
        let (targets, links) = (egress.targets.clone(), egress.links.clone());
        let settings = self.config.notices.settings()?;
        let watching = self.config.watching(&foundation.data);
        let (broker, authority) = (self.broker.clone(), Arc::clone(&foundation.authority));
        let around = notices::watch_surroundings(store(), broker, watching.clone(), shutdown());
        let ending = notices::watch_certificates(store(), authority, server, watching, shutdown());
        Ok(vec![
            tokio::spawn(notices::attend(store(), shutdown())),
            tokio::spawn(notices::deliver(store(), targets.clone(), links, shutdown())),
            tokio::spawn(notices::watch_store(store(), settings, targets, shutdown())),
            tokio::spawn(around),
            tokio::spawn(ending),
        ])
    }
}

async fn until_cancelled(task: impl Future<Output = ()>, shutdown: CancellationToken) {
    // Cancelled or done: either way it has ended.
    let _ = shutdown.run_until_cancelled_owned(task).await;
}
