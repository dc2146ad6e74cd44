//! An action's queue: bounded in number and bytes, emptied by its own workers.

use std::sync::{Arc, atomic::AtomicUsize};

use perennial_core::{rule::action::BatchLimits, time::Timestamp};
use tokio::sync::{
    Semaphore,
    mpsc::{self, Receiver, Sender},
};
use tokio_util::task::TaskTracker;

use crate::{
    batching::in_batches,
    delivering::Post,
    health::{Health, Place},
    load::Load,
    parcel::{Parcel, Weight},
};

/// Where an action's parcels wait.
pub(crate) struct ActionQueue {
    sender: Sender<Parcel>,
    bytes: Arc<AtomicUsize>,
    max_bytes: usize,
    pub(crate) health: Arc<Health>,
}

/// In which order parcels are delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// One behind the other.
    InOrder,
    /// So many at a time.
    AtATime(usize),
    /// Together, so many requests at a time.
    InBatches(BatchLimits, usize),
}

impl ActionQueue {
    /// A queue with its worker, which ends when the queue is gone and empty. Whom `place` names is
    /// told of to people when its deliveries fail.
    pub(crate) fn open(
        post: &Arc<Post>,
        place: Option<Place>,
        pace: Pace,
        tasks: &TaskTracker,
    ) -> Self {
        let settings = &post.settings;
        let (sender, receiver) = mpsc::channel(settings.max_waiting.max(1));
        let health = Health::new(place, post.noticing.clone(), settings.calm_for);
        let health = Arc::new(health);
        let work = Work { post: Arc::clone(post), health: Arc::clone(&health) };
        match pace {
            Pace::InOrder => tasks.spawn(in_order(receiver, work)),
            Pace::AtATime(most) => {
                tasks.spawn(at_a_time(receiver, work, most.max(1), tasks.clone()))
            }
            Pace::InBatches(limits, most) => {
                tasks.spawn(in_batches(receiver, work, (limits, most.max(1)), tasks.clone()))
            }
        };
        Self { sender, bytes: Arc::default(), max_bytes: settings.max_waiting_bytes, health }
    }

    /// Puts a parcel in, or gives it back when there is no room.
    pub(crate) fn put(&self, mut parcel: Parcel) -> Result<(), Box<Parcel>> {
        let own = parcel.delivery.weight() + parcel.origin.payload.len();
        let Some(weight) = Weight::of(&self.bytes, own, self.max_bytes) else {
            return Err(Box::new(parcel));
        };
        parcel.weight = Some(weight);
        self.sender.try_send(parcel).map_err(|error| Box::new(error.into_inner()))
    }
}

/// What a queue's worker works with.
#[derive(Clone)]
pub(crate) struct Work {
    post: Arc<Post>,
    health: Arc<Health>,
}

impl Work {
    pub(crate) async fn deliver(&self, load: Load) {
        self.post.deliver(load, &self.health).await;
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.post.now)()
    }

    /// Until then; for ever, when there is nothing to wait for.
    pub(crate) async fn sleep_until(&self, due_at: Option<Timestamp>) {
        match due_at {
            Some(due_at) => tokio::time::sleep(due_at.since(self.now())).await,
            None => std::future::pending().await,
        }
    }
}

async fn in_order(mut receiver: Receiver<Parcel>, work: Work) {
    while let Some(parcel) = receiver.recv().await {
        work.deliver(Load::alone(parcel)).await;
    }
}

async fn at_a_time(mut receiver: Receiver<Parcel>, work: Work, most: usize, tasks: TaskTracker) {
    let slots = Arc::new(Semaphore::new(most));
    while let Some(parcel) = receiver.recv().await {
        // Never closed.
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        let work = work.clone();
        tasks.spawn(async move {
            work.deliver(Load::alone(parcel)).await;
            drop(slot);
        });
    }
}
