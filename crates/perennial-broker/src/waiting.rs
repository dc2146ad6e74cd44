//! Publishers that wait for room somewhere, each once however often it asks.

use std::{collections::HashMap, sync::Arc};

use crate::link::Link;

/// By the connection's session id.
#[derive(Default)]
pub(crate) struct Waiting(HashMap<u128, Arc<Link>>);

impl Waiting {
    pub(crate) fn add(&mut self, publisher: &Arc<Link>) {
        self.0.entry(publisher.session_id).or_insert_with(|| Arc::clone(publisher));
    }

    /// There is room: lets all of them try again.
    pub(crate) fn wake(&mut self) {
        for (_, publisher) in self.0.drain() {
            publisher.wake();
        }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
