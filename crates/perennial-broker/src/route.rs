//! A message's way from its publisher to everybody who subscribed.

use std::sync::Arc;

use perennial_core::ids::{CertificateId, ClientId};
use tokio::time::Instant;

use crate::{
    core::Core,
    counters::count,
    inprocess::{Ack, Inbound},
    link::Link,
    message::{Delivery, Message, Qos},
    observer,
    session::Offer,
    subscriptions::Subscriber,
};

/// Whom a message is from.
pub(crate) struct Origin {
    /// Unless it came over HTTPS.
    pub(crate) client_id: Option<ClientId>,
    pub(crate) principal: CertificateId,
}

/// A client's message that not everybody has yet.
///
/// While it waits for room, its publisher is not acknowledged and, past a bound, not read.
pub(crate) struct Journey {
    message: Arc<Message>,
    targets: Vec<(u64, Subscriber)>,
    slot: Option<u64>,
}

impl Journey {
    /// Sets out; `slot` is the acknowledgement owed for it.
    pub(crate) fn new(core: &Core, message: Arc<Message>, slot: Option<u64>) -> Self {
        retain(core, &message);
        let targets = core.subscriptions.read().matches(&message.topic);
        Self { message, targets, slot }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.message.payload.len()
    }

    /// Offers the message to whoever has not taken it; says whether everybody has.
    pub(crate) fn advance(&mut self, core: &Core, publisher: &Arc<Link>) -> bool {
        let Self { message, targets, slot } = self;
        targets.retain(|(_, target)| match target {
            Subscriber::Session(session, options) => {
                let core_limits = &core.settings.limits;
                let publisher = Some(publisher);
                session.offer(message, *options, publisher, core_limits, &core.counters)
                    == Offer::Full
            }
            Subscriber::InProcess(inbox) => {
                let wait = (message.qos == Qos::AtLeastOnce).then_some(publisher);
                let taken = inbox.offer(wait, || inbound(message, publisher, *slot));
                if !taken && wait.is_none() {
                    count(&core.counters.drops.queue_full);
                }
                !taken && wait.is_some()
            }
        });
        let arrived = targets.is_empty();
        if let (true, Some(slot)) = (arrived, slot.take_if(|_| arrived)) {
            publisher.acks.lock().vouch(slot);
        }
        arrived
    }
}

fn inbound(message: &Message, publisher: &Arc<Link>, slot: Option<u64>) -> Inbound {
    Inbound {
        client_id: publisher.client_id.clone(),
        principal: publisher.principal,
        topic: message.topic.to_string(),
        payload: message.payload.clone(),
        ack: slot.map_or_else(Ack::none, |slot| Ack::owed(publisher, slot)),
    }
}

/// Shows the message to the observer and delivers it to everybody who has room; nobody waits.
/// In-process subscribers get only what is from a client.
pub(crate) fn without_waiting(
    core: &Core,
    message: &Arc<Message>,
    origin: Option<Origin>,
) -> Delivery {
    let (client_id, principal) =
        origin.as_ref().map_or((None, None), |it| (it.client_id.as_ref(), Some(it.principal)));
    observer::show(core, message, (client_id, principal));
    let not_retained = !retain(core, message);
    let mut delivery = Delivery { not_retained, ..Delivery::default() };
    let targets = core.subscriptions.read().matches(&message.topic);
    for (_, target) in targets {
        match (target, client_id.zip(principal)) {
            (Subscriber::Session(session, options), _) => {
                let limits = &core.settings.limits;
                match session.offer(message, options, None, limits, &core.counters) {
                    Offer::Online => delivery.online += 1,
                    Offer::Stored => delivery.stored += 1,
                    Offer::Refused => delivery.refused += 1,
                    Offer::Full => {
                        count(&core.counters.drops.queue_full);
                        delivery.refused += 1;
                        delivery.full += 1;
                    }
                }
            }
            (Subscriber::InProcess(inbox), Some((client_id, principal))) => {
                let taken = inbox.offer(None, || Inbound {
                    client_id: client_id.clone(),
                    principal,
                    topic: message.topic.to_string(),
                    payload: message.payload.clone(),
                    ack: Ack::none(),
                });
                if !taken {
                    count(&core.counters.drops.queue_full);
                }
            }
            (Subscriber::InProcess(_), None) => {}
        }
    }
    delivery
}

/// Retains the message if it is to be; says whether that went well.
fn retain(core: &Core, message: &Arc<Message>) -> bool {
    if !message.retain {
        return true;
    }
    let (limits, now) = (&core.settings.limits, Instant::now());
    let retained = core.retained.lock().put(message, limits, (now, core.now()));
    if !retained {
        count(&core.counters.drops.retained_full);
        tracing::warn!(mqtt.topic = %message.topic, "not retained: the bounds are reached");
    }
    retained
}
