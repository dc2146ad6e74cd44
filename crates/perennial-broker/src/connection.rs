//! One client's connection from its CONNECT to its end, in one task.

mod packets;
mod retained;
mod socket;

use std::{collections::VecDeque, net::IpAddr, sync::Arc, time::Duration};

use perennial_core::{
    ids::{CertificateId, ClientId},
    logging::{LoggedEvent, Protocol},
};
use rmqtt_codec::v5::{DisconnectReasonCode as Code, PublishAckReason};
use tokio::{
    net::TcpStream,
    task::yield_now,
    time::{Instant, timeout},
};
use tokio_rustls::server::TlsStream;

use self::{
    retained::Walk,
    socket::{Event, Socket},
};
use crate::{
    admission::{self, Admitted, Refusal},
    core::Core,
    counters::count,
    device_log::Did,
    end::End,
    route::Journey,
    seat::Seat,
    wire::{Connect, Incoming, Wire},
};

/// How long the last bytes to a client may take.
const FLUSH_FOR: Duration = Duration::from_secs(1);

/// Stop reading a publisher while this many bytes of its messages wait for room.
const JOURNEY_BYTES: usize = 1024 * 1024;

/// Stop reading a client while this many bytes of answers to it are not taken.
const ANSWER_BYTES: usize = 64 * 1024;

/// Serves the holder of a verified certificate until it leaves.
pub(crate) async fn serve(
    core: Arc<Core>,
    stream: TlsStream<TcpStream>,
    address: IpAddr,
    principal: CertificateId,
) {
    let wire = Wire::new(core.settings.limits.packet_bytes());
    let mut socket = Socket::new(stream, wire);
    let Some(admitted) = Box::pin(greet(&core, &mut socket, address, principal)).await else {
        return;
    };
    let Admitted { seat, ack, keep_alive } = admitted;
    socket.answer(|wire, out| wire.connack(ack, out));
    let mut connection = Connection::new(core, socket, seat, keep_alive);
    let end = connection.run().await;
    Box::pin(connection.finish(end)).await;
}

/// Reads the CONNECT and decides on it; a refusal is sent before the connection closes.
async fn greet(
    core: &Arc<Core>,
    socket: &mut Socket,
    address: IpAddr,
    principal: CertificateId,
) -> Option<Admitted> {
    let waited = timeout(core.settings.limits.connect_timeout, read_connect(socket)).await;
    let decided = match waited.ok()? {
        Ok(connect) => {
            if let Some(max) = connect.max_packet {
                socket.limit_outgoing(max);
            }
            let client_id = bounded(&connect.client_id);
            let admitted = admission::admit(core, connect, principal, address).await;
            admitted.map_err(|refusal| (refusal, Some(client_id)))
        }
        Err(end) => Err((refusal(end)?, None)),
    };
    match decided {
        Ok(admitted) => Some(admitted),
        Err((Refusal(reason, why), client_id)) => {
            count(&core.counters.connects_refused);
            let did = Did::badly(LoggedEvent::Connect, why);
            let who = (principal, address);
            let log = &core.settings.log;
            log.holder(&core.judge, who, client_id.as_deref(), Protocol::Mqtt, did);
            socket.answer(|wire, out| wire.refuse(reason, why, out));
            timeout(FLUSH_FOR, socket.close()).await.ok();
            None
        }
    }
}

async fn read_connect(socket: &mut Socket) -> Result<Connect, End> {
    loop {
        match socket.next_packet()? {
            Some(Incoming::Connect(connect)) => return Ok(*connect),
            Some(_) => return Err(End::Protocol(Code::ProtocolError, "CONNECT comes first")),
            None => socket.read().await?,
        }
    }
}

/// As much of a client id as is told where it may be anything.
fn bounded(client_id: &str) -> String {
    client_id[..client_id.floor_char_boundary(ClientId::MAX_LEN)].to_owned()
}

/// What answers a CONNECT that could not be read; nothing, if the version is not known.
fn refusal(end: End) -> Option<Refusal> {
    use rmqtt_codec::v5::ConnectAckReason as Reason;
    let End::Protocol(code, why) = end else { return None };
    #[expect(clippy::wildcard_enum_match_arm, reason = "everything else is malformed")]
    let reason = match code {
        Code::NotAuthorized => Reason::ClientIdentifierNotValid,
        Code::PacketTooLarge => Reason::PacketTooLarge,
        Code::ProtocolError => Reason::ProtocolError,
        _ => Reason::MalformedPacket,
    };
    Some(Refusal(reason, why))
}

/// An admitted client.
struct Connection {
    core: Arc<Core>,
    socket: Socket,
    seat: Seat,
    keep_alive: Duration,
    heard_at: Instant,
    /// Publishes that wait for room, in their order.
    journeys: VecDeque<Journey>,
    journey_bytes: usize,
    /// Retained messages still to be queued.
    walks: VecDeque<Walk>,
    /// Messages set out since the connection last waited.
    published: usize,
}

