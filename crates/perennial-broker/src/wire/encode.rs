//! From the broker's answers to bytes of the connection's version.

use std::num::NonZeroU16;

use bytes::BytesMut;
use rmqtt_codec::{
    MqttCodec,
    error::EncodeError,
    types::{Publish as CodecPublish, QoS},
    v3,
    v5::{
        self, ConnectAck, ConnectAckReason, Disconnect, PublishAck, PublishAckReason,
        PublishProperties, SubscribeAck, SubscribeAckReason, UnsubscribeAck, UnsubscribeAckReason,
    },
};
use tokio::time::Instant;
use tokio_util::codec::Encoder;

use super::Wire;
use crate::{
    end::End,
    message::{Message, Qos},
};

/// How a message is sent to one receiver.
#[derive(Clone, Copy)]
pub(crate) struct Sending {
    pub(crate) qos: Qos,
    pub(crate) retain: bool,
    pub(crate) dup: bool,
    pub(crate) packet_id: Option<NonZeroU16>,
}

/// The packet is larger than the client takes, or cannot be written at all.
pub(crate) struct TooLarge;

impl Wire {
    /// Accepts a CONNECT; MQTT 3.1.1 is told `session_present` only.
    pub(crate) fn connack(&mut self, ack: ConnectAck, out: &mut BytesMut) {
        let session_present = ack.session_present;
        let v3 = v3::Packet::ConnectAck(v3::ConnectAck {
            return_code: v3::ConnectAckReason::ConnectionAccepted,
            session_present,
        });
        self.put(v3, || v5::Packet::from(ack), out);
    }

    /// Refuses a CONNECT.
    pub(crate) fn refuse(&mut self, reason: ConnectAckReason, why: &str, out: &mut BytesMut) {
        let v3 = v3::Packet::ConnectAck(v3::ConnectAck {
            return_code: v3_refusal(reason),
            session_present: false,
        });
        let v5 = || {
            let reason_string = Some(why.into());
            ConnectAck { reason_code: reason, reason_string, ..ConnectAck::default() }.into()
        };
        self.put(v3, v5, out);
    }

    pub(crate) fn puback(
        &mut self,
        packet_id: NonZeroU16,
        code: PublishAckReason,
        out: &mut BytesMut,
    ) {
        let v5 = || PublishAck { packet_id, reason_code: code, ..PublishAck::default() }.into();
        self.put(v3::Packet::PublishAck { packet_id }, v5, out);
    }

    pub(crate) fn suback(
        &mut self,
        packet_id: NonZeroU16,
        status: Vec<SubscribeAckReason>,
        out: &mut BytesMut,
    ) {
        let v3 = v3::Packet::SubscribeAck {
            packet_id,
            status: status.iter().map(|code| v3_grant(*code)).collect(),
        };
        let v5 = || {
            SubscribeAck { packet_id, properties: Vec::new(), reason_string: None, status }.into()
        };
        self.put(v3, v5, out);
    }

    pub(crate) fn unsuback(
        &mut self,
        packet_id: NonZeroU16,
        existed: Vec<bool>,
        out: &mut BytesMut,
    ) {
        let code = |existed| match existed {
            true => UnsubscribeAckReason::Success,
            false => UnsubscribeAckReason::NoSubscriptionExisted,
        };
        let v5 = || {
            let status = existed.into_iter().map(code).collect();
            UnsubscribeAck { packet_id, properties: Vec::new(), reason_string: None, status }.into()
        };
        self.put(v3::Packet::UnsubscribeAck { packet_id }, v5, out);
    }

    pub(crate) fn pong(&mut self, out: &mut BytesMut) {
        self.put(v3::Packet::PingResponse, || v5::Packet::PingResponse, out);
    }

    /// Tells MQTT 5 why the server ends the connection; MQTT 3.1.1 has no such packet.
    pub(crate) fn disconnect(&mut self, end: End, out: &mut BytesMut) {
        if let (MqttCodec::V5(codec), Some(code)) = (&mut self.codec, end.code()) {
            let reason_string = Some(end.to_string().into());
            let packet = Disconnect { reason_string, ..Disconnect::new(code) };
            write(codec, packet.into(), self.max_out, out).ok();
        }
    }

