//! The running server as the API sees it.

use std::sync::Arc;

use perennial_api::Running;
use perennial_core::ids::CertificateId;

use super::LiveRegistry;

/// The broker's sessions, and where they are opened.
pub(crate) struct RunningServer {
    registry: Arc<LiveRegistry>,
    device_endpoint: String,
}

impl RunningServer {
    pub(crate) fn new(registry: Arc<LiveRegistry>, device_endpoint: String) -> Self {
        Self { registry, device_endpoint }
    }
}

impl Running for RunningServer {
    fn certificates_changed(&self, ids: &[CertificateId]) {
        self.registry.changed(ids);
    }

    fn device_endpoint(&self) -> String {
        self.device_endpoint.clone()
    }
}
