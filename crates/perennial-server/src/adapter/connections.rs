//! Connections for audits: who comes and goes is written down in batches, beside the broker.
//!
//! The broker never waits for this. When writing falls behind its backlog, events are lost and
//! counted; a connection whose end was lost is ended by the next one of its client id.

use perennial_broker::{BrokerHandle, Presence};
use perennial_store::{ConnectionChange, Store};
use tokio::sync::{broadcast::error::RecvError, mpsc};
use tracing::warn;

/// How many changes may wait to be written.
const WAITING: usize = 65_536;
/// How many are written at once.
const BATCH: usize = 2000;

/// Writes down who comes and goes, until the broker is gone.
pub(crate) async fn record_connections(broker: BrokerHandle, store: Store) {
    let mut presence = broker.presence();
    drop(broker);
    let (changes, waiting) = mpsc::channel(WAITING);
    let writing = tokio::spawn(write(waiting, store));
    loop {
        match presence.recv().await {
            Ok(event) => {
                if let Some(change) = change(event)
                    && changes.try_send(change).is_err()
                {
                    warn!("a connection was not written down for audits: the disk is too slow");
                }
            }
            Err(RecvError::Lagged(missed)) => {
                warn!(missed, "connections were not written down for audits");
            }
            Err(RecvError::Closed) => break,
        }
    }
    drop(changes);
    // What waits is written; a task that panicked has nothing left to write.
    let _ = writing.await;
}

async fn write(mut waiting: mpsc::Receiver<ConnectionChange>, store: Store) {
    let mut batch = Vec::with_capacity(BATCH);
    while waiting.recv_many(&mut batch, BATCH).await > 0 {
        if let Err(error) = store.record_connections(std::mem::take(&mut batch)).await {
            warn!(%error, "connections could not be written down for audits");
        }
    }
}

fn change(event: Presence) -> Option<ConnectionChange> {
    match event {
        Presence::Connected { client_id, principal, at, .. } => {
            Some(ConnectionChange::Connected { client_id, principal, at })
        }
        Presence::Disconnected { client_id, principal, at, reason, .. } => {
            let reason = serde_json::to_value(reason).ok()?.as_str()?.to_owned();
            Some(ConnectionChange::Disconnected { client_id, principal, at, reason })
        }
        Presence::Subscribed { .. } | Presence::Unsubscribed { .. } | Presence::Lapsed { .. } => {
            None
        }
    }
}
