//! A session that is up: messages in, messages out with QoS 1, and the pings that keep it alive.

use std::{io, num::NonZeroU16, sync::OnceLock, time::Duration};

use bytes::Bytes;
use perennial_core::topic::Kind;
use perennial_core::{certificate::Validity, ids::ClientId, topic::Prefix};
use rmqtt_codec::{
    types::{Publish, QoS},
    v5::{
        Disconnect, DisconnectReasonCode, Packet, PublishAck, PublishAckReason, PublishProperties,
    },
};
use tokio::time::{Instant, sleep_until};

use super::{failure::of_disconnect, tls::witness, wire::Wire};

/// What a session brings.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// The server says something; acknowledge it once it is durable.
    Message { kind: Kind, payload: Bytes, packet_id: Option<NonZeroU16> },
    /// The message of this kind that was sent last arrived.
    Delivered(Kind),
}

/// Why a session is over.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Ended {
    #[error("the server ended the session: {}", of_disconnect(*.0))]
    Told(DisconnectReasonCode),
    #[error("the connection was lost: {0}")]
    Lost(#[from] io::Error),
    #[error("the server did not answer a ping")]
    Silent,
}

pub(crate) struct Session {
    wire: Wire,
    prefix: Prefix,
    keep_alive_for: Duration,
    ping_at: Instant,
    pinged: bool,
    next_id: NonZeroU16,
    /// The packet id of the last message of each kind sent and not yet acknowledged.
    pending: Vec<(Kind, NonZeroU16)>,
    witness: OnceLock<Validity>,
}

impl Session {
    pub(super) fn new(wire: Wire, prefix: Prefix, keep_alive_for: Duration) -> Self {
        let keep_alive_for = keep_alive_for.max(Duration::from_secs(1));
        Self {
            wire,
            prefix,
            keep_alive_for,
            ping_at: Instant::now() + keep_alive_for.mul_f32(0.75),
            pinged: false,
            next_id: NonZeroU16::MIN,
            pending: Vec::new(),
            witness: OnceLock::new(),
        }
    }

    /// The validity of the server's own certificate.
    pub(crate) fn witness(&self) -> Validity {
        *self.witness.get_or_init(|| {
            let (_, tls) = self.wire.stream.get_ref();
            witness(tls.peer_certificates().unwrap_or_default())
        })
    }

    /// What comes next. Cancel-safe, except that a ping that is being written may be cut short
    /// only together with the session.
    pub(crate) async fn next(&mut self) -> Result<Incoming, Ended> {
        loop {
            let packet = tokio::select! {
                packet = self.wire.read() => Some(packet?),
                () = sleep_until(self.ping_at) => None,
            };
            match packet {
                None => self.ping().await?,
                Some(packet) => {
                    if let Some(incoming) = self.sort(packet)? {
                        return Ok(incoming);
                    }
                }
            }
        }
    }

    async fn ping(&mut self) -> Result<(), Ended> {
        if self.pinged {
            return Err(Ended::Silent);
        }
        self.pinged = true;
        self.ping_at = Instant::now() + self.keep_alive_for.mul_f32(0.75);
        Ok(self.wire.write(Packet::PingRequest).await?)
    }

    fn sort(&mut self, packet: Packet) -> Result<Option<Incoming>, Ended> {
        self.pinged = false;
        match packet {
            Packet::Publish(publish) => Ok(self.message(*publish)),
            Packet::PublishAck(ack) => Ok(self.delivered(&ack)),
            Packet::Disconnect(told) => Err(Ended::Told(told.reason_code)),
            Packet::PingResponse | Packet::SubscribeAck(_) | Packet::UnsubscribeAck(_) => Ok(None),
            Packet::Connect(_)
            | Packet::ConnectAck(_)
            | Packet::PublishReceived(_)
            | Packet::PublishRelease(_)
            | Packet::PublishComplete(_)
            | Packet::Subscribe(_)
            | Packet::Unsubscribe(_)
            | Packet::PingRequest
            | Packet::Auth(_) => Err(Ended::Told(DisconnectReasonCode::ProtocolError)),
        }
    }

    fn message(&self, publish: Publish) -> Option<Incoming> {
        let (_, kind) = self.prefix.parse(&publish.topic)?;
        Some(Incoming::Message { kind, payload: publish.payload, packet_id: publish.packet_id })
    }

    fn delivered(&mut self, ack: &PublishAck) -> Option<Incoming> {
        let place = self.pending.iter().position(|(_, id)| *id == ack.packet_id)?;
        let (kind, _) = self.pending.swap_remove(place);
        let accepted = [PublishAckReason::Success, PublishAckReason::NoMatchingSubscribers]
            .contains(&ack.reason_code);
        if !accepted {
            let (code, said) = (u8::from(ack.reason_code), ack.reason_string.as_deref());
            tracing::warn!(
                message.kind = %kind, code, said,
                "the server did not take a message; it is sent again later"
            );
        }
        accepted.then_some(Incoming::Delivered(kind))
    }

    /// Publishes with QoS 1.
    pub(crate) async fn publish(
        &mut self,
        client_id: &ClientId,
        kind: Kind,
        payload: Vec<u8>,
    ) -> io::Result<()> {
        let packet_id = self.next_id;
        self.next_id = packet_id.checked_add(1).unwrap_or(NonZeroU16::MIN);
        self.pending.retain(|(pending, _)| *pending != kind);
        self.pending.push((kind, packet_id));
        let publish = Publish {
            dup: false,
            retain: false,
            qos: QoS::AtLeastOnce,
            topic: self.prefix.topic(client_id, kind).into(),
            packet_id: Some(packet_id),
            payload: payload.into(),
            properties: Some(PublishProperties::default()),
        };
        self.wire.write(Packet::Publish(Box::new(publish))).await
    }

    /// Tells the server that a message is safe here (PUBACK): with the next message, or with
    /// [`flush`](Self::flush).
    pub(crate) fn acknowledge(&mut self, packet_id: NonZeroU16) -> io::Result<()> {
        let ack = PublishAck {
            packet_id,
            reason_code: PublishAckReason::Success,
            properties: Vec::new(),
            reason_string: None,
        };
        self.wire.queue(Packet::PublishAck(ack))
    }

    /// Sends the acknowledgements that no message took along.
    pub(crate) async fn flush(&mut self) -> io::Result<()> {
        self.wire.flush().await
    }

    /// Says goodbye.
    pub(crate) async fn close(&mut self) {
        let goodbye = Disconnect {
            reason_code: DisconnectReasonCode::NormalDisconnection,
            session_expiry_interval_secs: None,
            server_reference: None,
            reason_string: None,
            user_properties: Vec::new(),
        };
        let _gone_anyway = self.wire.write(goodbye.into()).await;
    }
}
