//! What was sent with QoS 1 and is not acknowledged: at most as much as the client takes at once
//! (MQTT 5 §4.9).

use std::{collections::VecDeque, num::NonZeroU16};

use super::queue::Queued;

/// An empty window with room for more messages than this gives the room back.
const KEEP: usize = 16;

#[derive(Default)]
pub(super) struct Window {
    /// In the order of their sending; those still to be sent again are the last.
    entries: VecDeque<InFlight>,
    /// How many were sent on an earlier connection and not yet on this one.
    unsent: usize,
    size: usize,
    last_packet_id: u16,
}

pub(super) struct InFlight {
    pub(super) packet_id: NonZeroU16,
    pub(super) queued: Queued,
}

impl Window {
    /// Begins a connection that takes `size` messages at once: everything is to be sent again.
    pub(super) fn reopen(&mut self, size: u16) {
        self.size = usize::from(size);
        self.unsent = self.entries.len();
        self.entries.iter_mut().for_each(|entry| entry.queued.allowed = false);
    }

    /// Whether a new message may be sent.
    pub(super) fn has_room(&self) -> bool {
        self.unsent == 0 && self.entries.len() < self.size
    }

    /// The next message to be sent again, if the client takes one more.
    pub(super) fn next_again(&self) -> Option<&InFlight> {
        let sent = self.entries.len() - self.unsent;
        self.entries.get(sent).filter(|_| sent < self.size)
    }

    /// The message that [`next_again`](Self::next_again) gave was sent.
    pub(super) fn sent_again(&mut self) {
        self.unsent = self.unsent.saturating_sub(1);
    }

    /// The message that [`next_again`](Self::next_again) gave is not to be sent.
    pub(super) fn give_up(&mut self) {
        self.entries.remove(self.entries.len() - self.unsent);
        self.sent_again();
    }

    /// Keeps a message that was sent under `packet_id` until it is acknowledged.
    pub(super) fn push(&mut self, packet_id: NonZeroU16, queued: Queued) {
        self.entries.push_back(InFlight { packet_id, queued });
    }

    /// Forgets a message that the client has; says whether it was in flight.
    pub(super) fn acknowledge(&mut self, packet_id: NonZeroU16) -> bool {
        let position = self.entries.iter().position(|entry| entry.packet_id == packet_id);
        let Some(index) = position else { return false };
        if index >= self.entries.len() - self.unsent {
            self.unsent -= 1;
        }
        self.entries.remove(index);
        true
    }

    /// A packet id that is not in flight; the window is far smaller than their number.
    pub(super) fn free_packet_id(&mut self) -> NonZeroU16 {
        loop {
            self.last_packet_id = self.last_packet_id.wrapping_add(1);
            if let Some(id) = NonZeroU16::new(self.last_packet_id)
                && !self.entries.iter().any(|entry| entry.packet_id == id)
            {
                return id;
            }
        }
    }

    /// Lets every message be asked about again before it is sent again.
    pub(super) fn recheck(&mut self) {
        self.entries.iter_mut().for_each(|entry| entry.queued.allowed = false);
    }

    /// An idle session keeps no buffer.
    pub(super) fn shrink(&mut self) {
        if self.entries.is_empty() && self.entries.capacity() > KEEP {
            self.entries = VecDeque::new();
        }
    }
}
