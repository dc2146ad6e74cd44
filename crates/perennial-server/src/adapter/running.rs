//! The running server as the API sees it.

use std::sync::Arc;

use async_trait::async_trait;
use perennial_api::{NotInForce, Running};
use perennial_core::ids::{CertificateId, ThingName};
use perennial_store::{Shared, StoreError};

use super::{LiveDeviceLog, LiveRegistry};

/// The broker's sessions, and where they are opened.
pub(crate) struct RunningServer {
    registry: Arc<LiveRegistry>,
    device_log: Arc<LiveDeviceLog>,
    device_endpoint: String,
}

impl RunningServer {
    pub(crate) fn new(
        registry: Arc<LiveRegistry>,
        device_log: Arc<LiveDeviceLog>,
        device_endpoint: String,
    ) -> Self {
        Self { registry, device_log, device_endpoint }
    }
}

#[async_trait]
impl Running for RunningServer {
    fn certificates_changed(&self, ids: &[CertificateId]) {
        self.registry.changed(ids);
    }

    async fn cas_changed(&self) -> Result<(), NotInForce> {
        self.registry.cas_changed().await.map_err(|error| NotInForce(Box::new(error)))
    }

    async fn thing_changed(&self, thing: ThingName) -> Result<(), StoreError> {
        self.registry.thing_changed(thing).await
    }

    async fn shared_changed(&self, shared: Shared) {
        self.registry.shared_changed(shared).await;
    }

    async fn logging_changed(&self) -> Result<(), StoreError> {
        self.device_log.refresh().await
    }

    fn device_endpoint(&self) -> String {
        self.device_endpoint.clone()
    }
}
