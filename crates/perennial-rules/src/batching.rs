//! A queue's worker that lets parcels travel together: one request for those that come within
//! moments of each other.

use std::sync::Arc;

use perennial_core::{
    rule::action::{BatchLimits, Batches},
    time::Timestamp,
};
use tokio::sync::{Semaphore, mpsc::Receiver};
use tokio_util::task::TaskTracker;

use crate::{
    load::{Load, batched},
    parcel::Parcel,
    queue::Work,
};

/// Delivers in batches, so many requests at a time, until the queue is gone and empty.
pub(crate) async fn in_batches(
    mut receiver: Receiver<Parcel>,
    work: Work,
    (limits, most): (BatchLimits, usize),
    tasks: TaskTracker,
) {
    let slots = Arc::new(Semaphore::new(most));
    let mut batches = Batches::new(limits);
    let mut open = true;
    while open {
        let parcel = tokio::select! {
            parcel = receiver.recv() => { open = parcel.is_some(); parcel },
            () = work.sleep_until(batches.due_at()) => None,
        };
        let now = work.now();
        let mut leaving = parcel.map_or_else(Vec::new, |parcel| put(&mut batches, parcel, now));
        leaving.extend(if open { batches.due(now) } else { batches.close() });
        for load in leaving.into_iter().filter_map(Load::batch) {
            // While all requests are under way the queue fills up, and then it is full.
            let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
            let work = work.clone();
            tasks.spawn(async move {
                work.deliver(load).await;
                drop(slot);
            });
        }
    }
}

/// What is no JSON can be in no array: it goes alone, to be given up.
fn put(batches: &mut Batches<Parcel>, parcel: Parcel, now: Timestamp) -> Vec<Vec<Parcel>> {
    let Some(post) = batched(&parcel.delivery).filter(|post| post.payload.is_json()) else {
        return vec![vec![parcel]];
    };
    let (url, topic, bytes) = (post.url.clone(), parcel.origin.topic.clone(), post.payload.0.len());
    batches.put((&url, &topic), (parcel, bytes), now)
}
