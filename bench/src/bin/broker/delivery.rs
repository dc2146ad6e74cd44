//! QoS 1 from publishers to subscribers, each pair on a topic of its own.
//!
//! `modest`: a fixed rate far below what either broker can do, so that what is seen is the path of
//! one message. `saturated`: each publisher always has a window of unacknowledged messages.

use std::time::{Duration, Instant};

use anyhow::Result;
use perennial_bench::mqtt::{
    Clients, Stream, acknowledged, packet, put, put_publish, subscribe, taken_publish,
};
use tokio::{
    io::{AsyncWriteExt, BufReader, ReadHalf, WriteHalf, split},
    task::{JoinHandle, JoinSet},
    time::{MissedTickBehavior, interval_at},
};

use super::process::Server;

const PAIRS: usize = 20;
/// Each pair's messages in a modest round: 3 seconds of them.
const MODEST: usize = 150;
const MODEST_EVERY: Duration = Duration::from_millis(20);
/// Each pair's messages in a saturated round.
const SATURATED: usize = 2_000;
/// Unacknowledged messages of a saturating publisher.
const WINDOW: usize = 16;
/// Bytes of a message's payload, of which the first 8 say when it was sent.
const PAYLOAD: usize = 128;

/// What one round found; latencies from before a message is written until it is read.
pub(super) struct Round {
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) per_second: f64,
    /// Microseconds of the server's CPU for a message, its PUBACKs included.
    pub(super) cpu_us: f64,
}

/// Connected publishers and subscribers.
pub(super) struct Pairs {
    begun: Instant,
    pairs: Vec<Pair>,
}

struct Pair {
    writer: Half,
    reader: Half,
    topic: String,
}

/// One connection, to be read and written at once.
struct Half {
    reading: BufReader<ReadHalf<Stream>>,
    writing: WriteHalf<Stream>,
}

impl Half {
    fn new(stream: Stream) -> Self {
        let (reading, writing) = split(stream);
        Self { reading: BufReader::new(reading), writing }
    }

    async fn write(&mut self, bytes: &mut Vec<u8>) -> Result<()> {
        self.writing.write_all(bytes).await?;
        self.writing.flush().await?;
        bytes.clear();
        Ok(())
    }
}

impl Pairs {
    pub(super) async fn connect(clients: &Clients) -> Result<Self> {
        let mut pairs = Vec::new();
        for n in 0..PAIRS {
            let topic = format!("bench/{n:02}");
            let mut reader = clients.connect(&format!("reader-{n}")).await?;
            subscribe(&mut reader, &topic).await?;
            let writer = clients.connect(&format!("writer-{n}")).await?;
            pairs.push(Pair { writer: Half::new(writer), reader: Half::new(reader), topic });
        }
        Ok(Self { begun: Instant::now(), pairs })
    }

    /// The rate is the same for both brokers: it says nothing of them.
    pub(super) async fn modest(&mut self, server: &Server) -> Result<Round> {
        self.round(server, MODEST, false).await
    }

    pub(super) async fn saturated(&mut self, server: &Server) -> Result<Round> {
        self.round(server, SATURATED, true).await
    }

    async fn round(&mut self, server: &Server, messages: usize, saturated: bool) -> Result<Round> {
        let begun = self.begun;
        let (cpu, wall) = (server.cpu_seconds()?, Instant::now());
        let mut running = JoinSet::new();
        for (n, pair) in self.pairs.drain(..).enumerate() {
            let offset = MODEST_EVERY * u32::try_from(n)? / u32::try_from(PAIRS)?;
            running.spawn(async move {
                let reading = tokio::spawn(read(pair.reader, messages, begun));
                let writer = match saturated {
                    true => write_windows(pair.writer, pair.topic.clone(), messages, begun).await?,
                    false => write_paced(pair.writer, &pair.topic, messages, begun, offset).await?,
                };
                let (reader, latencies) = reading.await??;
                anyhow::Ok((Pair { writer, reader, topic: pair.topic }, latencies))
            });
        }
        let mut latencies = Vec::with_capacity(messages * PAIRS);
        while let Some(done) = running.join_next().await {
            let (pair, its) = done??;
            self.pairs.push(pair);
            latencies.extend(its);
        }
        let wall = wall.elapsed();
        Ok(round(latencies, wall, server.cpu_seconds()? - cpu))
    }
}

fn round(mut latencies: Vec<Duration>, wall: Duration, cpu_seconds: f64) -> Round {
    latencies.sort_unstable();
    let count = latencies.len();
    let at = |share: f64| latencies[(count as f64 * share) as usize].as_secs_f64() * 1e3;
    Round {
        p50_ms: at(0.5),
        p99_ms: at(0.99),
        per_second: count as f64 / wall.as_secs_f64(),
        cpu_us: cpu_seconds * 1e6 / count as f64,
    }
}

/// Reads messages, and acknowledges those that came together together.
async fn read(mut reader: Half, messages: usize, begun: Instant) -> Result<(Half, Vec<Duration>)> {
    let mut latencies = Vec::with_capacity(messages);
    let mut acks = Vec::new();
    while latencies.len() < messages {
        let message = packet(&mut reader.reading).await?;
        let (took, id) = taken_publish(&message, PAYLOAD, begun)?;
        latencies.push(took);
        put(&mut acks, 0x40, &id);
        if reader.reading.buffer().is_empty() {
            reader.write(&mut acks).await?;
        }
    }
    reader.write(&mut acks).await?;
    Ok((reader, latencies))
}

/// Sends a message each [`MODEST_EVERY`], whatever comes back.
async fn write_paced(
    writer: Half,
    topic: &str,
    messages: usize,
    begun: Instant,
    offset: Duration,
) -> Result<Half> {
    let Half { mut reading, mut writing } = writer;
    let acks: JoinHandle<Result<_>> = tokio::spawn(async move {
        for _ in 0..messages {
            acknowledged(&mut reading).await?;
        }
        Ok(reading)
    });
    let mut ticks = interval_at(tokio::time::Instant::now() + offset, MODEST_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut bytes = Vec::new();
    for n in 0..messages {
        ticks.tick().await;
        put_publish(&mut bytes, topic, n, PAYLOAD, begun)?;
        writing.write_all(&bytes).await?;
        writing.flush().await?;
        bytes.clear();
    }
    Ok(Half { reading: acks.await??, writing })
}

/// Sends as many messages as have been acknowledged, all that it may at once.
async fn write_windows(
    mut writer: Half,
    topic: String,
    messages: usize,
    begun: Instant,
) -> Result<Half> {
    let (mut sent, mut acknowledged_of) = (0, 0);
    let mut bytes = Vec::new();
    while acknowledged_of < messages {
        while sent < messages && sent - acknowledged_of < WINDOW {
            put_publish(&mut bytes, &topic, sent, PAYLOAD, begun)?;
            sent += 1;
        }
        if !bytes.is_empty() {
            writer.write(&mut bytes).await?;
        }
        acknowledged(&mut writer.reading).await?;
        acknowledged_of += 1;
        while writer.reading.buffer().len() >= 4 {
            acknowledged(&mut writer.reading).await?;
            acknowledged_of += 1;
        }
    }
    Ok(writer)
}
