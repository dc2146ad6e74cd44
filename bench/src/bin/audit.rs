//! One audit of a million certificates, ten thousand of them about to end: seconds and memory.
//!
//! `audit [CERTIFICATES]`; prints one JSON object. The goal is at most 2 seconds and 300 MB.
#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use std::{env, time::Instant};

use anyhow::{Context as _, Result};
use perennial_core::{
    audit::TaskType,
    certificate::{CertificateStatus, Validity},
    ids::{AuditTaskId, CertificateId, Digest, ThingName},
    time::{Timestamp, days},
};
use perennial_store::{NewCertificate, Settings, Store};
use serde_json::json;

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
/// One in this many is about to end.
const EXPIRING: u64 = 100;
const BATCH: u64 = 5_000;

#[tokio::main]
async fn main() -> Result<()> {
    let certificates: u64 = match env::args().nth(1) {
        Some(count) => count.parse().context("CERTIFICATES must be a number")?,
        None => 1_000_000,
    };
    let folder = tempfile::tempdir()?;
    let begun = Instant::now();
    fill(&Store::open(folder.path(), Settings::default())?, certificates).await?;
    let filling = begun.elapsed();

    let store = reopened(folder.path()).await?;
    let before = resident_mb()?;
    let begun = Instant::now();
    let id = AuditTaskId::from_bytes([1; 16]);
    let task = store.run_audit(id, TaskType::OnDemandAuditTask, NOW).await?;
    let seconds = begun.elapsed().as_secs_f64();
    let findings: u64 = task.audit_details.values().map(|check| check.non_compliant).sum();
    println!(
        "{}",
        json!({
            "certificates": certificates,
            "findings": findings,
            "seconds": (seconds * 1000.0).round() / 1000.0,
            "peak_rss_mb": resident_mb()?,
            "rss_before_mb": before,
            "fill_seconds": filling.as_secs(),
        })
    );
    Ok(())
}

/// The store anew, so that the audit begins with cold caches of its own.
async fn reopened(folder: &std::path::Path) -> Result<Store> {
    // The writer of the store before lets go of the folder when its thread ends.
    loop {
        match Store::open(folder, Settings::default()) {
            Err(perennial_store::OpenError::InUse { .. }) => tokio::task::yield_now().await,
            opened => return Ok(opened?),
        }
    }
}

async fn fill(store: &Store, certificates: u64) -> Result<()> {
    for first in (0..certificates).step_by(usize::try_from(BATCH)?) {
        let numbers = first..(first + BATCH).min(certificates);
        store.register(numbers.map(row).collect::<Result<_>>()?, NOW).await?;
    }
    Ok(())
}

fn row(number: u64) -> Result<NewCertificate> {
    let left_for = if number.is_multiple_of(EXPIRING) { days(7) } else { days(60) };
    // Spread over the whole index, as digests are.
    let mut id = [0; 32];
    id[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    id[8..16].copy_from_slice(&number.to_be_bytes());
    Ok(NewCertificate {
        certificate_id: CertificateId::from_bytes(id),
        der: vec![7; 600],
        spki_digest: Digest::from_bytes(id),
        validity: Validity { not_before: NOW - days(30), not_after: NOW + left_for },
        status: CertificateStatus::Active,
        thing: ThingName::new(&format!("device-{number}"))?,
        policies: Vec::new(),
    })
}

/// The process's largest resident size so far, in megabytes.
fn resident_mb() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmHWM")).context("no VmHWM")?;
    let kb: u64 = line.split_whitespace().nth(1).context("no figure")?.parse()?;
    Ok(kb / 1024)
}
