//! A lane's turn: what is due at one endpoint, a few at a time.

use futures_util::future::join_all;
use perennial_orchestrator::{SystemClock, port::Clock as _};
use perennial_store::{Lane, Settled, Store, StoreError};

use super::Sending;

/// How many messages one endpoint gets at a time.
const AT_ONCE: usize = 4;
/// How many times that before others have their turn.
const ROUNDS: usize = 16;

/// Delivers what is due in a lane.
pub(super) async fn run(store: &Store, sending: &Sending, lane: &Lane) -> Result<(), StoreError> {
    for _ in 0..ROUNDS {
        let due = store.due_deliveries(lane.number, AT_ONCE, SystemClock.now()).await?;
        let is_last = due.len() < AT_ONCE;
        let sent = due.iter().map(|delivery| async move {
            let outcome = sending.send(lane, delivery, SystemClock.now()).await;
            Settled { number: delivery.number, message_id: delivery.message_id, outcome }
        });
        let settled = join_all(sent).await;
        store.settle_deliveries(lane.number, settled, SystemClock.now()).await?;
        if is_last {
            break;
        }
    }
    Ok(())
}
