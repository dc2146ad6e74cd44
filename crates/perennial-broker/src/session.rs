//! One client's session: its subscriptions, what waits for it, and what it has not acknowledged.

mod delivery;
mod queue;
mod window;

use std::{collections::HashSet, sync::Arc, time::Duration};

use parking_lot::Mutex;
use perennial_core::ids::ClientId;
use tokio::time::Instant;

pub(crate) use self::delivery::Offer;
use self::{queue::Queue, window::Window};
use crate::{counters::Counters, link::Link, waiting::Waiting, will::Testament};

/// A session, connected or kept.
pub(crate) struct Session {
    /// Names the session in the subscription tree; never used again.
    pub(crate) key: u64,
    pub(crate) client_id: ClientId,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    link: Option<Arc<Link>>,
    gone: bool,
    filters: HashSet<Box<str>>,
    queue: Queue,
    window: Window,
    /// Publishers that wait for room.
    waiting: Waiting,
    /// Since when the queue is full without a message taken.
    full_since: Option<Instant>,
    /// How long it is kept once its connection ends.
    kept_for: Duration,
    /// When it is thrown away; only without a connection.
    expires_at: Option<Instant>,
    /// The last will of the connection that ended, and when it is due.
    will: Option<(Instant, Box<Testament>)>,
}

impl Session {
    pub(crate) fn new(key: u64, client_id: ClientId) -> Self {
        Self { key, client_id, state: Mutex::default() }
    }

    /// The connection that has it now.
    pub(crate) fn link(&self) -> Option<Arc<Link>> {
        self.state.lock().link.clone()
    }

    /// Gives it to a connection that takes `window` messages at once; what is unacknowledged will
    /// be sent again.
    pub(crate) fn attach(
        &self,
        link: Arc<Link>,
        window: u16,
        kept_for: Duration,
        counters: &Counters,
    ) {
        let mut state = self.state.lock();
        counters.unstore(state.queue.bytes());
        state.link = Some(link);
        state.window.reopen(window);
        state.queue.recheck();
        state.kept_for = kept_for;
        state.expires_at = None;
        state.will = None;
    }

    /// Changes how long it is kept; says whether it may be: one that was to end with its
    /// connection ends with it (MQTT 5 §3.14.2.2.2).
    pub(crate) fn keep_for(&self, span: Duration) -> bool {
        let mut state = self.state.lock();
        if state.kept_for.is_zero() && !span.is_zero() {
            return false;
        }
        state.kept_for = span;
        true
    }

    /// Takes it from its connection; `Some(when it expires)` when it is to be kept.
    pub(crate) fn detach(&self, now: Instant, counters: &Counters) -> Option<Instant> {
        let mut state = self.state.lock();
        state.link = None;
        state.queue.drop_qos_0();
        counters.keep_stored(state.queue.bytes());
        state.make_room();
        if state.kept_for.is_zero() {
            return None;
        }
        state.expires_at = Some(now + state.kept_for);
        state.expires_at
    }

    /// Keeps a last will to publish at `due`, unless the client is back before.
    pub(crate) fn delay_will(&self, due: Instant, will: Box<Testament>) {
        self.state.lock().will = Some((due, will));
    }

    /// The delayed will, if it is due at `now`, or whenever it is due.
    pub(crate) fn take_will(&self, now: Option<Instant>) -> Option<Box<Testament>> {
        let mut state = self.state.lock();
        let (due, _) = state.will.as_ref()?;
        let is_due = now.is_none_or(|now| *due <= now);
        state.will.take_if(|_| is_due).map(|(_, will)| will)
    }

    /// Whether it has been without a connection for as long as it is kept.
    pub(crate) fn expired(&self, now: Instant) -> bool {
        self.state.lock().expires_at.is_some_and(|at| at <= now)
    }

    /// When somebody must look at it: it expires, or its will is due.
    pub(crate) fn deadlines(&self) -> [Option<Instant>; 2] {
        let state = self.state.lock();
        [state.expires_at, state.will.as_ref().map(|(due, _)| *due)]
    }

    /// Ends it for good, without a connection; gives back its filters, for the subscription tree.
    pub(crate) fn discard(&self, counters: &Counters) -> Vec<Box<str>> {
        let mut state = self.state.lock();
        counters.unstore(state.queue.bytes());
        state.gone = true;
        state.queue = Queue::default();
        state.window = Window::default();
        state.make_room();
        state.filters.drain().collect()
    }

    /// Remembers a subscription; `None` when it has too many, else whether it is new.
    pub(crate) fn subscribe(&self, filter: &str, most: usize) -> Option<bool> {
        let mut state = self.state.lock();
        if state.filters.len() >= most && !state.filters.contains(filter) {
            return None;
        }
        Some(state.filters.insert(filter.into()))
    }

    pub(crate) fn unsubscribe(&self, filter: &str) -> bool {
        self.state.lock().filters.remove(filter)
    }

    pub(crate) fn filters(&self) -> Vec<Box<str>> {
        self.state.lock().filters.iter().cloned().collect()
    }

    /// Checks what waits against changed permissions before it is sent.
    pub(crate) fn recheck(&self) {
        let mut state = self.state.lock();
        state.queue.recheck();
        state.window.recheck();
    }
}

impl State {
    fn make_room(&mut self) {
        self.full_since = None;
        self.waiting.wake();
    }
}
