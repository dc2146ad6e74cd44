//! Closings: how many rotations have ended, and when the last did, as the event log tells it.

use perennial_core::time::Timestamp;
use perennial_store::{Store, StoreError};

/// How many events are read at once.
const PAGE: usize = 1000;

/// What was read of the log since it was first looked at.
pub(super) struct Closings {
    read_up_to: i64,
    count: usize,
    last_at: Option<Timestamp>,
}

impl Closings {
    /// Counts from what the log holds now.
    pub(super) async fn from_now(store: &Store) -> Result<Self, StoreError> {
        let mut before = Self { read_up_to: 0, count: 0, last_at: None };
        before.read(store).await?;
        Ok(Self { count: 0, last_at: None, ..before })
    }

    /// Reads what was added since, and answers how many rotations have ended.
    pub(super) async fn read(&mut self, store: &Store) -> Result<usize, StoreError> {
        loop {
            let page = store.events(self.read_up_to, PAGE).await?;
            let Some(last) = page.last() else { return Ok(self.count) };
            self.read_up_to = last.seq;
            for closing in page.iter().filter(|event| event.kind == "rotation.closed") {
                self.count += 1;
                self.last_at = Some(closing.at);
            }
        }
    }

    /// When the last rotation ended.
    pub(super) const fn last_at(&self) -> Option<Timestamp> {
        self.last_at
    }
}
