//! One worker a target, so that a slow one delays no other.

use std::{sync::Arc, time::Duration};

use perennial_api::Links;
use perennial_orchestrator::{SystemClock, port::Clock as _};
use perennial_store::{DeliveryId, DeliveryOutcome, Store, StoreError};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::{
    LOOK,
    letter::Letter,
    target::{Target, Targets},
};
use crate::held_up::HeldUp;

/// How many letters a target gets at once.
const LETTERS: usize = 50;
/// How long a target may take over them.
const PATIENCE: Duration = Duration::from_secs(60);

/// Delivers to each target what waits for it, until `shutdown`.
pub(crate) async fn deliver(
    store: Store,
    targets: Targets,
    links: Links,
    shutdown: CancellationToken,
) {
    let known: Vec<String> = targets.keys().cloned().collect();
    let mut workers = tokio::task::JoinSet::new();
    for (name, target) in targets {
        let way = Way { store: store.clone(), name, target, links: links.clone() };
        workers.spawn(work(way, shutdown.clone()));
    }
    // What waits for a target that is configured no longer is given up, so that others are told.
    if let Err(error) = give_up_all_but(&store, &known).await {
        warn!(%error, "notices to targets that are no longer configured wait for the next start");
    }
    while workers.join_next().await.is_some() {}
}

/// What a worker has.
struct Way {
    store: Store,
    name: String,
    target: Arc<dyn Target>,
    links: Links,
}

async fn work(way: Way, shutdown: CancellationToken) {
    let mut held_up = HeldUp::of(format!("notices to {}", way.name));
    loop {
        let Some(delivered) = shutdown.run_until_cancelled(deliver_some(&way)).await else {
            return;
        };
        held_up.tried(&delivered);
        if delivered.is_ok_and(|count| count >= LETTERS) {
            continue;
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

async fn deliver_some(way: &Way) -> Result<usize, StoreError> {
    let Way { store, name, target, links } = way;
    let now = SystemClock.now();
    let due = store.due_messages(name.clone(), LETTERS, now).await?;
    if due.is_empty() {
        return Ok(0);
    }
    let letters: Vec<Letter> = due.into_iter().map(|it| Letter::of(it, links, now)).collect();
    let outcomes = match tokio::time::timeout(PATIENCE, target.deliver(&letters)).await {
        Ok(outcomes) => outcomes,
        Err(_) => letters.iter().map(|_| too_slow()).collect(),
    };
    let ids = letters.iter().map(|letter| letter.id);
    let outcomes: Vec<(DeliveryId, DeliveryOutcome)> = ids.zip(outcomes).collect();
    for (id, outcome) in &outcomes {
        debug!(delivery.id = id.0, target = name, %outcome, "a notice was delivered, or not");
    }
    store.delivered(outcomes, SystemClock.now()).await?;
    Ok(letters.len())
}

fn too_slow() -> DeliveryOutcome {
    let reason = format!("it was not done within {} s", PATIENCE.as_secs());
    DeliveryOutcome::Failed { reason, hopeless: false }
}

async fn give_up_all_but(store: &Store, known: &[String]) -> Result<(), StoreError> {
    let now = SystemClock.now();
    for name in store.awaited_targets().await?.into_iter().filter(|name| !known.contains(name)) {
        loop {
            let due =
                store.due_messages(name.clone(), LETTERS, perennial_core::time::Timestamp::MAX);
            let outcome = || DeliveryOutcome::Failed {
                reason: format!("no target {name:?} is configured any more"),
                hopeless: true,
            };
            let outcomes: Vec<_> = due.await?.into_iter().map(|it| (it.id, outcome())).collect();
            if outcomes.is_empty() {
                break;
            }
            store.delivered(outcomes, now).await?;
        }
    }
    Ok(())
}
