//! Messages of those who are no MQTT clients, operators and devices over HTTPS; and what is
//! retained, for operators to see.

use std::{net::IpAddr, num::NonZeroU32, sync::Arc, time::Duration};

use bytes::Bytes;
use bytestring::ByteString;
use perennial_core::{
    ids::CertificateId,
    logging::{LoggedEvent, Protocol},
    time::Timestamp,
    topic::check_name,
};
use rmqtt_codec::v5::PublishProperties;
use tokio::time::Instant;

use crate::{
    BrokerHandle, Delivery, LookupFailed, Qos, authorise,
    core::Core,
    counters::count,
    device_log::Did,
    judge::NoVerdict,
    message::Message,
    retained::Kept,
    route::{self, Origin},
    settings::Limits,
};

/// The most bytes of properties: what a packet has room for besides topic and payload.
const MAX_PROPERTIES: usize = 8 * 1024 - 64;

/// A message to publish.
#[derive(Debug, Clone)]
pub struct Publication {
    /// Where to; no wildcards.
    pub topic: String,
    /// What.
    pub payload: Bytes,
    /// How surely.
    pub qos: Qos,
    /// Whether it stays for later subscribers.
    pub retain: bool,
    /// What MQTT 5 says beside it.
    pub properties: Properties,
}

/// MQTT 5's properties of a message (§3.3.2.3).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Properties {
    /// Names with values, in their order.
    pub user: Vec<(String, String)>,
    /// Whether the payload is UTF-8.
    pub is_utf8: bool,
    /// What the payload is.
    pub content_type: Option<String>,
    /// Where an answer should go.
    pub response_topic: Option<String>,
    /// What an answer should carry.
    pub correlation_data: Option<Bytes>,
    /// In how many seconds it is no longer of use.
    pub expiry: Option<NonZeroU32>,
}

/// Why a message was not published, or not to everybody.
#[derive(Debug, thiserror::Error)]
pub enum PublishRefused {
    /// Not a topic, or a longer or deeper one than is let through.
    #[error("{0:?} is not a topic that can be published to")]
    Topic(String),
    /// The broker's own topics, and retained messages on reserved ones.
    #[error("the topic {0:?} is reserved")]
    Reserved(String),
    /// Too long.
    #[error("the payload has {len} bytes, more than the {max} there may be")]
    Payload {
        /// Its length.
        len: usize,
        /// The longest.
        max: usize,
    },
    /// A property that cannot be.
    #[error("{0}")]
    Property(&'static str),
    /// The certificate's policies do not allow it, or it may not be used.
    #[error("not authorized")]
    NotAuthorized,
    /// The registry could not be asked.
    #[error(transparent)]
    Unavailable(#[from] LookupFailed),
    /// Some have it, and some whose queue is full have not.
    #[error("{0} subscribers had no room for the message: publish it again")]
    Full(usize),
    /// Subscribers have it, and it is not retained.
    #[error("the message is not retained: as many are as may be")]
    NotRetained,
}

/// A retained message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetainedMessage {
    /// Its topic.
    pub topic: String,
    /// What.
    pub payload: Bytes,
    /// How surely it was published.
    pub qos: Qos,
    /// When it was published.
    pub since: Timestamp,
    /// Names with values, in their order.
    pub user_properties: Vec<(String, String)>,
}

impl BrokerHandle {
    /// Publishes for an operator, whom no policy binds.
    ///
    /// # Errors
    /// [`PublishRefused`]; with [`Full`](PublishRefused::Full) and
    /// [`NotRetained`](PublishRefused::NotRetained) it reached who had room.
    pub fn publish_for_operator(&self, publication: Publication) -> Result<(), PublishRefused> {
        check(&publication, &self.0.settings.limits)?;
        if authorise::is_reserved(&publication.topic, publication.retain) {
            return Err(PublishRefused::Reserved(publication.topic));
        }
        send(&self.0, publication, None)
    }

    /// Publishes for the holder of a certificate who came from `address` by other ways than MQTT:
    /// asked anew each time, and never in grace. In-process subscribers, who are told the client
    /// id of each sender, do not get it.
    ///
    /// # Errors
    /// As [`publish_for_operator`](Self::publish_for_operator).
    pub fn publish_for_holder(
        &self,
        (certificate, address): (CertificateId, IpAddr),
        publication: Publication,
    ) -> Result<(), PublishRefused> {
        let topic = publication.topic.clone();
        let published = self.publish_as_holder((certificate, address), publication);
        let reason = published.as_ref().err().map(ToString::to_string).unwrap_or_default();
        let did = match &published {
            Ok(()) => Did::well(LoggedEvent::PublishIn),
            Err(_) => Did::badly(LoggedEvent::PublishIn, &reason),
        };
        let who = (certificate, address);
        let (log, judge) = (&self.0.settings.log, &self.0.judge);
        log.holder(judge, who, None, Protocol::Http, did.on(&topic));
        published
    }

