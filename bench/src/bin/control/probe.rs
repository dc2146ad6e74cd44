//! Messages all the while: how long one takes from its publisher to its subscriber.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Result;
use perennial_bench::mqtt::{
    Clients, Stream, acknowledged, packet, put, put_publish, subscribe, taken_publish,
};
use tokio::{
    io::{AsyncWriteExt as _, split},
    task::JoinHandle,
    time::MissedTickBehavior,
};
use tokio_util::sync::CancellationToken;

const TOPIC: &str = "bench/probe";
const EVERY: Duration = Duration::from_millis(2);
/// Bytes of a payload.
const PAYLOAD: usize = 128;

/// Messages that go from one connection to another, with QoS 1.
pub(crate) struct Probe {
    publishing: JoinHandle<Result<()>>,
    reading: JoinHandle<Result<Vec<Duration>>>,
    stop: CancellationToken,
}

impl Probe {
    /// Publishes from now on, as whom `folder` says.
    pub(crate) async fn begin(port: u16, folder: &Path) -> Result<Self> {
        let clients = Clients::new(port, folder)?;
        let mut subscriber = clients.connect("probe-in").await?;
        subscribe(&mut subscriber, TOPIC).await?;
        let publisher = clients.connect("probe-out").await?;
        let (stop, begun) = (CancellationToken::new(), Instant::now());
        let publishing = tokio::spawn(publish(publisher, begun, stop.clone()));
        let reading = tokio::spawn(read(subscriber, begun, stop.clone()));
        Ok(Self { publishing, reading, stop })
    }

    /// Publishes no more; answers how long each message took.
    pub(crate) async fn end(self) -> Result<Vec<Duration>> {
        self.stop.cancel();
        self.publishing.await??;
        self.reading.await?
    }
}

async fn publish(stream: Stream, begun: Instant, stop: CancellationToken) -> Result<()> {
    let (mut reading, mut writing) = split(stream);
    let acks = tokio::spawn(async move { while acknowledged(&mut reading).await.is_ok() {} });
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut bytes, mut number) = (Vec::new(), 0);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        put_publish(&mut bytes, TOPIC, number, PAYLOAD, begun)?;
        writing.write_all(&bytes).await?;
        writing.flush().await?;
        bytes.clear();
        number += 1;
    }
    acks.abort();
    Ok(())
}

async fn read(
    mut stream: Stream,
    begun: Instant,
    stop: CancellationToken,
) -> Result<Vec<Duration>> {
    let (mut took, mut ack) = (Vec::new(), Vec::new());
    while let Some(message) = stop.run_until_cancelled(packet(&mut stream)).await {
        let (span, id) = taken_publish(&message?, PAYLOAD, begun)?;
        took.push(span);
        put(&mut ack, 0x40, &id);
        stream.write_all(&ack).await?;
        stream.flush().await?;
        ack.clear();
    }
    Ok(took)
}
