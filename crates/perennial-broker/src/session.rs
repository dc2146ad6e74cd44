//! One client's session: its subscriptions, what waits for it, and what it has not acknowledged.

use std::{
    collections::{HashMap, VecDeque},
    num::NonZeroU16,
    sync::Arc,
    time::Duration,
};

use bytes::BytesMut;
use parking_lot::Mutex;
use perennial_core::ids::ClientId;
use rmqtt_codec::v5::SubscriptionOptions;
use tokio::time::Instant;

use crate::{
    authorise,
    counters::{Counters, count},
    link::Link,
    message::{Message, Qos},
    settings::Limits,
    will::Testament,
    wire::{Sending, Wire},
};

/// Stop writing a session's messages while this many bytes wait for the socket.
const OUT_BYTES: usize = 16 * 1024;

/// A session, connected or kept.
pub(crate) struct Session {
    /// Names the session in the subscription tree; never used again.
    pub(crate) key: u64,
    pub(crate) client_id: ClientId,
    state: Mutex<State>,
}

struct State {
    link: Option<Arc<Link>>,
    gone: bool,
    subscriptions: HashMap<Box<str>, SubscriptionOptions>,
    queue: VecDeque<Queued>,
    queued_bytes: usize,
    in_flight: VecDeque<InFlight>,
    last_packet_id: u16,
    window: usize,
    /// Publishers that wait for room.
    waiting: Vec<Arc<Link>>,
    /// Since when the queue is full without a message taken.
    full_since: Option<Instant>,
    /// How long it is kept once its connection ends.
    kept_for: Duration,
    /// When it is thrown away; only without a connection.
    expires_at: Option<Instant>,
    /// The last will of the connection that ended, and when it is due.
    will: Option<(Instant, Box<Testament>)>,
}

struct Queued {
    message: Arc<Message>,
    qos: Qos,
    retain: bool,
    /// Whether the present permissions allow it to be received.
    allowed: bool,
}

struct InFlight {
    packet_id: NonZeroU16,
    queued: Queued,
    /// Whether it was sent on the present connection.
    sent: bool,
}

/// What became of a message offered to a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Offer {
    /// On its way to a connected client.
    Online,
    /// Kept for a client that is away.
    Stored,
    /// Not for it: not allowed, QoS 0 while away, its own message, or dropped and counted.
    Refused,
    /// No room now; the publisher will be woken.
    Full,
}

impl Session {
    pub(crate) fn new(key: u64, client_id: ClientId) -> Self {
        let state = State {
            link: None,
            gone: false,
            subscriptions: HashMap::new(),
            queue: VecDeque::new(),
            queued_bytes: 0,
            in_flight: VecDeque::new(),
            last_packet_id: 0,
            window: 0,
            waiting: Vec::new(),
            full_since: None,
            kept_for: Duration::ZERO,
            expires_at: None,
            will: None,
        };
        Self { key, client_id, state: Mutex::new(state) }
    }

    /// The connection that has it now.
    pub(crate) fn link(&self) -> Option<Arc<Link>> {
        self.state.lock().link.clone()
    }

    /// Gives it to a connection; what is unacknowledged will be sent again.
    pub(crate) fn attach(&self, link: Arc<Link>, window: u16, kept_for: Duration) {
        let mut state = self.state.lock();
        state.link = Some(link);
        state.window = usize::from(window);
        state.kept_for = kept_for;
        state.expires_at = None;
        state.will = None;
        state.recheck();
    }

    pub(crate) fn keep_for(&self, span: Duration) {
        self.state.lock().kept_for = span;
    }

