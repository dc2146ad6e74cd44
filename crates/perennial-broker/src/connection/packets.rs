//! What a client may send after its CONNECT, and what each packet does.

use std::{num::NonZeroU16, sync::Arc, time::Duration};

use bytestring::ByteString;
use perennial_core::{
    logging::LoggedEvent,
    topic::{check_filter, check_name},
};
use rmqtt_codec::{
    types::QoS,
    v5::{
        DisconnectReasonCode as Code, PublishAckReason, RetainHandling, SubscribeAckReason,
        SubscriptionOptions,
    },
};
use tokio::time::Instant;

use super::Connection;
use crate::{
    authorise,
    counters::count,
    device_log::Did,
    end::End,
    message::{Message, Qos},
    observer,
    route::Journey,
    subscriptions::Subscriber,
    wire::{Incoming, Publish, Subscribe},
};

/// A payload up to this many bytes is copied out of the read buffer, so that a message that
/// waits does not hold a whole buffer.
const COPY_BYTES: usize = 4096;

impl Connection {
    pub(super) fn handle(&mut self, packet: Incoming) -> Result<(), End> {
        match packet {
            Incoming::Publish(publish) => self.publish(*publish),
            Incoming::PubAck(packet_id) => {
                self.seat.session.acknowledge(packet_id);
                Ok(())
            }
            Incoming::Subscribe(subscribe) => self.subscribe(subscribe),
            Incoming::Unsubscribe { packet_id, filters } => {
                self.unsubscribe(packet_id, filters);
                Ok(())
            }
            Incoming::Ping => {
                self.socket.answer(|wire, out| wire.pong(out));
                Ok(())
            }
            Incoming::Disconnect { with_will, session_expiry } => {
                if let Some(secs) = session_expiry {
                    let asked = Duration::from_secs(secs.into());
                    let most = self.seat.link.kept_at_most(&self.core.settings.limits);
                    if !self.seat.session.keep_for(asked.min(most)) {
                        return Err(protocol("the session was to end with its connection"));
                    }
                }
                Err(if with_will { End::ClientWithWill } else { End::Client })
            }
            Incoming::Connect(_) => Err(protocol("CONNECT comes once")),
            Incoming::Unexpected(why) => Err(protocol(why)),
        }
    }

    fn publish(&mut self, publish: Publish) -> Result<(), End> {
        self.check_publish(&publish)?;
        count(&self.core.counters.received);
        let slot = publish.packet_id.map(|id| self.seat.link.acks.lock().open(id));
        let permissions = self.seat.link.permissions();
        if !authorise::may_publish(&permissions, &publish.topic, publish.retain) {
            return self.refuse_publish(&publish, slot);
        }
        let did = Did::well(LoggedEvent::PublishIn).on(&publish.topic);
        self.core.settings.log.client(&self.seat.link, did);
        let message = Arc::new(message(publish, self.seat.session.key));
        let link = &self.seat.link;
        observer::show(&self.core, &message, (Some(&link.client_id), Some(link.principal)));
        let mut journey = Journey::new(&self.core, message, slot);
        self.published += 1;
        if !self.journeys.is_empty() || !journey.advance(&self.core, &self.seat.link) {
            self.journey_bytes += journey.bytes();
            self.journeys.push_back(journey);
        }
        Ok(())
    }

    fn check_publish(&self, publish: &Publish) -> Result<(), End> {
        let limits = &self.core.settings.limits;
        if publish.qos > 1 {
            return Err(End::Protocol(Code::QosNotSupported, "QoS 2 is not supported"));
        }
        if publish.properties.as_ref().is_some_and(|p| p.topic_alias.is_some()) {
            return Err(End::Protocol(Code::TopicAliasInvalid, "topic aliases are not accepted"));
        }
        if check_name(&publish.topic).is_err() || !limits.allow_topic(&publish.topic) {
            return Err(End::Protocol(Code::TopicNameInvalid, "the topic is not valid"));
        }
        if publish.payload.len() > limits.payload_bytes {
            return Err(End::Protocol(Code::PacketTooLarge, "the payload is too large"));
        }
        let owed = self.seat.link.acks.lock().len();
        if self.socket.is_v5() && publish.qos == 1 && owed >= usize::from(limits.in_flight) {
            let why = "more messages unacknowledged than the receive maximum";
            return Err(End::Protocol(Code::ReceiveMaximumExceeded, why));
        }
        Ok(())
    }

    /// MQTT 5 is told in the PUBACK; without one, or in MQTT 3.1.1, the connection ends. Not so
    /// in grace, where a client would be cut for what it does at every connection: the message is
    /// dropped and, with QoS 1 of MQTT 3.1.1, left to be sent again on the client's next one.
    fn refuse_publish(&mut self, publish: &Publish, slot: Option<u64>) -> Result<(), End> {
        count(&self.core.counters.unauthorized);
        let Self { seat, core, .. } = self;
        let why = authorise::why_not_publish(&publish.topic, publish.retain);
        let did = Did::badly(LoggedEvent::PublishIn, why).on(&publish.topic);
        core.settings.log.refusal(&seat.link, did, core.now());
        match slot {
            Some(slot) if self.socket.is_v5() => {
                seat.link.acks.lock().refuse(slot, PublishAckReason::NotAuthorized);
            }
            Some(slot) if seat.link.standing.in_grace => seat.link.acks.lock().abandon(slot),
            None if seat.link.standing.in_grace => {}
            Some(_) | None => return Err(End::NotAuthorized),
        }
        Ok(())
    }

