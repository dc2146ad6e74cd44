//! What waits to be sent to one session: bounded in messages and in bytes of payload.

use std::{collections::VecDeque, sync::Arc};

use tokio::time::Instant;

use crate::{
    message::{Message, Qos},
    settings::Limits,
};

/// An empty queue with room for more messages than this gives the room back.
const KEEP: usize = 16;

#[derive(Default)]
pub(super) struct Queue {
    entries: VecDeque<Queued>,
    bytes: usize,
}

/// One message as this session will get it.
pub(super) struct Queued {
    pub(super) message: Arc<Message>,
    pub(super) qos: Qos,
    pub(super) retain: bool,
    /// Whether the present permissions allow it to be received.
    pub(super) allowed: bool,
}

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn is_full(&self, limits: &Limits) -> bool {
        self.entries.len() >= limits.queued_messages || self.bytes >= limits.queued_bytes
    }

    /// Bytes of payload.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn push(&mut self, queued: Queued) {
        self.bytes += queued.message.payload.len();
        self.entries.push_back(queued);
    }

    pub(super) fn front(&self) -> Option<&Queued> {
        self.entries.front()
    }

    pub(super) fn pop(&mut self) -> Option<Queued> {
        let queued = self.entries.pop_front()?;
        self.bytes -= queued.message.payload.len();
        Some(queued)
    }

    /// Forgets what is not kept for a client that is away.
    pub(super) fn drop_qos_0(&mut self) {
        self.retain(|queued| queued.qos == Qos::AtLeastOnce);
    }

    /// Forgets what has expired; says how many messages that was.
    pub(super) fn drop_expired(&mut self, now: Instant) -> usize {
        let before = self.entries.len();
        self.retain(|queued| !queued.message.expired(now));
        before - self.entries.len()
    }

    fn retain(&mut self, keep: impl FnMut(&Queued) -> bool) {
        self.entries.retain(keep);
        self.bytes = self.entries.iter().map(|queued| queued.message.payload.len()).sum();
    }

    /// Lets every message be asked about again before it is sent.
    pub(super) fn recheck(&mut self) {
        self.entries.iter_mut().for_each(|queued| queued.allowed = false);
    }

    /// An idle session keeps no buffer.
    pub(super) fn shrink(&mut self) {
        if self.entries.is_empty() && self.entries.capacity() > KEEP {
            self.entries = VecDeque::new();
        }
    }
}
