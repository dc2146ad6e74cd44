//! The broker beside Debian's Mosquitto: the same client, certificates and machine, one run.
//!
//! Both run at once and every measure goes to them in turn, so that whatever else the machine does
//! falls on both; the figures are medians of the rounds. Prints one JSON object a line:
//! `connects` (mutual-TLS connects per CPU-second of the server, and what one costs it in V, the
//! verification of one P-256 signature), `idle` (resident bytes per idle connection), `modest` and
//! `saturated` (QoS 1 delivery while the idle ones, each with a wildcard subscription, stay), and
//! at last the `ratios`, ours to theirs. `mosquitto` must be installed.
//! `broker storm [CLIENTS]` lets that many devices connect to ours at once instead.

mod certificates;
mod delivery;
mod process;
mod serve;
mod storm;

use std::{env, path::Path, time::Instant};

use anyhow::{Context as _, Result, bail};
use perennial_bench::{
    Verification,
    mqtt::{Clients, Stream},
};
use serde_json::{Value, json};

use self::{
    delivery::{Pairs, Round},
    process::Server,
};

/// As the server's own.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const CONNECT_ROUNDS: usize = 5;
const CONNECTS: usize = 1_000;
const IDLE: usize = 5_000;
const DELIVERY_ROUNDS: usize = 7;
const STORM: usize = 12_000;

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match *arguments.as_slice() {
        [] => compare().await,
        ["storm"] => storm::measure(STORM).await,
        ["storm", clients] => storm::measure(clients.parse().context("CLIENTS: a number")?).await,
        ["crowd", folder, port, clients] => {
            storm::crowd(Path::new(folder), port.parse()?, clients.parse()?).await
        }
        ["serve", folder, port] => serve::serve(Path::new(folder), port.parse()?).await,
        _ => bail!("usage: broker [storm [CLIENTS]]"),
    }
}

/// Measures both brokers in turn.
async fn compare() -> Result<()> {
    let folder = tempfile::tempdir()?;
    certificates::make(folder.path())?;
    let ours = Server::ours(folder.path())?;
    let theirs = Server::mosquitto(folder.path())?;
    let mut ours = Contender::begin(ours, folder.path()).await?;
    let mut theirs = Contender::begin(theirs, folder.path()).await?;
    for _ in 0..CONNECT_ROUNDS {
        ours.connect().await?;
        theirs.connect().await?;
    }
    for contender in [&mut ours, &mut theirs] {
        contender.fill_with_idle().await?;
        contender.pairs = Some(Pairs::connect(&contender.clients).await?);
    }
    for _ in 0..DELIVERY_ROUNDS {
        for contender in [&mut ours, &mut theirs] {
            contender.deliver().await?;
        }
    }
    for contender in [&ours, &theirs] {
        contender.report();
    }
    print(&ours.ratios(&theirs));
    Ok(())
}

/// One broker and what was measured of it.
struct Contender {
    server: Server,
    clients: Clients,
    idle: Vec<Stream>,
    pairs: Option<Pairs>,
    /// Microseconds of the server's CPU for a connect.
    connect_cpu_us: Vec<f64>,
    /// V at that moment, in microseconds.
    v_us: Vec<f64>,
    connects_per_second: Vec<f64>,
    idle_bytes: f64,
    modest: Vec<Round>,
    saturated: Vec<Round>,
}

impl Contender {
    async fn begin(server: Server, folder: &Path) -> Result<Self> {
        let clients = Clients::new(server.port, folder)?;
        clients.wait_until_served().await?;
        Ok(Self {
            server,
            clients,
            idle: Vec::new(),
            pairs: None,
            connect_cpu_us: Vec::new(),
            v_us: Vec::new(),
            connects_per_second: Vec::new(),
            idle_bytes: 0.0,
            modest: Vec::new(),
            saturated: Vec::new(),
        })
    }

