//! Notices to the log; other targets come with the notice topics.

use async_trait::async_trait;
use perennial_core::time::Timestamp;
use perennial_orchestrator::port::{Notification, Notifier, PortError};
use perennial_store::Store;
use serde_json::json;
use tracing::warn;

/// Writes notices to the process's log and to the event log.
pub(crate) struct LogNotifier {
    store: Store,
}

impl LogNotifier {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }
}

#[async_trait]
impl Notifier for LogNotifier {
    async fn notify(&self, batch: Vec<Notification>, now: Timestamp) -> Vec<Result<(), PortError>> {
        let bodies: Vec<_> = batch
            .iter()
            .map(|it| {
                let Notification { rotation_id, thing, notice } = it;
                warn!(rotation.id = %rotation_id, thing.name = %thing, ?notice, "notice");
                json!({ "rotationId": rotation_id, "thingName": thing, "notice": notice })
            })
            .collect();
        let count = bodies.len();
        match self.store.record_notices(bodies, now).await {
            Ok(()) => (0..count).map(|_| Ok(())).collect(),
            Err(error) => (0..count).map(|_| Err(error.clone().into())).collect(),
        }
    }
}