    fn subscribe(&mut self, subscribe: Subscribe) -> Result<(), End> {
        if subscribe.has_identifier {
            let why = "subscription identifiers are not supported";
            return Err(End::Protocol(Code::SubscriptionIdentifiersNotSupported, why));
        }
        let mut status = Vec::with_capacity(subscribe.filters.len());
        let mut granted = Vec::new();
        for (filter, options) in subscribe.filters {
            let decided = self.subscribe_to(&filter, options);
            if matches!(decided, SubscribeAckReason::GrantedQos0 | SubscribeAckReason::GrantedQos1)
            {
                granted.push(filter.to_string());
            }
            status.push(decided);
        }
        self.socket.answer(|wire, out| wire.suback(subscribe.packet_id, status, out));
        if !granted.is_empty() {
            self.core.presence.subscribed(&self.core, &self.seat.link, granted);
        }
        Ok(())
    }

    fn subscribe_to(
        &mut self,
        filter: &ByteString,
        options: SubscriptionOptions,
    ) -> SubscribeAckReason {
        let limits = &self.core.settings.limits;
        if filter.starts_with("$share/") {
            return SubscribeAckReason::SharedSubscriptionNotSupported;
        }
        if check_filter(filter).is_err() || !limits.allow_topic(filter) {
            return SubscribeAckReason::TopicFilterInvalid;
        }
        if !authorise::may_subscribe(&self.seat.link.permissions(), filter) {
            count(&self.core.counters.unauthorized);
            let why = "the certificate's policies do not allow iot:Subscribe here";
            let did = Did::badly(LoggedEvent::Subscribe, why).on(filter);
            self.core.settings.log.refusal(&self.seat.link, did, self.core.now());
            return SubscribeAckReason::NotAuthorized;
        }
        let session = &self.seat.session;
        let Some(is_new) = session.subscribe(filter, limits.subscriptions) else {
            return SubscribeAckReason::QuotaExceeded;
        };
        let subscriber = Subscriber::Session(Arc::clone(session), options);
        self.core.subscriptions.write().insert(filter, session.key, subscriber);
        let did = Did::well(LoggedEvent::Subscribe).on(filter);
        self.core.settings.log.client(&self.seat.link, did);
        let wants_retained = match options.retain_handling {
            RetainHandling::AtSubscribe => true,
            RetainHandling::AtSubscribeNew => is_new,
            RetainHandling::NoAtSubscribe => false,
        };
        if wants_retained {
            self.begin_walk(filter.clone(), options);
        }
        match options.qos {
            QoS::AtMostOnce => SubscribeAckReason::GrantedQos0,
            QoS::AtLeastOnce | QoS::ExactlyOnce => SubscribeAckReason::GrantedQos1,
        }
    }

    fn unsubscribe(&mut self, packet_id: NonZeroU16, filters: Vec<ByteString>) {
        filters.iter().for_each(|filter| self.end_walk(filter));
        let session = &self.seat.session;
        let existed: Vec<bool> = filters
            .iter()
            .map(|filter| {
                self.core.subscriptions.write().remove(filter, session.key);
                session.unsubscribe(filter)
            })
            .collect();
        let ended = filters.iter().zip(&existed).filter(|(_, existed)| **existed);
        let ended: Vec<String> = ended.map(|(filter, _)| filter.to_string()).collect();
        for filter in &ended {
            let did = Did::well(LoggedEvent::Unsubscribe).on(filter);
            self.core.settings.log.client(&self.seat.link, did);
        }
        self.socket.answer(|wire, out| wire.unsuback(packet_id, existed, out));
        if !ended.is_empty() {
            self.core.presence.unsubscribed(&self.core, &self.seat.link, ended);
        }
    }
}

fn protocol(why: &'static str) -> End {
    End::Protocol(Code::ProtocolError, why)
}

fn message(publish: Publish, sender: u64) -> Message {
    let Publish { topic, payload, qos, retain, properties, .. } = publish;
    let expiry = properties.as_ref().and_then(|p| p.message_expiry_interval);
    let small = payload.len() <= COPY_BYTES;
    Message {
        topic: ByteString::from(&*topic),
        payload: if small { bytes::Bytes::copy_from_slice(&payload) } else { payload },
        qos: if qos == 0 { Qos::AtMostOnce } else { Qos::AtLeastOnce },
        retain,
        properties: properties.filter(|p| **p != Default::default()),
        expires_at: expiry.map(|secs| Instant::now() + Duration::from_secs(secs.get().into())),
        sender,
    }
}
