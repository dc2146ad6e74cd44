//! A small MQTT client over TLS that shows every packet, so that tests can see reason codes.

use std::{
    num::{NonZeroU16, NonZeroU32},
    sync::Arc,
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use rmqtt_codec::{
    MqttCodec, MqttPacket,
    types::{Publish, QoS},
    v3,
    v5::{self, ConnectAckReason, DisconnectReasonCode, PublishAckReason, SubscribeAckReason},
};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs, sign::SingleCertAndKey};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_util::codec::{Decoder, Encoder};

use crate::world::{Device, World, key_of};

const PATIENCE: Duration = Duration::from_secs(10);

/// What goes into a CONNECT; the default is MQTT 5, clean start, the device's name.
#[derive(Clone)]
pub(crate) struct Connect {
    pub(crate) v3: bool,
    pub(crate) client_id: Option<String>,
    pub(crate) clean: bool,
    pub(crate) expiry: u32,
    pub(crate) keep_alive: u16,
    pub(crate) receive_max: Option<u16>,
    pub(crate) max_packet: Option<u32>,
    pub(crate) will: Option<v5::LastWill>,
}

impl Default for Connect {
    fn default() -> Self {
        Self {
            v3: false,
            client_id: None,
            clean: true,
            expiry: 0,
            keep_alive: 60,
            receive_max: None,
            max_packet: None,
            will: None,
        }
    }
}

pub(crate) fn v3() -> Connect {
    Connect { v3: true, ..Connect::default() }
}

pub(crate) fn kept() -> Connect {
    Connect { clean: false, expiry: 3600, ..Connect::default() }
}

/// Why there is no connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// TLS or TCP failed.
    Tls(String),
    V5(ConnectAckReason),
    V3(v3::ConnectAckReason),
}

pub(crate) struct Client {
    stream: TlsStream<TcpStream>,
    codec: MqttCodec,
    input: BytesMut,
    last_id: u16,
    /// Messages that came while something else was awaited.
    messages: std::collections::VecDeque<Publish>,
    pub(crate) session_present: bool,
    pub(crate) ack: Option<v5::ConnectAck>,
    /// Whether messages are acknowledged as they come.
    pub(crate) acknowledges: bool,
}

/// TLS as the device does it; no certificate when there is no device.
pub(crate) async fn tls(
    world: &World,
    device: Option<&Device>,
) -> Result<TlsStream<TcpStream>, std::io::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(world.ca.der.clone()).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match device {
        // As it is, even if the key is not the certificate's: a thief does not check that either.
        Some(d) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(key_of(d)))),
        None => builder.with_no_client_auth(),
    };
    let tcp = TcpStream::connect(world.address).await?;
    tcp.set_nodelay(true)?;
    TlsConnector::from(Arc::new(config)).connect("localhost".try_into().unwrap(), tcp).await
}

impl Client {
    /// Connects as `device` in the default way.
    pub(crate) async fn start(world: &World, device: &Device) -> Self {
        Self::connect(world, device, Connect::default()).await.unwrap()
    }

    pub(crate) async fn connect(
        world: &World,
        device: &Device,
        connect: Connect,
    ) -> Result<Self, Refused> {
        let failed = |error: std::io::Error| Refused::Tls(error.to_string());
        let stream = tls(world, Some(device)).await.map_err(failed)?;
        let mut client = Self::over(stream, connect.v3);
        client.send(connect_packet(device, &connect)).await;
        match client.packet().await {
            Some(MqttPacket::V5(v5::Packet::ConnectAck(ack))) => {
                client.session_present = ack.session_present;
                let reason = ack.reason_code;
                client.ack = Some(*ack);
                if reason == ConnectAckReason::Success {
                    Ok(client)
                } else {
                    Err(Refused::V5(reason))
                }
            }
            Some(MqttPacket::V3(v3::Packet::ConnectAck(ack))) => {
                client.session_present = ack.session_present;
                match ack.return_code {
                    v3::ConnectAckReason::ConnectionAccepted => Ok(client),
                    code => Err(Refused::V3(code)),
                }
            }
            other => Err(Refused::Tls(format!("{other:?}"))),
        }
    }

    pub(crate) fn over(stream: TlsStream<TcpStream>, v3: bool) -> Self {
        let codec = match v3 {
            true => MqttCodec::V3(v3::Codec::new(0)),
            false => MqttCodec::V5(v5::Codec::new(0, 0)),
        };
        Self {
            stream,
            codec,
            input: BytesMut::new(),
            last_id: 0,
            messages: std::collections::VecDeque::new(),
            session_present: false,
            ack: None,
            acknowledges: true,
        }
    }

