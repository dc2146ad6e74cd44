//! Subscribers inside the process: a bounded inbox whose messages are acknowledged to the device
//! only when their taker says so.

use std::{collections::VecDeque, fmt, sync::Arc};

use bytes::Bytes;
use parking_lot::Mutex;
use perennial_core::ids::{CertificateId, ClientId};
use rmqtt_codec::v5::PublishAckReason;
use tokio::sync::Notify;

use crate::{core::Core, link::Link, waiting::Waiting};

/// A device's message, with who sent it as TLS and the registry say.
#[derive(Debug)]
pub struct Inbound {
    /// The client id of the session.
    pub client_id: ClientId,
    /// The certificate of the session.
    pub principal: CertificateId,
    /// Where it was published.
    pub topic: String,
    /// What was published.
    pub payload: Bytes,
    /// Accept it once the message is durable.
    pub ack: Ack,
}

/// The PUBACK owed for a QoS 1 message; dropped without [`accept`](Self::accept), none is sent
/// and the device sends the message again when it reconnects.
pub struct Ack(Option<(Arc<Link>, u64)>);

impl Ack {
    /// Nothing is owed: QoS 0, or a last will.
    pub(crate) fn none() -> Self {
        Self(None)
    }

    pub(crate) fn owed(link: &Arc<Link>, slot: u64) -> Self {
        link.acks.lock().hold(slot);
        Self(Some((Arc::clone(link), slot)))
    }

    /// The message is safe: its sender may forget it.
    pub fn accept(mut self) {
        if let Some((link, slot)) = self.0.take() {
            link.acks.lock().vouch(slot);
            link.wake();
        }
    }

    /// The message is not taken, since its sender sends too much: over MQTT 5 its PUBACK says so
    /// (0x97). MQTT 3.1.1 has no word for it, and no PUBACK is sent.
    pub fn refuse(mut self) {
        if let Some((link, slot)) = self.0.take() {
            link.acks.lock().refuse(slot, PublishAckReason::QuotaExceeded);
            link.wake();
        }
    }
}

impl Drop for Ack {
    fn drop(&mut self) {
        if let Some((link, slot)) = self.0.take() {
            link.acks.lock().abandon(slot);
            link.wake();
        }
    }
}

impl fmt::Debug for Ack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Ack(owed)" } else { "Ack(none)" })
    }
}

/// The messages waiting for one in-process subscriber.
pub(crate) struct Inbox {
    capacity: usize,
    state: Mutex<State>,
    arrived: Notify,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Inbound>,
    waiting: Waiting,
    closed: bool,
}

impl Inbox {
    pub(crate) fn new(capacity: usize) -> Self {
        let capacity = capacity.max(1);
        Self { capacity, state: Mutex::default(), arrived: Notify::new() }
    }

    /// Adds the message that `make` gives, if there is room; else `publisher` is woken when
    /// there is. A closed inbox takes everything and keeps nothing.
    pub(crate) fn offer(
        &self,
        publisher: Option<&Arc<Link>>,
        make: impl FnOnce() -> Inbound,
    ) -> bool {
        let mut state = self.state.lock();
        if state.closed {
            return true;
        }
        if state.queue.len() >= self.capacity {
            if let Some(publisher) = publisher {
                state.waiting.add(publisher);
            }
            return false;
        }
        state.queue.push_back(make());
        drop(state);
        self.arrived.notify_one();
        true
    }

    fn take(&self, most: usize) -> (Vec<Inbound>, bool) {
        let mut state = self.state.lock();
        let taken = most.min(state.queue.len());
        let batch = state.queue.drain(..taken).collect();
        state.waiting.wake();
        (batch, state.closed)
    }

    pub(crate) fn close(&self) {
        let queue = {
            let mut state = self.state.lock();
            state.closed = true;
            state.waiting.wake();
            std::mem::take(&mut state.queue)
        };
        // Dropped outside the lock: each owed acknowledgement is abandoned.
        drop(queue);
        self.arrived.notify_one();
    }
}

/// An in-process subscription; dropping it ends it.
pub struct Subscription {
    core: Arc<Core>,
    inbox: Arc<Inbox>,
    filter: String,
    key: u64,
}

impl Subscription {
    pub(crate) fn new(core: Arc<Core>, inbox: Arc<Inbox>, filter: String, key: u64) -> Self {
        Self { core, inbox, filter, key }
    }

    /// The next messages, at least one and at most `most`; `None` when the broker has ended.
    pub async fn recv_many(&mut self, most: usize) -> Option<Vec<Inbound>> {
        loop {
            let (batch, closed) = self.inbox.take(most.max(1));
            if !batch.is_empty() {
                return Some(batch);
            }
            if closed {
                return None;
            }
            self.inbox.arrived.notified().await;
        }
    }

    /// The next message; `None` when the broker has ended.
    pub async fn recv(&mut self) -> Option<Inbound> {
        self.recv_many(1).await?.pop()
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.core.subscriptions.write().remove(&self.filter, self.key);
        self.inbox.close();
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Subscription({:?})", self.filter)
    }
}
