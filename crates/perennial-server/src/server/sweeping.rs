//! Sweeping: what is no longer needed is deleted, some at a time.

use std::time::Duration;

use perennial_orchestrator::{SystemClock, port::Clock as _};
use perennial_store::{Store, StoreError};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// How often it is looked for, and how much is deleted at once.
const SWEEP: (Duration, usize) = (Duration::from_secs(60), 1000);

/// Deletes retired certificates whose grace is over, takes things out of groups that were deleted,
/// and forgets what is kept for a time only, until `shutdown`.
pub(super) async fn sweep(store: Store, shutdown: CancellationToken) {
    let mut at_once = false;
    loop {
        let pause = if at_once { Duration::ZERO } else { SWEEP.0 };
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(pause) => at_once = false,
        }
        for swept in [
            certificates(&store).await,
            store.sweep_groups(SWEEP.1).await,
            store.sweep_notices(SWEEP.1, SystemClock.now()).await,
            records(&store).await,
        ] {
            match swept {
                Ok(more) => at_once |= more,
                Err(error) => {
                    warn!(%error, "what is no longer needed could not be deleted; trying again");
                }
            }
        }
    }
}

/// Whether there are more.
async fn certificates(store: &Store) -> Result<bool, StoreError> {
    let deleted = store.sweep(SWEEP.1, SystemClock.now()).await?;
    if !deleted.is_empty() {
        info!(certificates = deleted.len(), "retired certificates were deleted");
    }
    Ok(deleted.len() == SWEEP.1)
}

/// Of audits, connections, dead letters and withdrawn certificates; whether there are more.
async fn records(store: &Store) -> Result<bool, StoreError> {
    let now = SystemClock.now();
    let audited = store.sweep_audits(SWEEP.1, now).await?;
    let connected = store.forget_connections(SWEEP.1, now).await?;
    let withdrawn = store.forget_withdrawn(SWEEP.1, now).await?;
    store.sweep_dead_letters(SWEEP.1, now).await?;
    Ok(audited.max(connected).max(withdrawn) >= SWEEP.1)
}