    /// Writes a message.
    ///
    /// # Errors
    /// [`TooLarge`] when the client takes no packet of that size; nothing is written then.
    pub(crate) fn publish(
        &mut self,
        message: &Message,
        sending: Sending,
        now: Instant,
        out: &mut BytesMut,
    ) -> Result<(), TooLarge> {
        let mut packet = CodecPublish {
            dup: sending.dup,
            retain: sending.retain,
            qos: match sending.qos {
                Qos::AtMostOnce => QoS::AtMostOnce,
                Qos::AtLeastOnce => QoS::AtLeastOnce,
            },
            topic: message.topic.clone(),
            packet_id: sending.packet_id,
            payload: message.payload.clone(),
            properties: None,
        };
        match &mut self.codec {
            MqttCodec::V3(codec) => {
                write(codec, v3::Packet::Publish(Box::new(packet)), self.max_out, out)
            }
            MqttCodec::V5(codec) => {
                packet.properties = Some(properties(message, now));
                write(codec, v5::Packet::Publish(Box::new(packet)), self.max_out, out)
            }
            MqttCodec::Version(_) => Err(TooLarge),
        }
    }

    fn put(&mut self, v3: v3::Packet, v5: impl FnOnce() -> v5::Packet, out: &mut BytesMut) {
        let written = match &mut self.codec {
            MqttCodec::V3(codec) => write(codec, v3, self.max_out, out),
            MqttCodec::V5(codec) => write(codec, v5(), self.max_out, out),
            MqttCodec::Version(_) => Ok(()),
        };
        if written.is_err() {
            tracing::debug!("an answer larger than the client's maximum packet size was left out");
        }
    }
}

fn write<P, C: Encoder<P, Error = EncodeError>>(
    codec: &mut C,
    packet: P,
    max: usize,
    out: &mut BytesMut,
) -> Result<(), TooLarge> {
    let before = out.len();
    if codec.encode(packet, out).is_err() || out.len() - before > max {
        out.truncate(before);
        return Err(TooLarge);
    }
    Ok(())
}

/// The message's properties, with what is left of its expiry (MQTT 5 §3.3.2.3.3).
fn properties(message: &Message, now: Instant) -> PublishProperties {
    let mut properties = message.properties.as_deref().cloned().unwrap_or_default();
    properties.message_expiry_interval = message.expires_at.and_then(|at| {
        let left = at.saturating_duration_since(now).as_secs().max(1);
        std::num::NonZeroU32::new(u32::try_from(left).unwrap_or(u32::MAX))
    });
    properties
}

#[expect(clippy::wildcard_enum_match_arm, reason = "MQTT 3.1.1 has five refusals for them all")]
fn v3_refusal(reason: ConnectAckReason) -> v3::ConnectAckReason {
    match reason {
        ConnectAckReason::ClientIdentifierNotValid => v3::ConnectAckReason::IdentifierRejected,
        ConnectAckReason::UnsupportedProtocolVersion => {
            v3::ConnectAckReason::UnacceptableProtocolVersion
        }
        ConnectAckReason::ServerUnavailable | ConnectAckReason::QuotaExceeded => {
            v3::ConnectAckReason::ServiceUnavailable
        }
        _ => v3::ConnectAckReason::NotAuthorized,
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "MQTT 3.1.1 has one failure for them all")]
fn v3_grant(code: SubscribeAckReason) -> v3::SubscribeReturnCode {
    match code {
        SubscribeAckReason::GrantedQos0 => v3::SubscribeReturnCode::Success(QoS::AtMostOnce),
        SubscribeAckReason::GrantedQos1 => v3::SubscribeReturnCode::Success(QoS::AtLeastOnce),
        _ => v3::SubscribeReturnCode::Failure,
    }
}