    pub(crate) async fn send(&mut self, packet: MqttPacket) {
        let mut out = BytesMut::new();
        self.codec.encode(packet, &mut out).unwrap();
        self.send_bytes(&out).await;
    }

    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.ok();
        self.stream.flush().await.ok();
    }

    /// The next packet; `None` when the server closed.
    pub(crate) async fn packet(&mut self) -> Option<MqttPacket> {
        timeout(PATIENCE, async {
            loop {
                if let Some((packet, _)) = self.codec.decode(&mut self.input).unwrap() {
                    return Some(packet);
                }
                match self.stream.read_buf(&mut self.input).await {
                    Ok(bytes) if bytes > 0 => {}
                    _ => return None,
                }
            }
        })
        .await
        .expect("the server said nothing in time")
    }

    /// The next packet that is not a message; messages are kept for [`message`](Self::message).
    pub(crate) async fn answer(&mut self) -> Option<MqttPacket> {
        loop {
            match self.packet().await {
                Some(MqttPacket::V5(v5::Packet::Publish(p)))
                | Some(MqttPacket::V3(v3::Packet::Publish(p))) => self.arrived(*p).await,
                other => return other,
            }
        }
    }

    async fn arrived(&mut self, publish: Publish) {
        if let (Some(id), true) = (publish.packet_id, self.acknowledges) {
            self.acknowledge(id).await;
        }
        self.messages.push_back(publish);
    }

    pub(crate) async fn acknowledge(&mut self, packet_id: NonZeroU16) {
        let packet = match self.codec {
            MqttCodec::V3(_) => MqttPacket::V3(v3::Packet::PublishAck { packet_id }),
            _ => MqttPacket::V5(v5::PublishAck { packet_id, ..Default::default() }.into()),
        };
        self.send(packet).await;
    }

    /// The next message; acknowledgements of its own publishes are passed over.
    pub(crate) async fn message(&mut self) -> Publish {
        while self.messages.is_empty() {
            match self.packet().await {
                Some(MqttPacket::V5(v5::Packet::Publish(p)))
                | Some(MqttPacket::V3(v3::Packet::Publish(p))) => self.arrived(*p).await,
                Some(MqttPacket::V5(v5::Packet::PublishAck(_))) => {}
                other => panic!("not a message: {other:?}"),
            }
        }
        self.messages.pop_front().unwrap()
    }

    fn next_id(&mut self) -> NonZeroU16 {
        self.last_id += 1;
        NonZeroU16::new(self.last_id).unwrap()
    }

    /// Subscribes with QoS 1; the server's decision.
    pub(crate) async fn subscribe(&mut self, filter: &str) -> SubscribeAckReason {
        let packet_id = self.next_id();
        let packet = match self.codec {
            MqttCodec::V3(_) => MqttPacket::V3(v3::Packet::Subscribe {
                packet_id,
                topic_filters: vec![(filter.into(), QoS::AtLeastOnce)],
            }),
            _ => {
                let options =
                    v5::SubscriptionOptions { qos: QoS::AtLeastOnce, ..Default::default() };
                MqttPacket::V5(subscribe_packet(packet_id, filter, options))
            }
        };
        self.send(packet).await;
        match self.answer().await {
            Some(MqttPacket::V5(v5::Packet::SubscribeAck(ack))) => ack.status[0],
            Some(MqttPacket::V3(v3::Packet::SubscribeAck { status, .. })) => match status[0] {
                v3::SubscribeReturnCode::Success(_) => SubscribeAckReason::GrantedQos1,
                v3::SubscribeReturnCode::Failure => SubscribeAckReason::UnspecifiedError,
            },
            other => panic!("not a SUBACK: {other:?}"),
        }
    }

    /// Sends a publish; `None` for QoS 0.
    pub(crate) async fn push(
        &mut self,
        topic: &str,
        payload: &[u8],
        qos: u8,
    ) -> Option<NonZeroU16> {
        let packet_id = (qos > 0).then(|| self.next_id());
        let publish = publish_packet(topic, payload, qos, packet_id);
        self.send_publish(publish).await;
        packet_id
    }

    pub(crate) async fn send_publish(&mut self, publish: Publish) {
        let packet = match self.codec {
            MqttCodec::V3(_) => MqttPacket::V3(v3::Packet::Publish(Box::new(publish))),
            _ => MqttPacket::V5(v5::Packet::Publish(Box::new(publish))),
        };
        self.send(packet).await;
    }

    /// Publishes with QoS 1 and waits for the PUBACK; `None` when the server closed instead.
    pub(crate) async fn publish(&mut self, topic: &str, payload: &str) -> Option<PublishAckReason> {
        self.push(topic, payload.as_bytes(), 1).await;
        self.puback().await
    }

    pub(crate) async fn puback(&mut self) -> Option<PublishAckReason> {
        match self.answer().await? {
            MqttPacket::V5(v5::Packet::PublishAck(ack)) => Some(ack.reason_code),
            MqttPacket::V3(v3::Packet::PublishAck { .. }) => Some(PublishAckReason::Success),
            other => panic!("not a PUBACK: {other:?}"),
        }
    }

    /// Waits until the server ends the connection; the reason it gave, if any.
    pub(crate) async fn ended(&mut self) -> Option<DisconnectReasonCode> {
        let mut reason = None;
        while let Some(packet) = self.answer().await {
            if let MqttPacket::V5(v5::Packet::Disconnect(disconnect)) = packet {
                reason = Some(disconnect.reason_code);
            }
        }
        reason
    }

    /// Returns once the server has handled all that was sent before.
    pub(crate) async fn ping(&mut self) {
        let packet = match self.codec {
            MqttCodec::V3(_) => MqttPacket::V3(v3::Packet::PingRequest),
            _ => MqttPacket::V5(v5::Packet::PingRequest),
        };
        self.send(packet).await;
        match self.answer().await {
            Some(MqttPacket::V5(v5::Packet::PingResponse))
            | Some(MqttPacket::V3(v3::Packet::PingResponse)) => {}
            other => panic!("not a PINGRESP: {other:?}"),
        }
    }

    /// Says goodbye and waits for the server to close.
    pub(crate) async fn leave(mut self) {
        let packet = match self.codec {
            MqttCodec::V3(_) => MqttPacket::V3(v3::Packet::Disconnect),
            _ => MqttPacket::V5(
                v5::Disconnect::new(DisconnectReasonCode::NormalDisconnection).into(),
            ),
        };
        self.send(packet).await;
        self.ended().await;
    }

    /// Whether a message came that was not asked for yet, without waiting.
    pub(crate) fn has_message(&self) -> bool {
        !self.messages.is_empty()
    }
}

