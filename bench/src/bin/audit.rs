//! Audits of a million certificates, ten thousand of them about to end: seconds and memory.
//!
//! `audit [CERTIFICATES]`; prints one JSON object. The goal is at most 2 seconds and 300 MB for the
//! expiring check alone, 30 seconds and 500 MB for all checks. Every device is connected, one key
//! in a thousand is weak, and what is read of a certificate's DER was read before, which is
//! measured too. The audits run in a process of their own, so that its memory is theirs.
#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use std::{
    env,
    path::Path,
    process,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use perennial_bench::registered;
use perennial_core::{
    audit::{AuditTask, CheckName, KeyPrint, KeyQuality, revocation::CertificateNotes},
    ids::{AuditTaskId, CertificateId, ClientId},
    time::{Timestamp, days},
};
use perennial_orchestrator::port::Clock;
use perennial_store::{AuditFile, ConnectionChange, Settings, Store};
use serde_json::{Value, json};

/// When it all happens.
const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
/// What makes this program examine a store that is filled.
const EXAMINE: &str = "--examine";

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = env::args().skip(1);
    let first = arguments.next();
    if first.as_deref() == Some(EXAMINE) {
        let folder = arguments.next().context("a folder is wanted")?;
        println!("{}", examine(Path::new(&folder)).await?);
        return Ok(());
    }
    let certificates: u64 = match first {
        Some(count) => count.parse().context("CERTIFICATES must be a number")?,
        None => 1_000_000,
    };
    let folder = tempfile::tempdir()?;
    let mut report = prepare(folder.path(), certificates).await?;
    let audits = process::Command::new(env::current_exe()?)
        .arg(EXAMINE)
        .arg(folder.path())
        .stderr(process::Stdio::inherit())
        .output()?;
    let audits: Value = serde_json::from_slice(&audits.stdout).context("the audits failed")?;
    for (name, value) in audits.as_object().context("the audits answered no object")? {
        report[name] = value.clone();
    }
    println!("{report}");
    Ok(())
}

/// Fills a store with all that audits look at.
async fn prepare(folder: &Path, certificates: u64) -> Result<Value> {
    let store = Store::open(folder, Settings::default())?;
    let begun = Instant::now();
    registered::fill(&store, certificates, NOW).await?;
    let filling = begun.elapsed();
    let enable = CheckName::ALL.into_iter().filter(|check| check.has_subject()).collect();
    store.take_over_audit_file(AuditFile { enable }, NOW - days(90)).await?;
    let begun = Instant::now();
    while store.read_new_certificates(notes, 1000).await? > 0 {}
    let reading = begun.elapsed();
    let begun = Instant::now();
    connect(&store, certificates).await?;
    Ok(json!({
        "certificates": certificates,
        "fill_seconds": seconds(filling),
        "read_certificates_seconds": seconds(reading),
        "record_connections_seconds": seconds(begun.elapsed()),
    }))
}

/// Audits a store that is filled, with cold caches.
async fn examine(folder: &Path) -> Result<Value> {
    let store = reopened(folder).await?;
    let before = resident_mb()?;
    let expiring = vec![CheckName::DeviceCertificateExpiring.to_string()];
    let id = AuditTaskId::from_bytes([1; 16]);
    store.start_audit(id, expiring, NOW).await?;
    let begun = Instant::now();
    let task = store.run_audit_task(id, &Still).await?;
    let (alone, alone_mb) = (begun.elapsed(), resident_mb()?);
    let begun = Instant::now();
    let all = store.run_audit(AuditTaskId::from_bytes([2; 16]), &Still).await?;
    Ok(json!({
        "expiring": {
            "findings": findings(&task),
            "seconds": seconds(alone),
            "peak_rss_mb": alone_mb,
        },
        "all_checks": {
            "findings": findings(&all),
            "seconds": seconds(begun.elapsed()),
            "peak_rss_mb": resident_mb()?,
        },
        "rss_before_mb": before,
    }))
}

/// A clock that stands still.
struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        NOW
    }
}

fn findings(task: &AuditTask) -> u64 {
    task.audit_details.values().map(|check| check.non_compliant).sum()
}

fn seconds(span: Duration) -> f64 {
    (span.as_secs_f64() * 1000.0).round() / 1000.0
}

/// What is read of a certificate, as if its key were RSA, and one in a thousand a weak one.
fn notes(der: &[u8]) -> Option<CertificateNotes> {
    let mut notes = perennial_pki::notes(der).ok()?;
    let digest = notes.spki_digest.as_bytes();
    let (drawn, print) = (digest.first_chunk()?, *digest.last_chunk()?);
    let roca = u32::from_be_bytes(*drawn).is_multiple_of(1000);
    notes.key = KeyQuality { roca, print: Some(KeyPrint(print)) };
    Some(notes)
}

async fn connect(store: &Store, certificates: u64) -> Result<()> {
    for first in (0..certificates).step_by(2000) {
        let numbers = first..(first + 2000).min(certificates);
        let came = |number: u64| {
            Ok(ConnectionChange::Connected {
                client_id: ClientId::new(&registered::name(number))?,
                principal: CertificateId::from_bytes(registered::id(number)),
                at: NOW - days(1),
            })
        };
        store.record_connections(numbers.map(came).collect::<Result<_>>()?).await?;
    }
    Ok(())
}

/// The store, once whoever filled it has let go of it.
async fn reopened(folder: &Path) -> Result<Store> {
    loop {
        match Store::open(folder, Settings::default()) {
            Err(perennial_store::OpenError::InUse { .. }) => tokio::task::yield_now().await,
            opened => return Ok(opened?),
        }
    }
}

/// The process's largest resident size so far, in megabytes.
fn resident_mb() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmHWM")).context("no VmHWM")?;
    let kb: u64 = line.split_whitespace().nth(1).context("no figure")?.parse()?;
    Ok(kb / 1024)
}
