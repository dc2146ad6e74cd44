//! An audit of everything with all checks, while devices publish and people ask.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use perennial_core::audit::CheckName;
use serde_json::{Value, json};

use crate::{
    calls::{describe, percentiles},
    client::Client,
    probe::Probe,
};

/// Calls between two looks at the audit.
const CALLS: usize = 50;
/// How long is measured without an audit, to compare with.
const CALM: Duration = Duration::from_secs(5);

/// The messages' and the calls' p50 and p99 before and while an audit runs, and how long it runs.
pub(crate) async fn measure(
    client: &mut Client,
    probe: (u16, &std::path::Path),
    things: u64,
    server: u32,
) -> Result<Value> {
    let begun = Instant::now();
    let calm = beside(client, probe, things, async |_| Ok(begun.elapsed() < CALM)).await?;
    perennial_bench::forget_peak(server)?;
    let resident = perennial_bench::resident_bytes(server)?;
    let begun = Instant::now();
    let task = start(client).await?;
    let audited =
        beside(client, probe, things, async |client| is_running(client, &task).await).await?;
    let took = begun.elapsed();
    Ok(json!({
        "calm": calm,
        "meanwhile": audited,
        "seconds": (took.as_secs_f64() * 1e3).round() / 1e3,
        "resident_before_mb": resident >> 20,
        "peak_rss_mb": perennial_bench::peak_bytes(server)? >> 20,
    }))
}

/// Publishes and calls as long as something goes on.
async fn beside(
    client: &mut Client,
    (port, folder): (u16, &std::path::Path),
    things: u64,
    mut goes_on: impl AsyncFnMut(&mut Client) -> Result<bool>,
) -> Result<Value> {
    let probe = Probe::begin(port, folder).await?;
    let mut called = Vec::new();
    while goes_on(client).await? {
        called.extend(describe(client, things, CALLS).await?);
    }
    let messages = probe.end().await?;
    Ok(json!({
        "messages": messages.len(),
        "mqtt_ms": percentiles(messages),
        "describe_thing_ms": percentiles(called),
    }))
}

/// Starts an audit with every check that has something to examine.
async fn start(client: &mut Client) -> Result<String> {
    let enabled = CheckName::ALL.into_iter().filter(|check| check.has_subject());
    let names: Vec<String> = enabled.map(|check| check.to_string()).collect();
    let configurations: serde_json::Map<String, Value> =
        names.iter().map(|name| (name.clone(), json!({ "enabled": true }))).collect();
    let body = json!({ "auditCheckConfigurations": configurations }).to_string();
    client.call_with("PATCH", "/audit/configuration", body.into_bytes()).await?;
    let body = json!({ "targetCheckNames": names }).to_string();
    let task = client.call_with("POST", "/audit/tasks", body.into_bytes()).await?;
    Ok(task["taskId"].as_str().unwrap_or_default().to_owned())
}

async fn is_running(client: &mut Client, task: &str) -> Result<bool> {
    let answer = client.call("GET", &format!("/audit/tasks/{task}")).await?;
    let status = answer["taskStatus"].as_str().unwrap_or_default();
    ensure!(matches!(status, "IN_PROGRESS" | "COMPLETED"), "the audit ended as {answer}");
    Ok(status == "IN_PROGRESS")
}