impl Connection {
    fn new(core: Arc<Core>, socket: Socket, seat: Seat, keep_alive: Duration) -> Self {
        let heard_at = Instant::now();
        let journeys = VecDeque::new();
        Self {
            core,
            socket,
            seat,
            keep_alive,
            heard_at,
            journeys,
            journey_bytes: 0,
            walks: VecDeque::new(),
            published: 0,
        }
    }

    /// Serves the client until something ends the connection.
    async fn run(&mut self) -> End {
        let timer = tokio::time::sleep_until(self.silent_at());
        tokio::pin!(timer);
        loop {
            let held_since = match self.settle() {
                Ok(held_since) => held_since,
                Err(end) => return end,
            };
            if std::mem::take(&mut self.published) == 1 {
                // Subscribers run first: they have a single message before its publisher has the
                // PUBACK. Of many, the throughput counts, and a yield costs some.
                yield_now().await;
                continue;
            }
            let deadline = self.deadline(held_since);
            if timer.deadline() > deadline {
                timer.as_mut().reset(deadline);
            }
            let may_read = self.may_read();
            match self.socket.wait(may_read, self.seat.link.woken(), timer.as_mut()).await {
                Event::Read => self.heard_at = Instant::now(),
                Event::Written | Event::Woken => {}
                Event::Closed => return End::Lost,
                Event::Timer => match self.overdue(held_since) {
                    Some(end) => return end,
                    None => timer.as_mut().reset(self.deadline(held_since)),
                },
            }
        }
    }

    /// Does all that can be done without waiting; says since when publishers are held up by
    /// this client, if they are.
    fn settle(&mut self) -> Result<Option<Instant>, End> {
        if let Some(end) = self.seat.link.end_asked() {
            return Err(end);
        }
        if self.seat.link.take_rejudged() {
            self.seat.session.recheck();
            self.core.drop_forbidden_subscriptions(&self.seat.session, &self.seat.link);
        }
        self.advance_journeys();
        while self.may_read() {
            let Some(packet) = self.socket.next_packet()? else { break };
            self.handle(packet)?;
        }
        self.send_acks();
        loop {
            let held_since = self.fill();
            if !self.advance_walks() {
                return Ok(held_since);
            }
        }
    }

    fn fill(&mut self) -> Option<Instant> {
        let Core { settings, counters, .. } = &*self.core;
        let session = &self.seat.session;
        self.socket.answer(|wire, out| session.fill(wire, out, &settings.limits, counters))
    }

    fn advance_journeys(&mut self) {
        while let Some(first) = self.journeys.front_mut() {
            if !first.advance(&self.core, &self.seat.link) {
                return;
            }
            self.journey_bytes -= first.bytes();
            self.journeys.pop_front();
        }
        if self.journeys.capacity() > 0 {
            self.journeys = VecDeque::new();
        }
    }

    fn send_acks(&mut self) {
        let mut acks = self.seat.link.acks.lock();
        let is_v5 = self.socket.is_v5();
        while let Some((packet_id, code)) = acks.next() {
            // In MQTT 3.1.1 a PUBACK says yes.
            if is_v5 || code == PublishAckReason::Success {
                self.socket.answer(|wire, out| wire.puback(packet_id, code, out));
            }
        }
    }

    /// Whether the client may be read: not while too much of what it sent waits for others, or
    /// too much of what it is owed waits for it.
    fn may_read(&self) -> bool {
        let in_flight = usize::from(self.core.settings.limits.in_flight);
        let owed = self.seat.link.acks.lock().len();
        owed <= in_flight
            && self.journeys.len() <= in_flight
            && self.journey_bytes < JOURNEY_BYTES
            && self.socket.unsent() < ANSWER_BYTES
    }

    fn silent_at(&self) -> Instant {
        self.heard_at + self.keep_alive + self.keep_alive / 2
    }

    fn deadline(&self, held_since: Option<Instant>) -> Instant {
        let slow_at = held_since.map(|since| since + self.core.settings.limits.slow_consumer_for);
        slow_at.map_or(self.silent_at(), |slow_at| slow_at.min(self.silent_at()))
    }

    fn overdue(&self, held_since: Option<Instant>) -> Option<End> {
        let now = Instant::now();
        let slow_for = self.core.settings.limits.slow_consumer_for;
        if held_since.is_some_and(|since| since + slow_for <= now) {
            return Some(End::SlowConsumer);
        }
        // While we do not read a client, its silence is our doing.
        (self.silent_at() <= now && self.may_read()).then_some(End::KeepAlive)
    }

    /// Tells the client why, as far as its version can be told, and leaves.
    async fn finish(mut self, end: End) {
        self.send_acks();
        self.socket.answer(|wire, out| wire.disconnect(end, out));
        timeout(FLUSH_FOR, self.socket.close()).await.ok();
        self.seat.leave(end);
    }
}
