//! A lane's turn: what is due at one endpoint, one message first, then a few at a time.

use std::time::Duration;

use futures_util::future::join_all;
use perennial_core::time::Timestamp;
use perennial_orchestrator::{SystemClock, port::Clock as _};
use perennial_store::{Lane, Outcome, Settled, Store, StoreError, Waiting};

use super::{
    Sending,
    sending::{Tried, again},
};

/// How many messages one endpoint gets at a time, once it has taken one.
const AT_ONCE: usize = 4;
/// How many times that before others have their turn.
const ROUNDS: usize = 16;
/// How many messages at a time learn that nobody answers.
const PUT_OFF: usize = 1000;
/// How long they wait at least.
const LEAST_PAUSE: Duration = Duration::from_secs(1);

/// Delivers what is due in a lane.
pub(super) async fn run(store: &Store, sending: &Sending, lane: &Lane) -> Result<(), StoreError> {
    let mut at_once = 1;
    for _ in 0..ROUNDS {
        let due = store.due_deliveries(lane.number, at_once, SystemClock.now()).await?;
        let is_last = due.len() < at_once;
        let sent = due.iter().map(|delivery| async move {
            let tried = sending.send(lane, delivery, SystemClock.now()).await;
            (delivery.number, delivery.message_id, tried)
        });
        let (mut settled, mut unreachable) = (Vec::new(), None);
        for (number, message_id, tried) in join_all(sent).await {
            let Tried { outcome, unreachable: why } = tried;
            unreachable = why.or(unreachable);
            settled.push(Settled { number, message_id, outcome });
        }
        store.settle_deliveries(lane.number, settled, SystemClock.now()).await?;
        if let Some(why) = unreachable {
            return put_off(store, lane, &why).await;
        }
        if is_last {
            break;
        }
        at_once = AT_ONCE;
    }
    Ok(())
}

/// Counts a try for everything that is due: there is no use in asking again for each of them.
async fn put_off(store: &Store, lane: &Lane, why: &str) -> Result<(), StoreError> {
    let now = SystemClock.now();
    loop {
        let waiting = store.waiting_deliveries(lane.number, PUT_OFF, now).await?;
        let is_last = waiting.len() < PUT_OFF;
        let settled = waiting.into_iter().map(|it| not_tried(it, why, now)).collect();
        store.settle_deliveries(lane.number, settled, now).await?;
        if is_last {
            return Ok(());
        }
    }
}

fn not_tried(it: Waiting, why: &str, now: Timestamp) -> Settled {
    let Waiting { number, message_id, tries, settings } = it;
    let outcome = match settings {
        Some(settings) => again(&settings, tries + 1, &format!("not asked again: {why}"), now),
        None => Outcome::Gone,
    };
    let outcome = match outcome {
        // A policy may want no pause; that is for a message that was tried.
        Outcome::Again { at, why } => Outcome::Again { at: at.max(now + LEAST_PAUSE), why },
        other @ (Outcome::Delivered(_) | Outcome::Dead(_) | Outcome::Gone) => other,
    };
    Settled { number, message_id, outcome }
}
