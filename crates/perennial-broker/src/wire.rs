//! MQTT on the wire: both protocol versions in, one vocabulary out, and back.

mod decode;
mod encode;

pub(crate) use encode::Sending;

use std::{num::NonZeroU16, time::Duration};

use bytes::{Bytes, BytesMut};
use bytestring::ByteString;
use rmqtt_codec::{
    MqttCodec,
    error::DecodeError,
    v3,
    v5::{self, DisconnectReasonCode, PublishProperties, ToReasonCode},
    version::{ProtocolVersion, VersionCodec},
};
use tokio_util::codec::Decoder;

use crate::end::End;

/// One connection's codec; it begins by finding out the version.
pub(crate) struct Wire {
    codec: MqttCodec,
    max_in: u32,
    /// The largest packet that the client takes, in bytes.
    max_out: usize,
}

/// A client's packet, whichever version it came in.
pub(crate) enum Incoming {
    Connect(Box<Connect>),
    Publish(Box<Publish>),
    PubAck(NonZeroU16),
    Subscribe(Subscribe),
    Unsubscribe {
        packet_id: NonZeroU16,
        filters: Vec<ByteString>,
    },
    Ping,
    Disconnect {
        with_will: bool,
        session_expiry: Option<u32>,
    },
    /// A packet that a client may not send, or not to this broker.
    Unexpected(&'static str),
}

pub(crate) struct Connect {
    pub(crate) client_id: ByteString,
    pub(crate) clean_start: bool,
    /// Seconds; 0 is none.
    pub(crate) keep_alive: u16,
    /// `None`: MQTT 3.1.1 with clean session 0.
    pub(crate) session_expiry: Option<u32>,
    pub(crate) receive_max: Option<NonZeroU16>,
    pub(crate) max_packet: Option<u32>,
    pub(crate) has_auth_method: bool,
    pub(crate) will: Option<Will>,
}

pub(crate) struct Will {
    pub(crate) topic: ByteString,
    pub(crate) payload: Bytes,
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    pub(crate) delay: Duration,
    pub(crate) properties: Option<Box<PublishProperties>>,
}

pub(crate) struct Publish {
    pub(crate) topic: ByteString,
    pub(crate) payload: Bytes,
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    pub(crate) packet_id: Option<NonZeroU16>,
    pub(crate) properties: Option<Box<PublishProperties>>,
}

pub(crate) struct Subscribe {
    pub(crate) packet_id: NonZeroU16,
    pub(crate) has_identifier: bool,
    pub(crate) filters: Vec<(ByteString, v5::SubscriptionOptions)>,
}

impl Wire {
    /// Accepts packets of at most `max_in` bytes after their fixed header.
    pub(crate) fn new(max_in: u32) -> Self {
        Self { codec: MqttCodec::Version(VersionCodec), max_in, max_out: usize::MAX }
    }

    pub(crate) fn is_v5(&self) -> bool {
        matches!(self.codec, MqttCodec::V5(_))
    }

    pub(crate) fn limit_outgoing(&mut self, max: u32) {
        self.max_out = usize::try_from(max).unwrap_or(usize::MAX);
    }

    /// The next whole packet of `input`; `None` when more bytes are needed.
    ///
    /// # Errors
    /// [`End::Protocol`] when the bytes are no MQTT packet, or too large a one.
    pub(crate) fn decode(&mut self, input: &mut BytesMut) -> Result<Option<Incoming>, End> {
        if let MqttCodec::Version(version) = &mut self.codec {
            check_length(input, self.max_in)?;
            let Some(version) = version.decode(input).map_err(malformed)? else {
                return Ok(None);
            };
            self.codec = match version {
                ProtocolVersion::MQTT3 => MqttCodec::V3(v3::Codec::new(self.max_in)),
                ProtocolVersion::MQTT5 => MqttCodec::V5(v5::Codec::new(self.max_in, 0)),
            };
        }
        match &mut self.codec {
            MqttCodec::V3(codec) => {
                Ok(codec.decode(input).map_err(malformed)?.map(|(packet, _)| decode::v3(packet)))
            }
            MqttCodec::V5(codec) => {
                Ok(codec.decode(input).map_err(malformed)?.map(|(packet, _)| decode::v5(packet)))
            }
            MqttCodec::Version(_) => Ok(None),
        }
    }
}

/// Refuses the first packet by its fixed header alone; from the second on the codec does.
fn check_length(input: &[u8], max: u32) -> Result<(), End> {
    let Some((_, octets)) = input.split_first() else { return Ok(()) };
    let last = octets.iter().take(4).position(|octet| octet & 0x80 == 0);
    let Some(last) = last else { return Ok(()) };
    let add = |length, octet: &u8| (length << 7) | u32::from(octet & 0x7f);
    let size = octets[..=last].iter().rev().fold(0, add);
    if size > max { Err(malformed(DecodeError::MaxSizeExceeded { size, max })) } else { Ok(()) }
}

fn malformed(error: DecodeError) -> End {
    let why = match &error {
        DecodeError::MaxSizeExceeded { .. } => "the packet is larger than the server's maximum",
        DecodeError::InvalidClientId => "a client id is required",
        DecodeError::InvalidProtocol | DecodeError::UnsupportedProtocolLevel => {
            "not MQTT 3.1.1 or 5"
        }
        DecodeError::InvalidLength
        | DecodeError::MalformedPacket
        | DecodeError::ConnectReservedFlagSet
        | DecodeError::InvalidConnectFlags
        | DecodeError::ConnAckReservedFlagSet
        | DecodeError::UnsupportedPacketType
        | DecodeError::PacketIdRequired
        | DecodeError::InvalidTopicFilter
        | DecodeError::InvalidTopicName
        | DecodeError::Utf8Error
        | DecodeError::Io(_) => "the packet is malformed",
    };
    let code = error.to_reason_code();
    if code == DisconnectReasonCode::ImplementationSpecificError {
        return End::Protocol(DisconnectReasonCode::ProtocolError, why);
    }
    End::Protocol(code, why)
}
