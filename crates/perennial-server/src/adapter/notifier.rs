//! The notifier: what rotations tell people becomes durable facts, which notices fold.

use async_trait::async_trait;
use perennial_core::{notice::Fact, rotation::Notice, time::Timestamp};
use perennial_orchestrator::port::{Notification, Notifier, PortError};
use perennial_store::Store;
use serde_json::{Value, json};
use tracing::debug;

/// Takes notices in: people are told when they are durable.
pub(crate) struct StoreNotifier {
    store: Store,
}

impl StoreNotifier {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }
}

#[async_trait]
impl Notifier for StoreNotifier {
    async fn notify(&self, batch: Vec<Notification>, now: Timestamp) -> Vec<Result<(), PortError>> {
        let count = batch.len();
        let (bodies, facts) = batch.into_iter().map(told).unzip();
        match self.store.record_notices(bodies, facts, now).await {
            Ok(()) => (0..count).map(|_| Ok(())).collect(),
            Err(error) => (0..count).map(|_| Err(error.clone().into())).collect(),
        }
    }
}

fn told(notification: Notification) -> (Value, Fact) {
    let (rotation_id, thing) = (notification.rotation_id, notification.thing.clone());
    let (body, fact) = (body(&notification), fact(notification));
    let kind = fact.kind().name();
    debug!(rotation.id = %rotation_id, thing.name = %thing, notice.kind = kind, "to be told");
    (body, fact)
}

/// What the event log says of it.
fn body(notification: &Notification) -> Value {
    let Notification { rotation_id, thing, notice, .. } = notification;
    json!({ "rotationId": rotation_id, "thingName": thing, "notice": notice })
}

fn fact(notification: Notification) -> Fact {
    let Notification { rotation_id, thing, ends_at, notice } = notification;
    match notice {
        Notice::RotationFailed { reason, rolled_back } => {
            Fact::RotationFailed { rotation_id, thing, reason, rolled_back, ends_at }
        }
        Notice::RotationStuck { waits_for, reason } => {
            Fact::RotationStuck { rotation_id, thing, waits_for, reason, ends_at }
        }
        Notice::HookFailed { hook } => Fact::HookFailed { rotation_id, thing, hook },
        Notice::CertificateLeftActive { certificate_id } => {
            Fact::CertificateLeftActive { rotation_id, thing, certificate_id }
        }
    }
}
