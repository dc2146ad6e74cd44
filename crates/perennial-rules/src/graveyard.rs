//! Writing dead letters down, many with one commit, and forgetting those that arrived after all.

use perennial_store::{DeadLetter, Store};
use tokio::{
    sync::mpsc::{self, Receiver, Sender, error::TrySendError},
    task::JoinHandle,
};
use tracing::error;

/// How many may wait to be written; of a rule no more than that are kept anyway.
const MAX_WAITING: usize = 1024;
/// How many are written with one commit.
const BATCH: usize = 128;

/// What happens to a parcel in the end.
enum Fate {
    Dead(Box<DeadLetter>),
    Arrived(i64),
    /// Nothing comes any more.
    Closed,
}

/// Where dead letters go.
#[derive(Clone)]
pub(crate) struct Graveyard(Sender<Fate>);

impl Graveyard {
    /// Opens it; the task ends when it is closed and all is written.
    pub(crate) fn open(store: Store) -> (Self, JoinHandle<()>) {
        let (sender, receiver) = mpsc::channel(MAX_WAITING);
        (Self(sender), tokio::spawn(write(receiver, store)))
    }

    /// Keeps a dead letter; when too many wait to be written, it is lost, and that is logged.
    pub(crate) fn bury(&self, letter: DeadLetter) {
        if let Err(TrySendError::Full(Fate::Dead(letter))) =
            self.0.try_send(Fate::Dead(Box::new(letter)))
        {
            let rule = letter.rule.as_str();
            tracing::debug!(rule.name = rule, "a dead letter was dropped: too many at once");
        }
    }

    /// As [`bury`](Self::bury), when there is time to wait for room.
    pub(crate) async fn bury_surely(&self, letter: DeadLetter) {
        // Nobody reads any more only when the server is gone.
        let _ = self.0.send(Fate::Dead(Box::new(letter))).await;
    }

    /// Lets the task end once it has written what was put in before.
    pub(crate) async fn close(&self) {
        let _ = self.0.send(Fate::Closed).await;
    }

    /// Forgets a dead letter that arrived after all.
    pub(crate) async fn forget(&self, id: i64) {
        let _ = self.0.send(Fate::Arrived(id)).await;
    }
}

async fn write(mut receiver: Receiver<Fate>, store: Store) {
    let mut fates = Vec::with_capacity(BATCH);
    let mut open = true;
    while open && receiver.recv_many(&mut fates, BATCH).await > 0 {
        let (mut dead, mut arrived) = (Vec::new(), Vec::new());
        for fate in fates.drain(..) {
            match fate {
                Fate::Dead(letter) => dead.push(*letter),
                Fate::Arrived(id) => arrived.push(id),
                Fate::Closed => open = false,
            }
        }
        let written = async {
            if !dead.is_empty() {
                store.bury(dead).await?;
            }
            if !arrived.is_empty() {
                store.forget_dead_letters(arrived).await?;
            }
            Ok::<(), perennial_store::StoreError>(())
        };
        if let Err(error) = written.await {
            error!(%error, "dead letters could not be written");
        }
    }
}
