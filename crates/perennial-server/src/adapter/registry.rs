//! The registry with live sessions: what changes in the store reaches the broker at once.

use std::sync::Arc;

use async_trait::async_trait;
use perennial_broker::BrokerHandle;
use perennial_core::{
    certificate::Certificate,
    ids::{CertificateId, ThingName},
    time::Timestamp,
};
use perennial_orchestrator::port::{Enrolment, PortError, Registry, Retirement};
use perennial_store::Store;

use super::StorePrincipals;

/// The store's registry, with the broker told of every change.
pub(crate) struct LiveRegistry {
    store: Store,
    principals: Arc<StorePrincipals>,
    broker: BrokerHandle,
}

impl LiveRegistry {
    pub(crate) fn new(
        store: Store,
        principals: Arc<StorePrincipals>,
        broker: BrokerHandle,
    ) -> Self {
        Self { store, principals, broker }
    }

    /// Lets live sessions of these certificates notice that something about them changed.
    pub(crate) fn changed(&self, ids: &[CertificateId]) {
        self.principals.forget(ids);
        self.broker.principals_changed(ids);
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
        answers
    }

    async fn retire(&self, batch: Vec<Retirement>, now: Timestamp) -> Vec<Result<(), PortError>> {
        let ids: Vec<_> = batch.iter().map(|retirement| retirement.certificate_id).collect();
        let answers = self.store.retire(batch, now).await;
        self.changed(&ids);
        answers
    }
}
