//! The registry with live sessions: what changes in the store reaches the broker at once.

use std::sync::Arc;

use async_trait::async_trait;
use perennial_broker::BrokerHandle;
use perennial_core::{
    certificate::Certificate,
    ids::{CertificateId, ClientId, ThingName},
    time::Timestamp,
};
use perennial_orchestrator::port::{Enrolment, PortError, Registry, Retirement};
use perennial_store::{Shared, Store, StoreError};

use tokio::sync::Notify;

use super::{Anchors, AnchorsNotSet, StorePrincipals, following::Following};

/// The store's registry, with the broker told of every change.
pub struct LiveRegistry {
    store: Store,
    principals: Arc<StorePrincipals>,
    broker: BrokerHandle,
    following: Following,
    anchors: Anchors,
    ca_changes: Arc<Notify>,
}

impl LiveRegistry {
    pub(crate) fn new(
        store: Store,
        principals: Arc<StorePrincipals>,
        broker: BrokerHandle,
        anchors: Anchors,
    ) -> Self {
        let following = Following::start(store.clone(), broker.clone());
        Self { store, principals, broker, following, anchors, ca_changes: Arc::default() }
    }

    /// Lets live sessions of these certificates notice that something about them changed: their
    /// status, their policies, or the things they are attached to.
    pub fn changed(&self, ids: &[CertificateId]) {
        self.principals.forget(ids);
        self.broker.principals_changed(ids);
    }

    /// Lets the sessions of a thing notice that its type, its attributes or its groups changed.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read whose they are.
    pub async fn thing_changed(&self, thing: ThingName) -> Result<(), StoreError> {
        let touched = self.store.touched_by_thing(thing).await?;
        let clients: Vec<ClientId> = touched.clients.iter().map(ClientId::from).collect();
        self.broker.clients_changed(&clients);
        self.broker.principals_changed(&touched.principals);
        Ok(())
    }

    /// Lets everybody whose rights come from a policy or a group notice that it changed: which
    /// version is in force, which policies the group has, that either is gone. Whoever acts is
    /// judged anew before that; the idle follow, a few at a time.
    pub async fn shared_changed(&self, shared: Shared) {
        self.broker.sources_changed(|| self.principals.mark_changed(&shared));
        self.following.take(shared).await;
    }

    /// Lets the next handshake notice that a CA was registered, changed or deleted.
    ///
    /// # Errors
    /// [`AnchorsNotSet`]; what was trusted before still is.
    pub async fn cas_changed(&self) -> Result<(), AnchorsNotSet> {
        self.anchors.refresh().await?;
        // Whether the registry alone vouches for a certificate depends on whether its CA is there.
        self.principals.forget_all();
        self.ca_changes.notify_one();
        Ok(())
    }

    /// Wakes the one who waits whenever CAs changed.
    pub(crate) fn ca_changes(&self) -> Arc<Notify> {
        Arc::clone(&self.ca_changes)
    }
}

#[async_trait]
impl Registry for LiveRegistry {
    async fn describe(&self, ids: &[CertificateId]) -> Result<Vec<Option<Certificate>>, PortError> {
        self.store.describe(ids).await
    }

    async fn things_of(&self, ids: &[CertificateId]) -> Result<Vec<Vec<ThingName>>, PortError> {
        self.store.things_of(ids).await
    }

    async fn certificates_of(
        &self,
        things: &[ThingName],
    ) -> Result<Vec<Vec<Certificate>>, PortError> {
        self.store.certificates_of(things).await
    }

    async fn enroll(&self, batch: Vec<Enrolment>, now: Timestamp) -> Vec<Result<(), PortError>> {
        let ids: Vec<_> = batch.iter().map(|enrolment| enrolment.incoming).collect();
        let answers = self.store.enroll(batch, now).await;
        self.changed(&ids);
        // Their devices connect with them in a moment.
        self.principals.expect(&ids).await;
        answers
    }

    async fn retire(&self, batch: Vec<Retirement>, now: Timestamp) -> Vec<Result<(), PortError>> {
        let ids: Vec<_> = batch.iter().map(|retirement| retirement.certificate_id).collect();
        let answers = self.store.retire(batch, now).await;
        self.changed(&ids);
        answers
    }
}
