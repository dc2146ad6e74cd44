//! From a TCP connection to a session that is subscribed to the device's management topics.

use std::{
    io::{self, Write as _},
    num::NonZeroU16,
    sync::Arc,
    time::Duration,
};

use bytes::BytesMut;
use perennial_core::{
    ids::ClientId,
    topic::{Kind, Prefix},
};
use rmqtt_codec::{
    types::QoS,
    v5::{
        Connect, ConnectAck, ConnectAckReason, Packet, Subscribe, SubscribeAckReason,
        SubscriptionOptions,
    },
};
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{
    DialFailure, Session, Why,
    failure::{before_connack, in_handshake},
    wire::{MAX_PACKET, Wire, encode},
};

/// Where to connect and as whom.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    pub(crate) server: String,
    pub(crate) server_name: ServerName<'static>,
    pub(crate) client_id: ClientId,
    pub(crate) prefix: Prefix,
    pub(crate) keep_alive_for: Duration,
    pub(crate) connect_for: Duration,
}

/// Connects, within the address's `connect_for` all told.
pub(crate) async fn dial(
    address: Arc<Address>,
    config: Arc<ClientConfig>,
) -> Result<Box<Session>, DialFailure> {
    let limit = address.connect_for;
    match timeout(limit, connect(&address, config)).await {
        Ok(outcome) => outcome.map(Box::new).map_err(DialFailure::from),
        Err(_) => Err(Why::TimedOut(limit.as_secs()).into()),
    }
}

async fn connect(address: &Address, config: Arc<ClientConfig>) -> Result<Session, Why> {
    let tcp = TcpStream::connect(&address.server).await.map_err(Why::Tcp)?;
    tcp.set_nodelay(true).map_err(Why::Tcp)?;
    let greeting = greeting(address).map_err(|error| Why::Local(error.to_string()))?;
    let mut wire = Wire::new(greet(address, config, tcp, &greeting).await?);
    let accepted = accepted(&mut wire).await?;
    subscribed(&mut wire).await?;
    let asked = address.keep_alive_for;
    let told = accepted.server_keepalive_sec.map(|secs| Duration::from_secs(secs.into()));
    Ok(Session::new(wire, address.prefix.clone(), told.unwrap_or(asked)))
}

/// The TLS handshake, and `greeting` at its end: rustls keeps it back until the server is
/// authenticated, and lets it leave in one segment with the client's Finished.
async fn greet(
    address: &Address,
    config: Arc<ClientConfig>,
    tcp: TcpStream,
    greeting: &[u8],
) -> Result<TlsStream<TcpStream>, Why> {
    let mut queued = Ok(());
    let queue = |tls: &mut rustls::ClientConnection| queued = tls.writer().write_all(greeting);
    let connector = TlsConnector::from(config);
    let handshake = connector.connect_with(address.server_name.clone(), tcp, queue);
    let stream = handshake.await.map_err(in_handshake)?;
    queued.map_err(|error| Why::Local(error.to_string()))?;
    Ok(stream)
}

/// CONNECT and SUBSCRIBE, which leave at once: a server that refuses the CONNECT has then read the
/// rest too, and does not reset the connection over it (MQTT 5 §3.1.4 lets a client not wait).
fn greeting(address: &Address) -> io::Result<BytesMut> {
    let keep_alive = u16::try_from(address.keep_alive_for.as_secs()).unwrap_or(u16::MAX);
    let connect = Connect {
        clean_start: true,
        keep_alive,
        client_id: address.client_id.as_str().into(),
        receive_max: NonZeroU16::new(8),
        max_packet_size: std::num::NonZeroU32::new(MAX_PACKET),
        ..Connect::default()
    };
    let mut greeting = BytesMut::new();
    encode(connect.into(), &mut greeting)?;
    encode(subscription(address).into(), &mut greeting)?;
    Ok(greeting)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "any other packet is out of turn")]
async fn accepted(wire: &mut Wire) -> Result<ConnectAck, Why> {
    match wire.read_fresh().await.map_err(unanswered)? {
        Packet::ConnectAck(ack) if ack.reason_code == ConnectAckReason::Success => Ok(*ack),
        Packet::ConnectAck(ack) => Err(Why::Connack(ack.reason_code)),
        other => Err(Why::Protocol(format!("packet {:#04x} before CONNACK", other.packet_type()))),
    }
}

fn unanswered(error: io::Error) -> Why {
    let ours = error.get_ref().is_some_and(|inner| !inner.is::<rustls::Error>());
    if error.kind() == io::ErrorKind::InvalidData && ours {
        return Why::Protocol(error.to_string());
    }
    before_connack(error)
}

fn subscription(address: &Address) -> Subscribe {
    let options = SubscriptionOptions { qos: QoS::AtLeastOnce, ..Default::default() };
    let topic = |kind| (address.prefix.topic(&address.client_id, kind).into(), options);
    Subscribe {
        packet_id: NonZeroU16::MAX,
        id: None,
        user_properties: Vec::new(),
        topic_filters: Kind::FROM_SERVER.map(topic).to_vec(),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "any other packet is for the session")]
async fn subscribed(wire: &mut Wire) -> Result<(), Why> {
    let lost = |error: io::Error| Why::Protocol(format!("lost while subscribing: {error}"));
    loop {
        match wire.read_fresh().await.map_err(lost)? {
            Packet::SubscribeAck(ack) if ack.status.iter().all(granted) => return Ok(()),
            Packet::SubscribeAck(_) => return Err(Why::Subscription),
            Packet::Disconnect(told) => {
                let said = told.reason_string.as_deref().unwrap_or("without a word");
                let code = u8::from(told.reason_code);
                let why = format!("the server disconnected with reason code {code}: {said}");
                return Err(Why::Protocol(why));
            }
            early => wire.keep(early),
        }
    }
}

fn granted(status: &SubscribeAckReason) -> bool {
    [
        SubscribeAckReason::GrantedQos0,
        SubscribeAckReason::GrantedQos1,
        SubscribeAckReason::GrantedQos2,
    ]
    .contains(status)
}
