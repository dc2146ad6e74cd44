//! Following a change to the idle: sessions that do nothing are held to their new rights as well,
//! a few at a time, so that nobody waits for the others.

use std::sync::Arc;

use perennial_broker::BrokerHandle;
use perennial_core::ids::ClientId;
use perennial_store::{Shared, Store, Touched};
use tokio::sync::mpsc;
use tracing::warn;

/// How many changes may wait to be followed before those who make them wait too.
const CAPACITY: usize = 1024;

/// How many certificates or things are looked at before others get their turn.
const BATCH: usize = 64;

/// The way to the follower. Cheap to clone.
#[derive(Clone)]
pub(super) struct Following(mpsc::Sender<Shared>);

impl Following {
    /// Starts to follow changes, until every clone of the answer is gone.
    pub(super) fn start(store: Store, broker: BrokerHandle) -> Self {
        let (changes, queue) = mpsc::channel(CAPACITY);
        tokio::spawn(follow_all(store, broker, queue));
        Self(changes)
    }

    /// Takes a change that was marked in its source.
    pub(super) async fn take(&self, change: Shared) {
        // When the follower is gone, so are the sessions.
        let _ = self.0.send(change).await;
    }
}

async fn follow_all(store: Store, broker: BrokerHandle, mut changes: mpsc::Receiver<Shared>) {
    let broker = Arc::new(broker);
    let mut waiting = Vec::new();
    while changes.recv_many(&mut waiting, CAPACITY).await > 0 {
        // Several changes of the same are one.
        waiting.sort_unstable_by(|a, b| format!("{a:?}").cmp(&format!("{b:?}")));
        waiting.dedup();
        for change in waiting.drain(..) {
            follow(&store, &broker, change).await;
        }
    }
}

async fn follow(store: &Store, broker: &BrokerHandle, change: Shared) {
    let mut after = None;
    loop {
        let (touched, next) = match store.touched_by(change.clone(), after, BATCH).await {
            Ok(found) => found,
            Err(error) => {
                // Whoever acts is judged anew all the same; only the idle are not.
                warn!(%error, "a change of policies was not followed to its end");
                return;
            }
        };
        look_again(broker, &touched);
        let Some(next) = next else { return };
        after = Some(next);
        tokio::task::yield_now().await;
    }
}

fn look_again(broker: &BrokerHandle, touched: &Touched) {
    let clients: Vec<ClientId> = touched.clients.iter().map(ClientId::from).collect();
    broker.look_again(&touched.principals, &clients);
}