pub(crate) fn subscribe_packet(
    packet_id: NonZeroU16,
    filter: &str,
    options: v5::SubscriptionOptions,
) -> v5::Packet {
    v5::Packet::Subscribe(v5::Subscribe {
        packet_id,
        id: None,
        user_properties: Vec::new(),
        topic_filters: vec![(filter.into(), options)],
    })
}

pub(crate) fn publish_packet(
    topic: &str,
    payload: &[u8],
    qos: u8,
    packet_id: Option<NonZeroU16>,
) -> Publish {
    Publish {
        dup: false,
        retain: false,
        qos: qos.try_into().unwrap(),
        topic: topic.into(),
        packet_id,
        payload: Bytes::copy_from_slice(payload),
        properties: Some(v5::PublishProperties::default()),
    }
}

pub(crate) fn will(topic: &str, payload: &'static str) -> v5::LastWill {
    v5::LastWill {
        qos: QoS::AtLeastOnce,
        retain: false,
        topic: topic.into(),
        message: Bytes::from_static(payload.as_bytes()),
        will_delay_interval_sec: None,
        correlation_data: None,
        message_expiry_interval: None,
        content_type: None,
        user_properties: Vec::new(),
        is_utf8_payload: None,
        response_topic: None,
    }
}

fn connect_packet(device: &Device, connect: &Connect) -> MqttPacket {
    let client_id = connect.client_id.clone().unwrap_or_else(|| device.name.clone());
    if connect.v3 {
        return MqttPacket::V3(
            v3::Connect {
                client_id: client_id.into(),
                clean_session: connect.clean,
                keep_alive: connect.keep_alive,
                username: Some("?SDK=Test&Version=1".into()),
                last_will: connect.will.as_ref().map(|will| v3::LastWill {
                    qos: will.qos,
                    retain: will.retain,
                    topic: will.topic.clone(),
                    message: will.message.clone(),
                }),
                ..Default::default()
            }
            .into(),
        );
    }
    MqttPacket::V5(
        v5::Connect {
            client_id: client_id.into(),
            clean_start: connect.clean,
            keep_alive: connect.keep_alive,
            session_expiry_interval_secs: connect.expiry,
            receive_max: connect.receive_max.and_then(NonZeroU16::new),
            max_packet_size: connect.max_packet.and_then(NonZeroU32::new),
            last_will: connect.will.clone(),
            ..Default::default()
        }
        .into(),
    )
}
