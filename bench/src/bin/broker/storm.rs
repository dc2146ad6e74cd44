//! All devices at once, as after a restart: how long the last one waits, and what it costs ours.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use serde_json::json;
use tokio::{sync::Barrier, task::JoinSet, time::timeout};

use super::{certificates, client::Clients, process::Server};

/// As long as the agent waits for its connection by default.
const PATIENCE: Duration = Duration::from_secs(30);

/// Lets `count` devices connect in the same moment, each trying once.
pub(super) async fn measure(count: usize) -> Result<()> {
    let folder = tempfile::tempdir()?;
    certificates::make(folder.path())?;
    let server = Server::ours(folder.path())?;
    let clients = Clients::new(server.port, folder.path())?;
    clients.wait_until_served().await?;
    let (cpu, resident) = (server.cpu_seconds()?, server.resident_bytes()?);
    let gate = Arc::new(Barrier::new(count));
    let mut devices = JoinSet::new();
    for n in 0..count {
        let (clients, gate) = (clients.clone(), Arc::clone(&gate));
        devices.spawn(async move {
            gate.wait().await;
            let begun = Instant::now();
            let connected = timeout(PATIENCE, clients.connect(&format!("storm-{n}"))).await;
            let stream = connected.ok().and_then(Result::ok);
            (begun.elapsed(), stream)
        });
    }
    let begun = Instant::now();
    let mut waits = Vec::with_capacity(count);
    let mut streams = Vec::with_capacity(count);
    while let Some(done) = devices.join_next().await {
        let (waited, stream) = done?;
        if let Some(stream) = stream {
            waits.push(waited);
            streams.push(stream);
        }
    }
    let wall = begun.elapsed().as_secs_f64();
    if waits.is_empty() {
        bail!("nobody was let in");
    }
    waits.sort_unstable();
    let at = |share: f64| waits[((waits.len() - 1) as f64 * share) as usize].as_secs_f64();
    let result = json!({
        "measure": "storm", "clients": count, "connected": waits.len(), "seconds": wall,
        "wait_first_s": at(0.0), "wait_p50_s": at(0.5), "wait_p99_s": at(0.99), "wait_last_s": at(1.0),
        "server_cpu_us": (server.cpu_seconds()? - cpu) * 1e6 / waits.len() as f64,
        "peak_bytes_per_client": (server.peak_bytes()? - resident) as f64 / count as f64,
        "resident_bytes_per_client": (server.resident_bytes()? - resident) as f64 / count as f64,
    });
    super::print(&result);
    Ok(())
}
