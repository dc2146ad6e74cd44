//! A message's last steps: taken or not, kept in line, written within the client's window.

use std::{num::NonZeroU16, sync::Arc};

use bytes::BytesMut;
use rmqtt_codec::v5::SubscriptionOptions;
use tokio::time::Instant;

use super::{Session, State, queue::Queued};
use crate::{
    authorise,
    counters::{Counters, count},
    link::Link,
    message::{Message, Qos},
    settings::Limits,
    wire::{Sending, Wire},
};

/// Stop writing a session's messages while this many bytes wait for the socket.
const OUT_BYTES: usize = 16 * 1024;

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
        if state.queue.is_full(limits) {
            if qos == Qos::AtMostOnce {
                count(&counters.drops.queue_full);
                return Offer::Refused;
            }
            state.full_since.get_or_insert_with(Instant::now);
            if let Some(publisher) = publisher {
                state.waiting.add(publisher);
            }
            link.wake();
            return Offer::Full;
        }
        state.push(message, qos, options, true);
        link.wake();
        Offer::Online
    }

    /// Sends a retained message to a connection that just subscribed; says whether there was room.
    pub(crate) fn offer_retained(
        &self,
        message: &Arc<Message>,
        options: SubscriptionOptions,
        limits: &Limits,
    ) -> bool {
        let mut state = self.state.lock();
        if state.queue.is_full(limits) {
            return false;
        }
        let retained = SubscriptionOptions { retain_as_published: true, ..options };
        state.push(message, message.qos.min(granted(options)), retained, false);
        true
    }

    /// Whether nothing waits to be sent for the first time.
    pub(crate) fn has_nothing_queued(&self) -> bool {
        self.state.lock().queue.is_empty()
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
            let mut pen = Pen { link: &link, wire, now: Instant::now(), out, counters };
            while pen.has_room() && state.resend_next(&mut pen) {}
            while pen.has_room() && state.send_next(&mut pen) {}
            if state.full_since.is_some() && !state.queue.is_full(limits) {
                state.make_room();
            }
            state.queue.shrink();
            state.window.shrink();
        }
        state.full_since
    }

    /// The client has a message; says whether that packet id was in flight.
    pub(crate) fn acknowledge(&self, packet_id: NonZeroU16) -> bool {
        self.state.lock().window.acknowledge(packet_id)
    }
}

fn granted(options: SubscriptionOptions) -> Qos {
    if options.qos.value() == 0 { Qos::AtMostOnce } else { Qos::AtLeastOnce }
}

/// What it takes to write a message to one client.
struct Pen<'a> {
    link: &'a Link,
    wire: &'a mut Wire,
    now: Instant,
    out: &'a mut BytesMut,
    counters: &'a Counters,
}

impl Pen<'_> {
    fn has_room(&self) -> bool {
        self.out.len() < OUT_BYTES
    }

    fn may_write(&self, queued: &Queued) -> bool {
        let allowed = queued.allowed
            || authorise::may_receive(&self.link.permissions(), &queued.message.topic);
        if !allowed {
            count(&self.counters.drops.unauthorized);
        }
        allowed
    }

    /// Says whether the client takes a message of that size.
    fn write(&mut self, queued: &Queued, packet_id: Option<NonZeroU16>, dup: bool) -> bool {
        let Queued { message, qos, retain, .. } = queued;
        let sending = Sending { qos: *qos, retain: *retain, dup, packet_id };
        let written = self.wire.publish(message, sending, self.now, self.out).is_ok();
        count(if written { &self.counters.sent } else { &self.counters.drops.too_large });
        written
    }
}

impl State {
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
        let bytes = message.payload.len();
        if self.queue.is_full(limits) {
            self.drop_expired(counters);
        }
        if self.queue.is_full(limits) || !counters.store(bytes, limits.stored_bytes) {
            count(&counters.drops.offline_queue_full);
            return Offer::Refused;
        }
        self.push(message, qos, options, false);
        Offer::Stored
    }

    /// Makes room in the queue of a client that is away.
    fn drop_expired(&mut self, counters: &Counters) {
        let before = self.queue.bytes();
        for _ in 0..self.queue.drop_expired(Instant::now()) {
            count(&counters.drops.expired);
        }
        counters.unstore(before - self.queue.bytes());
    }

    fn push(
        &mut self,
        message: &Arc<Message>,
        qos: Qos,
        options: SubscriptionOptions,
        allowed: bool,
    ) {
        let retain = message.retain && options.retain_as_published;
        self.queue.push(Queued { message: Arc::clone(message), qos, retain, allowed });
    }

    /// Sends again what the previous connection left unacknowledged (MQTT 5 §4.4); says whether
    /// there was one.
    fn resend_next(&mut self, pen: &mut Pen<'_>) -> bool {
        let Some(entry) = self.window.next_again() else { return false };
        if pen.may_write(&entry.queued) && pen.write(&entry.queued, Some(entry.packet_id), true) {
            self.window.sent_again();
        } else {
            self.window.give_up();
        }
        true
    }

    /// Sends the queue's first message; says whether there was one that might be sent.
    fn send_next(&mut self, pen: &mut Pen<'_>) -> bool {
        let Some(first) = self.queue.front() else { return false };
        if first.qos == Qos::AtLeastOnce && !self.window.has_room() {
            return false;
        }
        let Some(queued) = self.queue.pop() else { return false };
        if queued.message.expired(pen.now) {
            count(&pen.counters.drops.expired);
        } else if pen.may_write(&queued) {
            let packet_id = (queued.qos == Qos::AtLeastOnce).then(|| self.window.free_packet_id());
            if pen.write(&queued, packet_id, false)
                && let Some(packet_id) = packet_id
            {
                self.window.push(packet_id, queued);
            }
        }
        true
    }
}
