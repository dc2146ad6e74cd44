//! The control plane at a million things: how long describing and listing take while rotations
//! run, and how many calls a second it answers beside moto's server.
//!
//! `control [THINGS]`, 1,000,000 unless told otherwise; prints one JSON object. Latencies are the
//! client's, over loopback with a kept connection, so the server's own are below them. Both servers
//! are asked over plain HTTP by the same client; ours verifies every signature. The goals: describe
//! at most 1 ms and a page of 250 at most 20 ms at p99 while 500 rotations a second run, and at
//! least 20 times moto's calls. moto (`pip install 'moto[server]'`) is found by `MOTO_SERVER`, or as
//! `moto_server`; without it there is no ratio.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "its output is what it is for")]

mod calls;
mod client;
mod fleet;
mod moto;

use std::{env, net::SocketAddr, time::Duration};

use anyhow::{Context as _, Result};
use perennial_bench::registered;
use perennial_server::{Config, Server};
use serde_json::{Value, json};

use self::{client::Key, fleet::Fleet};

/// The program's own allocator.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Devices that rotate again and again meanwhile.
const DEVICES: usize = 1_000;
/// How many rotations are asked for a second.
const ROTATIONS: u32 = 500;
/// How long calls a second are counted.
const COUNTED_FOR: Duration = Duration::from_secs(5);
/// How many things moto gets: with more it takes minutes to make them, and is slower.
const AT_MOTO: u64 = 1_000;

#[tokio::main]
async fn main() -> Result<()> {
    let things: u64 = match env::args().nth(1) {
        Some(count) => count.parse().context("THINGS must be a number")?,
        None => 1_000_000,
    };
    let folder = tempfile::tempdir()?;
    let server = Server::start(folder.path(), config()?).await?;
    let key = Key::read(&perennial_server::credentials_path(folder.path()))?;
    let address = server.plain_http().context("plain HTTP was asked for")?;
    eprintln!("registering {things} things, each with a certificate");
    registered::fill(server.store(), things).await?;

    let quiet = calls::latencies(address, &key, things).await?;
    let (ours, _) = calls::per_second(address, &key, things, COUNTED_FOR).await?;
    let busy = while_rotating(&server, address, &key, things).await?;
    server.stop().await;
    let theirs = moto::calls_per_second(AT_MOTO, COUNTED_FOR).await?;
    println!("{}", report(things, quiet, busy, ours, theirs));
    Ok(())
}

fn config() -> Result<Config> {
    let mut config = Config::default();
    config.mqtt.listen.set_port(0);
    config.http.listen.set_port(0);
    config.http.plain = Some("127.0.0.1:0".parse()?);
    // The rate limit is not what is measured.
    config.http.requests_per_second = 1_000_000;
    config.http.burst = 1_000_000;
    config.rotation.spread_secs = 0;
    Ok(config)
}

async fn while_rotating(
    server: &Server,
    address: SocketAddr,
    key: &Key,
    things: u64,
) -> Result<Value> {
    eprintln!("enrolling {DEVICES} devices that rotate meanwhile");
    let mut fleet = Fleet::connect(server, DEVICES).await?;
    let rotating = fleet.rotate(server, ROTATIONS);
    let mut busy = calls::latencies(address, key, things).await?;
    busy["rotations_per_second"] = rotating.stop().await?.into();
    fleet.stop().await;
    Ok(busy)
}

fn report(things: u64, quiet: Value, busy: Value, ours: f64, theirs: Option<f64>) -> Value {
    json!({
        "things": things,
        "quiet": quiet,
        "while_rotating": busy,
        "calls_per_second": { "perennial": ours, "moto": theirs },
        "calls_ours_to_motos": theirs.map(|theirs| ours / theirs),
    })
}
