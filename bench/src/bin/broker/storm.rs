//! All devices at once, as after a restart: how long the last one waits, what it costs ours, and
//! what those notice who are connected.
//!
//! The crowd is a process of its own, so that its cryptography is not in the way of the pairs that
//! deliver meanwhile.

use std::{
    path::Path,
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use perennial_bench::mqtt::Clients;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
    sync::Barrier,
    task::JoinSet,
    time::timeout,
};

use super::{
    certificates,
    delivery::{Pairs, Round},
    print,
    process::Server,
};

/// As long as the agent waits for its connection by default.
const PATIENCE: Duration = Duration::from_secs(30);

/// Lets `count` devices connect while others deliver at a modest rate.
pub(super) async fn measure(count: usize) -> Result<()> {
    let folder = tempfile::tempdir()?;
    certificates::make(folder.path())?;
    let server = Server::ours(folder.path())?;
    let clients = Clients::new(server.port, folder.path())?;
    clients.wait_until_served().await?;
    let mut pairs = Pairs::connect(&clients).await?;
    let calm = pairs.modest(&server).await?;
    let (cpu, resident) = (server.cpu_seconds()?, server.resident_bytes()?);
    let mut crowd = Command::new(std::env::current_exe()?)
        .args(["crowd", &folder.path().display().to_string(), &server.port.to_string()])
        .arg(count.to_string())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut lines = BufReader::new(crowd.stdout.take().context("a pipe")?).lines();
    let mut line = async || lines.next_line().await?.context("the crowd said nothing");
    line().await?;
    let storm = pairs.modest(&server).await?;
    let waits: Value = serde_json::from_str(&line().await?)?;
    let (cpu, peak) = (server.cpu_seconds()? - cpu, server.peak_bytes()? - resident);
    let latencies = |round: &Round| json!({ "p50_ms": round.p50_ms, "p99_ms": round.p99_ms });
    print(&json!({
        "measure": "storm", "clients": count, "crowd": waits,
        "server_cpu_us": cpu * 1e6 / count as f64,
        "peak_bytes_per_client": peak as f64 / count as f64,
        "delivery_before": latencies(&calm), "delivery_meanwhile": latencies(&storm),
    }));
    Ok(())
}

/// The crowd: says when it begins and, in the end, how long its devices waited.
pub(super) async fn crowd(folder: &Path, port: u16, count: usize) -> Result<()> {
    let clients = Clients::new(port, folder)?;
    let gate = Arc::new(Barrier::new(count + 1));
    let mut devices = JoinSet::new();
    for n in 0..count {
        let (clients, gate) = (clients.clone(), Arc::clone(&gate));
        devices.spawn(async move {
            gate.wait().await;
            let begun = Instant::now();
            let connected = timeout(PATIENCE, clients.connect(&format!("storm-{n}"))).await;
            connected.ok().and_then(Result::ok).map(|stream| (begun.elapsed(), stream))
        });
    }
    gate.wait().await;
    print(&json!("begun"));
    let connected: Vec<_> = devices.join_all().await.into_iter().flatten().collect();
    let mut waits: Vec<_> = connected.iter().map(|(waited, _)| waited.as_secs_f64()).collect();
    waits.sort_by(f64::total_cmp);
    let Some(last) = waits.len().checked_sub(1) else { bail!("nobody was let in") };
    let at = |share: f64| waits[(last as f64 * share) as usize];
    print(&json!({
        "connected": waits.len(), "wait_first_s": at(0.0), "wait_p50_s": at(0.5),
        "wait_p99_s": at(0.99), "wait_last_s": at(1.0),
    }));
    Ok(())
}
