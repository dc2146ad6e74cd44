//! From the codec's packets of either version to [`Incoming`].

use std::time::Duration;

use bytestring::ByteString;
use rmqtt_codec::{
    types::{Publish as CodecPublish, QoS},
    v3,
    v5::{self, DisconnectReasonCode, PublishProperties, SubscriptionOptions},
};

use super::{Connect, Incoming, Publish, Subscribe, Will};

const NOT_FROM_A_CLIENT: &str = "only a server sends this packet";
const NO_QOS_2: &str = "QoS 2 is not supported";

pub(super) fn v3(packet: v3::Packet) -> Incoming {
    match packet {
        v3::Packet::Connect(connect) => Incoming::Connect(Box::new(connect_v3(*connect))),
        v3::Packet::Publish(publish) => Incoming::Publish(Box::new(self::publish(*publish))),
        v3::Packet::PublishAck { packet_id } => Incoming::PubAck(packet_id),
        v3::Packet::Subscribe { packet_id, topic_filters } => Incoming::Subscribe(Subscribe {
            packet_id,
            has_identifier: false,
            filters: topic_filters.into_iter().map(options_v3).collect(),
        }),
        v3::Packet::Unsubscribe { packet_id, topic_filters } => {
            Incoming::Unsubscribe { packet_id, filters: topic_filters }
        }
        v3::Packet::PingRequest => Incoming::Ping,
        v3::Packet::Disconnect => Incoming::Disconnect { with_will: false, session_expiry: None },
        v3::Packet::PublishReceived { .. }
        | v3::Packet::PublishRelease { .. }
        | v3::Packet::PublishComplete { .. } => Incoming::Unexpected(NO_QOS_2),
        v3::Packet::ConnectAck(_)
        | v3::Packet::SubscribeAck { .. }
        | v3::Packet::UnsubscribeAck { .. }
        | v3::Packet::PingResponse => Incoming::Unexpected(NOT_FROM_A_CLIENT),
    }
}

pub(super) fn v5(packet: v5::Packet) -> Incoming {
    match packet {
        v5::Packet::Connect(connect) => Incoming::Connect(Box::new(connect_v5(*connect))),
        v5::Packet::Publish(publish) => Incoming::Publish(Box::new(self::publish(*publish))),
        v5::Packet::PublishAck(ack) => Incoming::PubAck(ack.packet_id),
        v5::Packet::Subscribe(subscribe) => Incoming::Subscribe(Subscribe {
            packet_id: subscribe.packet_id,
            has_identifier: subscribe.id.is_some(),
            filters: subscribe.topic_filters,
        }),
        v5::Packet::Unsubscribe(unsubscribe) => Incoming::Unsubscribe {
            packet_id: unsubscribe.packet_id,
            filters: unsubscribe.topic_filters,
        },
        v5::Packet::PingRequest => Incoming::Ping,
        v5::Packet::Disconnect(disconnect) => Incoming::Disconnect {
            with_will: disconnect.reason_code != DisconnectReasonCode::NormalDisconnection,
            session_expiry: disconnect.session_expiry_interval_secs,
        },
        v5::Packet::PublishReceived(_)
        | v5::Packet::PublishRelease(_)
        | v5::Packet::PublishComplete(_) => Incoming::Unexpected(NO_QOS_2),
        v5::Packet::Auth(_) => Incoming::Unexpected("no authentication method was agreed"),
        v5::Packet::ConnectAck(_)
        | v5::Packet::SubscribeAck(_)
        | v5::Packet::UnsubscribeAck(_)
        | v5::Packet::PingResponse => Incoming::Unexpected(NOT_FROM_A_CLIENT),
    }
}

fn options_v3((filter, qos): (ByteString, QoS)) -> (ByteString, SubscriptionOptions) {
    (filter, SubscriptionOptions { qos, ..SubscriptionOptions::default() })
}

fn connect_v3(connect: v3::Connect) -> Connect {
    Connect {
        client_id: connect.client_id,
        clean_start: connect.clean_session,
        keep_alive: connect.keep_alive,
        session_expiry: connect.clean_session.then_some(0),
        receive_max: None,
        max_packet: None,
        has_auth_method: false,
        will: connect.last_will.map(|will| Will {
            topic: will.topic,
            payload: will.message,
            qos: will.qos.value(),
            retain: will.retain,
            delay: Duration::ZERO,
            properties: None,
        }),
    }
}

fn connect_v5(connect: v5::Connect) -> Connect {
    Connect {
        client_id: connect.client_id,
        clean_start: connect.clean_start,
        keep_alive: connect.keep_alive,
        session_expiry: Some(connect.session_expiry_interval_secs),
        receive_max: connect.receive_max,
        max_packet: connect.max_packet_size.map(std::num::NonZeroU32::get),
        has_auth_method: connect.auth_method.is_some(),
        will: connect.last_will.map(will_v5),
    }
}

fn will_v5(will: v5::LastWill) -> Will {
    Will {
        topic: will.topic,
        payload: will.message,
        qos: will.qos.value(),
        retain: will.retain,
        delay: Duration::from_secs(will.will_delay_interval_sec.unwrap_or(0).into()),
        properties: Some(Box::new(PublishProperties {
            topic_alias: None,
            correlation_data: will.correlation_data,
            message_expiry_interval: will.message_expiry_interval,
            content_type: will.content_type,
            user_properties: will.user_properties,
            is_utf8_payload: will.is_utf8_payload.unwrap_or(false),
            response_topic: will.response_topic,
            subscription_ids: Vec::new(),
        })),
    }
}

fn publish(publish: CodecPublish) -> Publish {
    Publish {
        topic: publish.topic,
        payload: publish.payload,
        qos: publish.qos.value(),
        retain: publish.retain,
        packet_id: publish.packet_id,
        properties: publish.properties.map(Box::new),
    }
}
