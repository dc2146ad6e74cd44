//! One application message on its way through the broker.

use bytes::Bytes;
use bytestring::ByteString;
use rmqtt_codec::v5::PublishProperties;
use tokio::time::Instant;

use crate::publication::Publication;

/// How surely a message is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Qos {
    /// QoS 0.
    AtMostOnce,
    /// QoS 1.
    #[default]
    AtLeastOnce,
}

/// A message that the process itself publishes.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Where to; no wildcards.
    pub topic: String,
    /// What.
    pub payload: Bytes,
    /// How surely.
    pub qos: Qos,
    /// Whether it stays for later subscribers.
    pub retain: bool,
}

/// How far one [`Outgoing`] message came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Delivery {
    /// Connected sessions it is on its way to.
    pub online: usize,
    /// Sessions without a connection that keep it.
    pub stored: usize,
    /// Sessions that did not take it: queue full, or not allowed to receive it.
    pub refused: usize,
    /// Those of them that would have taken it, as QoS 1, if their queue had room.
    pub full: usize,
    /// It was to be retained, and the bounds of that are reached.
    pub not_retained: bool,
}

/// A message as every receiver shares it.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) topic: ByteString,
    pub(crate) payload: Bytes,
    pub(crate) qos: Qos,
    pub(crate) retain: bool,
    pub(crate) properties: Option<Box<PublishProperties>>,
    pub(crate) expires_at: Option<Instant>,
    /// The sending session's key, for MQTT 5's No Local; 0 is the broker itself.
    pub(crate) sender: u64,
}

impl Message {
    pub(crate) fn from_process(outgoing: Outgoing) -> Self {
        Self {
            topic: outgoing.topic.into(),
            payload: outgoing.payload,
            qos: outgoing.qos,
            retain: outgoing.retain,
            properties: None,
            expires_at: None,
            sender: 0,
        }
    }

    pub(crate) fn from_publication(publication: Publication) -> Self {
        let (properties, expires_at) = publication.properties.on_the_wire();
        Self {
            topic: publication.topic.into(),
            payload: publication.payload,
            qos: publication.qos,
            retain: publication.retain,
            properties,
            expires_at,
            sender: 0,
        }
    }

    pub(crate) fn expired(&self, now: Instant) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }
}
