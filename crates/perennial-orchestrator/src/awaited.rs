//! Awaited: who waits for the rotation that they asked for to be opened, or not.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use perennial_core::ids::RotationId;
use tokio::sync::oneshot;

type Waiting = HashMap<RotationId, oneshot::Sender<()>>;

/// Requests that somebody waits for, by the id of their rotation.
#[derive(Clone, Default)]
pub(crate) struct Awaited(Arc<Mutex<Waiting>>);

/// Somebody's wait for a rotation; dropped, nobody waits.
pub struct Awaiting {
    awaited: Awaited,
    id: RotationId,
    answer: oneshot::Receiver<()>,
}

impl Awaited {
    pub(crate) fn begin(&self, id: RotationId) -> Awaiting {
        let (tell, answer) = oneshot::channel();
        self.lock().insert(id, tell);
        Awaiting { awaited: self.clone(), id, answer }
    }

    /// The request of this rotation is done: the rotation is open, or will never be.
    pub(crate) fn dealt_with(&self, id: &RotationId) {
        if let Some(tell) = self.lock().remove(id) {
            // Who gave up waiting finds the rotation where everybody does.
            let _ = tell.send(());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // A map is whole after any panic: each change of it is one call.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Awaiting {
    /// Returns once the request was dealt with: the journal has the rotation, or it will never be
    /// opened. It may never return, if the journal is in trouble: give it a time.
    pub async fn dealt_with(mut self) {
        // Without an opener there is a shutdown, and nobody left to tell.
        let _ = (&mut self.answer).await;
    }
}

impl Drop for Awaiting {
    fn drop(&mut self) {
        self.awaited.lock().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: RotationId = RotationId::from_bytes([1; 16]);

    #[tokio::test]
    async fn who_waits_is_told_once_and_whoever_gave_up_is_forgotten() {
        let awaited = Awaited::default();
        let (waiting, given_up) =
            (awaited.begin(ID), awaited.begin(RotationId::from_bytes([2; 16])));

        drop(given_up);
        awaited.dealt_with(&ID);
        awaited.dealt_with(&ID);
        waiting.dealt_with().await;

        assert!(awaited.lock().is_empty());
    }
}
