//! Memory as the system counts it.

use std::fs;

use anyhow::{Context as _, Result};

/// What a process has resident now, in bytes.
///
/// # Errors
/// When there is no such process, or no `/proc`.
pub fn resident_bytes(pid: u32) -> Result<i64> {
    line(pid, "VmRSS:")
}

/// The most that it had resident at any moment since [`forget_peak`], in bytes.
///
/// # Errors
/// When there is no such process, or no `/proc`.
pub fn peak_bytes(pid: u32) -> Result<i64> {
    line(pid, "VmHWM:")
}

/// Lets the peak begin at what is resident now.
///
/// # Errors
/// When there is no such process, or it is not ours.
pub fn forget_peak(pid: u32) -> Result<()> {
    Ok(fs::write(format!("/proc/{pid}/clear_refs"), "5")?)
}

fn line(pid: u32, what: &'static str) -> Result<i64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix(what)).context(what)?;
    let kilobytes: i64 = line.trim().trim_end_matches(" kB").trim().parse()?;
    Ok(kilobytes * 1024)
}