    /// Takes it from its connection; `Some(when it expires)` when it is to be kept.
    pub(crate) fn detach(&self, now: Instant) -> Option<Instant> {
        let mut state = self.state.lock();
        state.link = None;
        state.queue.retain(|queued| queued.qos == Qos::AtLeastOnce);
        state.queued_bytes = state.queue.iter().map(|queued| queued.message.payload.len()).sum();
        state.in_flight.iter_mut().for_each(|entry| entry.sent = false);
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

    /// Ends it for good; gives back its filters, for the subscription tree.
    pub(crate) fn discard(&self) -> Vec<Box<str>> {
        let mut state = self.state.lock();
        state.gone = true;
        state.queue = VecDeque::new();
        state.in_flight = VecDeque::new();
        state.make_room();
        state.subscriptions.drain().map(|(filter, _)| filter).collect()
    }

    /// Remembers a subscription; `None` when it has too many, else whether it is new.
    pub(crate) fn subscribe(
        &self,
        filter: &str,
        options: SubscriptionOptions,
        most: usize,
    ) -> Option<bool> {
        let mut state = self.state.lock();
        if state.subscriptions.len() >= most && !state.subscriptions.contains_key(filter) {
            return None;
        }
        Some(state.subscriptions.insert(filter.into(), options).is_none())
    }

    pub(crate) fn unsubscribe(&self, filter: &str) -> bool {
        self.state.lock().subscriptions.remove(filter).is_some()
    }

    pub(crate) fn filters(&self) -> Vec<Box<str>> {
        self.state.lock().subscriptions.keys().cloned().collect()
    }

    /// Checks what waits against changed permissions before it is sent.
    pub(crate) fn recheck(&self) {
        self.state.lock().recheck();
    }

    /// Hands it a message; `publisher` is woken when there is room after [`Offer::Full`].
    pub(crate) fn offer(
        &self,
        message: &Arc<Message>,
        options: SubscriptionOptions,
        publisher: Option<&Arc<Link>>,
        limits: &Limits,
        counters: &Counters,
    ) -> Offer {
        if options.no_local && message.sender == self.key {
            return Offer::Refused;
        }
        let qos = message.qos.min(granted(options));
        let mut state = self.state.lock();
        let Some(link) = state.link.clone().filter(|_| !state.gone) else {
            return state.offer_away(message, qos, options, limits, counters);
        };
        if !authorise::may_receive(&link.permissions(), &message.topic) {
            count(&counters.drops.unauthorized);
            return Offer::Refused;
        }
        if state.is_full(limits) {
            if qos == Qos::AtMostOnce {
                count(&counters.drops.queue_full);
                return Offer::Refused;
            }
            state.full_since.get_or_insert_with(Instant::now);
            state.waiting.extend(publisher.cloned());
            link.wake();
            return Offer::Full;
        }
        state.push(message, qos, options, true);
        link.wake();
        Offer::Online
    }

    /// Sends a retained message to a connection that just subscribed, if there is room.
    pub(crate) fn offer_retained(
        &self,
        message: &Arc<Message>,
        options: SubscriptionOptions,
        limits: &Limits,
        counters: &Counters,
    ) {
        let mut state = self.state.lock();
        if state.is_full(limits) {
            count(&counters.drops.queue_full);
            return;
        }
        let retained = SubscriptionOptions { retain_as_published: true, ..options };
        state.push(message, message.qos.min(granted(options)), retained, false);
    }

    /// Writes what may be sent now; says since when publishers are held up, if they are.
    pub(crate) fn fill(
        &self,
        wire: &mut Wire,
        out: &mut BytesMut,
        limits: &Limits,
        counters: &Counters,
    ) -> Option<Instant> {
        let mut state = self.state.lock();
        if let Some(link) = state.link.clone() {
            let now = Instant::now();
            state.resend(wire, now, out);
            while out.len() < OUT_BYTES && state.send_next(&link, wire, now, out, counters) {}
            if state.full_since.is_some() && !state.is_full(limits) {
                state.make_room();
            }
            state.shrink();
        }
        state.full_since
    }

    /// The client has a message; says whether that packet id was in flight.
    pub(crate) fn acknowledge(&self, packet_id: NonZeroU16) -> bool {
        let mut state = self.state.lock();
        let position = state.in_flight.iter().position(|entry| entry.packet_id == packet_id);
        position.is_some_and(|index| state.in_flight.remove(index).is_some())
    }
}

fn granted(options: SubscriptionOptions) -> Qos {
    if options.qos.value() == 0 { Qos::AtMostOnce } else { Qos::AtLeastOnce }
}

impl State {
    fn is_full(&self, limits: &Limits) -> bool {
        self.queue.len() >= limits.queued_messages || self.queued_bytes >= limits.queued_bytes
    }