    fn publish_as_holder(
        &self,
        (certificate, address): (CertificateId, IpAddr),
        publication: Publication,
    ) -> Result<(), PublishRefused> {
        check(&publication, &self.0.settings.limits)?;
        let verdict = match self.0.judge.judge(&certificate, None, address) {
            Ok(verdict) => Some(verdict),
            Err(NoVerdict::Unfit(_)) => None,
            Err(NoVerdict::Failed(failed)) => return Err(failed.into()),
        };
        let allowed = verdict.is_some_and(|verdict| {
            let may = authorise::may_publish(&verdict, &publication.topic, publication.retain);
            may && !verdict.standing.in_grace
        });
        if !allowed {
            count(&self.0.counters.unauthorized);
            return Err(PublishRefused::NotAuthorized);
        }
        count(&self.0.counters.received);
        send(&self.0, publication, Some(Origin { client_id: None, principal: certificate }))
    }

    /// The retained message of a topic.
    pub fn retained(&self, topic: &str) -> Option<RetainedMessage> {
        self.0.retained.lock().of(topic, Instant::now()).map(RetainedMessage::from)
    }

    /// The first `most` retained messages behind the topic `after`, by topic.
    pub fn retained_after(&self, after: Option<&str>, most: usize) -> Vec<RetainedMessage> {
        let kept = self.0.retained.lock().all(after, most, Instant::now());
        kept.into_iter().map(RetainedMessage::from).collect()
    }
}

fn check(publication: &Publication, limits: &Limits) -> Result<(), PublishRefused> {
    let Publication { topic, payload, properties, .. } = publication;
    if check_name(topic).is_err() || !limits.allow_topic(topic) {
        return Err(PublishRefused::Topic(topic.chars().take(limits.topic_bytes).collect()));
    }
    let (len, max) = (payload.len(), limits.payload_bytes);
    if len > max {
        return Err(PublishRefused::Payload { len, max });
    }
    if properties.is_utf8 && std::str::from_utf8(payload).is_err() {
        return Err(PublishRefused::Property("the payload is not UTF-8, as it is said to be"));
    }
    properties.check(limits)
}

/// A message that is on its way to whoever had room. With QoS 0 that is all there is to it.
fn send(
    core: &Core,
    publication: Publication,
    origin: Option<Origin>,
) -> Result<(), PublishRefused> {
    let wants_all = publication.qos == Qos::AtLeastOnce;
    let message = Arc::new(Message::from_publication(publication));
    let Delivery { full, not_retained, .. } = route::without_waiting(core, &message, origin);
    if not_retained {
        return Err(PublishRefused::NotRetained);
    }
    if wants_all && full > 0 { Err(PublishRefused::Full(full)) } else { Ok(()) }
}

impl Properties {
    fn check(&self, limits: &Limits) -> Result<(), PublishRefused> {
        let user = self.user.iter().flat_map(|(name, value)| [name, value]);
        let texts = user.chain(&self.content_type).chain(&self.response_topic);
        if texts.clone().any(|text| text.contains('\0')) {
            return Err(PublishRefused::Property("a property has the character U+0000 in it"));
        }
        // MQTT 5 §1.5: two bytes of length before each, and one that says which property it is.
        let data = self.correlation_data.as_ref().map_or(0, Bytes::len);
        let len = texts.map(|text| text.len() + 3).sum::<usize>() + data;
        if len > MAX_PROPERTIES {
            return Err(PublishRefused::Property("the properties are longer than 8,128 bytes"));
        }
        let topic = self.response_topic.as_deref();
        if topic.is_some_and(|topic| check_name(topic).is_err() || !limits.allow_topic(topic)) {
            return Err(PublishRefused::Property("the response topic is not a topic"));
        }
        Ok(())
    }

    /// As receivers are sent them, and when the message expires.
    pub(crate) fn on_the_wire(self) -> (Option<Box<PublishProperties>>, Option<Instant>) {
        let expires_at =
            self.expiry.map(|secs| Instant::now() + Duration::from_secs(secs.get().into()));
        let pair = |(name, value): (String, String)| (name.into(), value.into());
        let properties = PublishProperties {
            topic_alias: None,
            correlation_data: self.correlation_data,
            message_expiry_interval: self.expiry,
            content_type: self.content_type.map(Into::into),
            user_properties: self.user.into_iter().map(pair).collect(),
            is_utf8_payload: self.is_utf8,
            response_topic: self.response_topic.map(Into::into),
            subscription_ids: Vec::new(),
        };
        let is_said = properties != PublishProperties::default();
        (is_said.then(|| Box::new(properties)), expires_at)
    }
}

impl From<Kept> for RetainedMessage {
    fn from(kept: Kept) -> Self {
        let Kept { message, since } = kept;
        let properties = message.properties.as_deref();
        let pair = |(name, value): &(ByteString, ByteString)| {
            (String::from(&**name), String::from(&**value))
        };
        Self {
            topic: message.topic.to_string(),
            payload: message.payload.clone(),
            qos: message.qos,
            since,
            user_properties: properties
                .map(|it| it.user_properties.iter().map(pair).collect())
                .unwrap_or_default(),
        }
    }
}
