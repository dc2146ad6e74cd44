//! What the broker counts: plain atomics that a metrics page can read at any time.

use std::sync::atomic::{AtomicU64, Ordering};

/// The broker's counters since it started.
#[derive(Debug, Default)]
pub struct Counters {
    /// TCP connections accepted.
    pub accepted: AtomicU64,
    /// TCP connections closed at once because too many were open.
    pub turned_away: AtomicU64,
    /// TLS handshakes that failed or took too long.
    pub handshakes_failed: AtomicU64,
    /// Clients connected now.
    pub connected: AtomicU64,
    /// CONNECT packets refused.
    pub connects_refused: AtomicU64,
    /// Publishes, subscriptions and wills that a policy did not allow.
    pub unauthorized: AtomicU64,
    /// Messages taken from clients.
    pub received: AtomicU64,
    /// Messages sent to clients.
    pub sent: AtomicU64,
    /// Bytes of payload that wait for clients that are away, now.
    pub stored_bytes: AtomicU64,
    /// Messages not delivered, by reason.
    pub drops: Drops,
}

/// Messages that were not delivered to one receiver, by reason.
#[derive(Debug, Default)]
pub struct Drops {
    /// QoS 0 to a receiver whose queue was full.
    pub queue_full: AtomicU64,
    /// QoS 1 to a session without a connection whose queue, or all of them together, was full.
    pub offline_queue_full: AtomicU64,
    /// The receiver's policies do not allow `iot:Receive`.
    pub unauthorized: AtomicU64,
    /// Larger than the client's maximum packet size.
    pub too_large: AtomicU64,
    /// Its message expiry interval ran out while it waited.
    pub expired: AtomicU64,
    /// A retained message beyond the bounds; it was delivered, but not retained.
    pub retained_full: AtomicU64,
}

impl Counters {
    /// Counts bytes that are to wait for a client that is away, unless there would be more than
    /// `most` of them.
    pub(crate) fn store(&self, bytes: usize, most: usize) -> bool {
        let before = self.stored_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        let fits = before + bytes as u64 <= most as u64;
        if !fits {
            self.unstore(bytes);
        }
        fits
    }

    /// Counts bytes that waited when their client went away.
    pub(crate) fn keep_stored(&self, bytes: usize) {
        self.stored_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Bytes wait no longer, or their client is back.
    pub(crate) fn unstore(&self, bytes: usize) {
        self.stored_bytes.fetch_sub(bytes as u64, Ordering::Relaxed);
    }
}

pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