    fn offer_away(
        &mut self,
        message: &Arc<Message>,
        qos: Qos,
        options: SubscriptionOptions,
        limits: &Limits,
        counters: &Counters,
    ) -> Offer {
        if self.gone || qos == Qos::AtMostOnce {
            return Offer::Refused;
        }
        if self.is_full(limits) {
            count(&counters.drops.offline_queue_full);
            return Offer::Refused;
        }
        self.push(message, qos, options, false);
        Offer::Stored
    }

    fn push(
        &mut self,
        message: &Arc<Message>,
        qos: Qos,
        options: SubscriptionOptions,
        allowed: bool,
    ) {
        self.queued_bytes += message.payload.len();
        let retain = message.retain && options.retain_as_published;
        self.queue.push_back(Queued { message: Arc::clone(message), qos, retain, allowed });
    }

    fn recheck(&mut self) {
        self.queue.iter_mut().for_each(|queued| queued.allowed = false);
        self.in_flight.iter_mut().for_each(|entry| entry.queued.allowed = false);
    }

    fn make_room(&mut self) {
        self.full_since = None;
        for publisher in self.waiting.drain(..) {
            publisher.wake();
        }
    }

    /// Sends again what the previous connection left unacknowledged (MQTT 5 §4.4).
    fn resend(&mut self, wire: &mut Wire, now: Instant, out: &mut BytesMut) {
        let Some(link) = &self.link else { return };
        self.in_flight.retain_mut(|entry| {
            if entry.sent {
                return true;
            }
            let Queued { message, qos, retain, allowed } = &entry.queued;
            if !allowed && !authorise::may_receive(&link.permissions(), &message.topic) {
                return false;
            }
            entry.sent = true;
            let packet_id = Some(entry.packet_id);
            let sending = Sending { qos: *qos, retain: *retain, dup: true, packet_id };
            wire.publish(message, sending, now, out).is_ok()
        });
    }

    /// Sends the queue's first message; says whether there was one that might be sent.
    fn send_next(
        &mut self,
        link: &Link,
        wire: &mut Wire,
        now: Instant,
        out: &mut BytesMut,
        counters: &Counters,
    ) -> bool {
        let Some(first) = self.queue.front() else { return false };
        if first.qos == Qos::AtLeastOnce && self.in_flight.len() >= self.window {
            return false;
        }
        let Some(queued) = self.queue.pop_front() else { return false };
        self.queued_bytes = self.queued_bytes.saturating_sub(queued.message.payload.len());
        if queued.message.expired(now) {
            count(&counters.drops.expired);
        } else if !queued.allowed
            && !authorise::may_receive(&link.permissions(), &queued.message.topic)
        {
            count(&counters.drops.unauthorized);
        } else {
            self.send(queued, wire, now, out, counters);
        }
        true
    }

    fn send(
        &mut self,
        queued: Queued,
        wire: &mut Wire,
        now: Instant,
        out: &mut BytesMut,
        counters: &Counters,
    ) {
        let packet_id = (queued.qos == Qos::AtLeastOnce).then(|| self.free_packet_id());
        let Queued { qos, retain, .. } = queued;
        let sending = Sending { qos, retain, dup: false, packet_id };
        if wire.publish(&queued.message, sending, now, out).is_err() {
            count(&counters.drops.too_large);
            return;
        }
        count(&counters.sent);
        if let Some(packet_id) = packet_id {
            self.in_flight.push_back(InFlight { packet_id, queued, sent: true });
        }
    }

    /// A packet id that is not in flight; the window is far smaller than their number.
    fn free_packet_id(&mut self) -> NonZeroU16 {
        loop {
            self.last_packet_id = self.last_packet_id.wrapping_add(1);
            if let Some(id) = NonZeroU16::new(self.last_packet_id)
                && !self.in_flight.iter().any(|entry| entry.packet_id == id)
            {
                return id;
            }
        }
    }

    /// An idle session keeps no buffers.
    fn shrink(&mut self) {
        if self.queue.is_empty() && self.queue.capacity() > 16 {
            self.queue = VecDeque::new();
        }
        if self.in_flight.is_empty() && self.in_flight.capacity() > 16 {
            self.in_flight = VecDeque::new();
        }
    }
}
