//! Rotations per second, server and devices in one process, against the crypto floor.
//!
//! The floor of a machine with C cores is C ÷ 13 V: both ends of one rotation cannot cost less than
//! about thirteen ECDSA P-256 verifications. V is measured before and after in the same process.
//! `cpu_v_per_rotation` is the process's CPU time over the timed part in units of V: what a rotation
//! costs whatever else the machine does, and whatever it waited for. `rotate [DEVICES]`, 2,000
//! unless told otherwise; prints one JSON object. The goal is a ratio of at least 0.35, then 0.6.
#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use std::{env, process, thread};

use anyhow::{Context as _, Result};
use perennial_bench::{Verification, cpu_seconds};
use perennial_server::demo::{Demo, Options, Summary};
use serde_json::json;

/// The program's own allocator.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Verifications that both ends of a rotation cost at least.
const FLOOR: f64 = 13.0;

fn main() -> Result<()> {
    let devices = match env::args().nth(1) {
        Some(devices) => devices.parse().context("DEVICES must be a number")?,
        None => 2_000,
    };
    let before = Verification::floor_and_median()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let options = Options { devices, faults: false, watched: false, data: None };
    let (summary, cpu_seconds) = runtime.block_on(rotate(options))?;
    let after = Verification::floor_and_median()?;
    let cores = thread::available_parallelism()?.get() as f64;
    let floor = |v_us: f64| cores * 1e6 / (FLOOR * v_us);
    let (v_floor, v_median) = (before.0.min(after.0), (before.1 + after.1) / 2.0);
    let cpu_us = cpu_seconds * 1e6 / summary.rotated as f64;
    println!(
        "{}",
        json!({
            "devices": summary.devices,
            "rotated": summary.rotated,
            "seconds": summary.seconds,
            "rotations_per_second": summary.rotations_per_second,
            "cpu_us_per_rotation": cpu_us,
            "cpu_v_per_rotation": { "v_floor": cpu_us / v_floor, "v_median": cpu_us / v_median },
            "v_us": { "floor": v_floor, "median": v_median },
            "ratio_to_floor_of": {
                "v_floor": summary.rotations_per_second / floor(v_floor),
                "v_median": summary.rotations_per_second / floor(v_median),
            },
        })
    );
    Ok(())
}

/// Rotates the fleet; answers what became of it, and the CPU time from the audit to the end.
async fn rotate(options: Options) -> Result<(Summary, f64)> {
    let mut demo = Demo::start(options).await?;
    let before = cpu_seconds(process::id())?;
    let took_for = demo.rotate().await?;
    let used = cpu_seconds(process::id())? - before;
    let summary = demo.summary(took_for).await?;
    demo.stop().await;
    Ok((summary, used))
}