    async fn connect(&mut self) -> Result<()> {
        let (cpu, wall) = (self.server.cpu_seconds()?, Instant::now());
        drop(self.clients.connect_many("short", CONNECTS, None).await?);
        let cpu_seconds = self.server.cpu_seconds()? - cpu;
        self.connect_cpu_us.push(cpu_seconds * 1e6 / CONNECTS as f64);
        self.connects_per_second.push(CONNECTS as f64 / wall.elapsed().as_secs_f64());
        self.v_us.push(Verification::floor_and_median()?.1);
        Ok(())
    }

    async fn fill_with_idle(&mut self) -> Result<()> {
        let before = self.server.resident_bytes()?;
        self.idle = self.clients.connect_many("idle", IDLE, Some("fleet/+/")).await?;
        self.idle_bytes = (self.server.resident_bytes()? - before) as f64 / IDLE as f64;
        Ok(())
    }

    async fn deliver(&mut self) -> Result<()> {
        let Some(pairs) = &mut self.pairs else { bail!("nobody is connected") };
        self.modest.push(pairs.modest(&self.server).await?);
        self.saturated.push(pairs.saturated(&self.server).await?);
        Ok(())
    }

    fn report(&self) {
        let name = self.server.name;
        let cpu_us = median(&self.connect_cpu_us);
        let in_v = self.connect_cpu_us.iter().zip(&self.v_us).map(|(cpu_us, v_us)| cpu_us / v_us);
        let connects = json!({
            "broker": name, "measure": "connects",
            "per_cpu_second": 1e6 / cpu_us, "per_second": median(&self.connects_per_second),
            "server_cpu_us": cpu_us, "v_us": median(&self.v_us), "server_cpu_v": median(&in_v.collect::<Vec<_>>()),
        });
        let idle = json!({
            "broker": name, "measure": "idle", "connections": self.idle.len(),
            "bytes_per_connection": self.idle_bytes,
        });
        print(&connects);
        print(&idle);
        print(&rounds(name, "modest", &self.modest));
        print(&rounds(name, "saturated", &self.saturated));
    }

    /// Medians of the ratios round by round: the two of a round shared their moment.
    fn ratios(&self, theirs: &Self) -> Value {
        let each = |ours: &[Round], theirs: &[Round], figure: fn(&Round) -> f64| {
            let pairs = ours.iter().zip(theirs);
            median(&pairs.map(|(ours, theirs)| figure(ours) / figure(theirs)).collect::<Vec<_>>())
        };
        let modest = |figure| each(&self.modest, &theirs.modest, figure);
        let saturated = |figure| each(&self.saturated, &theirs.saturated, figure);
        json!({
            "ratios": "ours to theirs",
            "connects_per_cpu_second":
                median(&theirs.connect_cpu_us) / median(&self.connect_cpu_us),
            "idle_bytes": self.idle_bytes / theirs.idle_bytes,
            "modest": {
                "p50": modest(|round| round.p50_ms), "p99": modest(|round| round.p99_ms),
                "cpu": modest(|round| round.cpu_us),
            },
            "saturated": {
                "per_second": saturated(|round| round.per_second),
                "p50": saturated(|round| round.p50_ms), "p99": saturated(|round| round.p99_ms),
                "cpu": saturated(|round| round.cpu_us),
            },
        })
    }
}

fn rounds(broker: &str, measure: &str, rounds: &[Round]) -> Value {
    let of = |figure: fn(&Round) -> f64| median(&rounds.iter().map(figure).collect::<Vec<_>>());
    json!({
        "broker": broker, "measure": measure, "rounds": rounds.len(),
        "per_second": of(|round| round.per_second), "p50_ms": of(|round| round.p50_ms),
        "p99_ms": of(|round| round.p99_ms), "server_cpu_us": of(|round| round.cpu_us),
    })
}

fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

#[expect(clippy::print_stdout, reason = "its output is what it is for")]
fn print(figures: &Value) {
    println!("{figures}");
}
