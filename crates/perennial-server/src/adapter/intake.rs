//! Intake from the embedded broker: device messages become facts, presence becomes hints.

use std::sync::Arc;

use perennial_broker::{BrokerHandle, Inbound, Presence, Subscription};
use perennial_core::{
    policy::Scope,
    rule::built_in,
    topic::{Kind, Prefix, matches},
};
use perennial_orchestrator::{
    Hint, Intake, Recovery, SystemClock,
    port::{Clock as _, Fact},
};
use tokio::sync::broadcast::error::RecvError;
use tracing::{error, warn};

use super::{
    floodgate::Floodgate,
    recovery::{Lapsed, LapsedInbox},
};

/// How many messages of a kind may wait to be written before their publishers wait too.
const CAPACITY: usize = 2048;
/// How many messages are written at once.
const BATCH: usize = 512;

/// Subscribes as the built-in rules say; each message is acknowledged once it is in the inbox.
///
/// # Errors
/// When the prefix makes no filter.
pub(crate) fn listen_for_messages(
    broker: &BrokerHandle,
    (prefix, scope): (&Prefix, &Scope),
    intake: &Intake,
) -> anyhow::Result<()> {
    let gate = Floodgate::open();
    for built_in in built_in(prefix, scope) {
        let rule = built_in.rule.ready()?.rule;
        let subscription = broker.subscribe(rule.filter(), CAPACITY)?;
        tokio::spawn(take_in(subscription, prefix.clone(), intake.clone(), Arc::clone(&gate)));
    }
    Ok(())
}

async fn take_in(
    mut subscription: Subscription,
    prefix: Prefix,
    intake: Intake,
    gate: Arc<Floodgate>,
) {
    while let Some(batch) = subscription.recv_many(BATCH).await {
        let (mut facts, mut acks) = (Vec::new(), Vec::new());
        let now = SystemClock.now();
        for inbound in batch {
            if !gate.lets_in(&inbound, now) {
                inbound.ack.refuse();
                continue;
            }
            if let Some(fact) = fact(&inbound, &prefix) {
                facts.push(fact);
            }
            acks.push(inbound.ack);
        }
        match intake.accept(facts).await {
            Ok(()) => acks.into_iter().for_each(perennial_broker::Ack::accept),
            // Without PUBACK the devices send again.
            Err(error) => error!(%error, "messages of devices could not be written down"),
        }
    }
}

fn fact(inbound: &Inbound, prefix: &Prefix) -> Option<Fact> {
    let (addressee, kind) = prefix.parse(&inbound.topic)?;
    Some(Fact::Message {
        client_id: inbound.client_id.clone(),
        principal: inbound.principal,
        addressee,
        kind,
        payload: inbound.payload.to_vec(),
    })
}

/// Passes on who connects, who can be reached, who recovers and who came too late for it, until
/// the broker is gone.
pub(crate) async fn listen_for_presence(
    broker: BrokerHandle,
    prefix: Prefix,
    intake: Intake,
    lapsed: LapsedInbox,
) {
    let mut presence = broker.presence();
    drop(broker);
    loop {
        match presence.recv().await {
            Ok(Presence::Lapsed { principal, ended_at }) => {
                lapsed.put(Lapsed { certificate_id: principal, ended_at });
            }
            Ok(event) => {
                if let Some(recovery) = recovery(&event) {
                    intake.recover(recovery);
                }
                if let Some(hint) = hint(event, &prefix) {
                    intake.hint(hint).await;
                }
            }
            Err(RecvError::Lagged(missed)) => {
                // Their rotations go on when their deadlines look for them.
                warn!(missed, "presence events were missed");
            }
            Err(RecvError::Closed) => return,
        }
    }
}

/// A device whose certificate has expired has one thing to do, and that is due at once.
fn recovery(event: &Presence) -> Option<Recovery> {
    let Presence::Connected { client_id, principal, in_grace: true, .. } = event else {
        return None;
    };
    Some(Recovery { client_id: client_id.clone(), principal: *principal })
}

fn hint(event: Presence, prefix: &Prefix) -> Option<Hint> {
    match event {
        Presence::Connected { client_id, principal, .. } => {
            Some(Hint::Connected { client_id, principal })
        }
        Presence::Subscribed { client_id, principal, filters } => {
            let reachable = Kind::FROM_SERVER.iter().any(|kind| {
                let topic = prefix.topic(&client_id, *kind);
                *kind != Kind::Refused && filters.iter().any(|filter| matches(filter, &topic))
            });
            reachable.then_some(Hint::Subscribed { client_id, principal })
        }
        Presence::Disconnected { .. } | Presence::Unsubscribed { .. } | Presence::Lapsed { .. } => {
            None
        }
    }
}
