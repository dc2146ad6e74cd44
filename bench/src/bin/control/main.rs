//! The control plane at a million things: how long describing and listing take while rotations run,
//! what an audit of everything does to devices and callers, and how many calls a second it answers
//! beside moto's server.
//!
//! `control [THINGS]`, 1,000,000 unless told otherwise; prints one JSON object. The server, the
//! devices and the caller are a process each, as they would be; the devices' gives way to the others,
//! since it would run elsewhere. Latencies are the caller's, over loopback with a kept connection;
//! those in `server_side_ms` are the server's own. Both servers are asked over plain HTTP by the same client; ours
//! verifies every signature. The goals: describe at most 1 ms and a page of 250 at most 20 ms at p99
//! while 500 rotations a second run, MQTT at most 50 ms at p99 during an audit with all checks that
//! takes at most 30 s and 500 MB, and at least 20 times moto's calls. moto
//! (`pip install 'moto[server]'`) is found by `MOTO_SERVER`, or as `moto_server`; without it there is
//! no ratio.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "its output is what it is for")]

mod auditing;
mod calls;
mod child;
mod client;
mod fleet;
mod moto;
mod probe;
mod server;
mod spans;

use std::{
    env,
    net::SocketAddr,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use tempfile::TempDir;

use self::{
    child::Child,
    client::{Client, Key},
};

/// The program's own allocator.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// How long calls a second are counted.
const COUNTED_FOR: Duration = Duration::from_secs(5);
/// How many things moto gets: with more it takes minutes to make them, and is slower.
const AT_MOTO: u64 = 1_000;

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match *arguments.as_slice() {
        [] => measure(1_000_000).await,
        [things] => measure(things.parse().context("THINGS must be a number")?).await,
        ["serve", data, fleet, things] => {
            server::serve(Path::new(data), Path::new(fleet), things.parse()?).await
        }
        ["devices", folder, mqtt] => fleet::run(Path::new(folder), mqtt).await,
        _ => bail!("usage: control [THINGS]"),
    }
}

async fn measure(things: u64) -> Result<()> {
    let folder = tempfile::tempdir()?;
    // Devices write to disks of their own: in memory, so as not to take the server's.
    let elsewhere = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())?;
    let name = |folder: &TempDir| anyhow::Ok(folder.path().to_str().context("a name")?.to_owned());
    let (data, fleet) = (name(&folder)?, name(&elsewhere)?);
    let mut server = Child::start(&["serve", &data, &fleet, &things.to_string()])?;
    let ready = server.says().await?;
    let member = |name: &str| ready[name].as_str().context("the server said too little");
    let (http, mqtt): (SocketAddr, SocketAddr) =
        (member("http")?.parse()?, member("mqtt")?.parse()?);
    let key = Key::read(Path::new(member("credentials")?))?;

    let quiet = calls::latencies(http, &key, things).await?;
    let (ours, _) = calls::per_second(http, &key, things, COUNTED_FOR).await?;
    let mut devices = Child::start_behind(&["devices", &fleet, member("mqtt")?])?;
    devices.says().await?;
    let busy = while_rotating(&mut server, &mut devices, async || {
        calls::latencies(http, &key, things).await
    });
    let busy = busy.await?;
    let mut client = Client::connect(http, &key).await?;
    let probe = (mqtt.port(), elsewhere.path());
    let audit = auditing::measure(&mut client, probe, things, server.id()?).await?;
    devices.end().await?;
    server.end().await?;
    let theirs = moto::calls_per_second(AT_MOTO, COUNTED_FOR).await?;
    let report = json!({
        "things": things,
        "quiet": quiet,
        "while_rotating": busy,
        "audit": audit,
        "calls_per_second": { "perennial": ours, "moto": theirs },
        "calls_ours_to_motos": theirs.map(|theirs| ours / theirs),
    });
    println!("{report}");
    Ok(())
}

/// What is measured while devices rotate, with how many did a second.
async fn while_rotating(
    server: &mut Child,
    devices: &mut Child,
    measured: impl AsyncFnOnce() -> Result<Value>,
) -> Result<Value> {
    let count = |answer: Value| answer["rotated"].as_u64().context("no count");
    server.ask("rotate").await?;
    let (begun, before) = (Instant::now(), count(devices.ask("count").await?)?);
    server.ask("times").await?;
    let mut report = measured().await?;
    report["server_side_ms"] = server.ask("times").await?;
    let rotated = count(devices.ask("count").await?)? - before;
    report["rotations_per_second"] = (rotated as f64 / begun.elapsed().as_secs_f64()).into();
    server.ask("rest").await?;
    Ok(report)
}
