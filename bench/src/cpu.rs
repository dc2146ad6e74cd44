//! CPU time as the system counts it: what a process costs however busy the machine is otherwise.

use anyhow::{Context as _, Result};

/// `USER_HZ`, which Linux fixes at this for all that `/proc` tells.
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU time of a process, all its threads, user and system, in seconds.
///
/// # Errors
/// When there is no such process, or no `/proc`.
pub fn cpu_seconds(pid: u32) -> Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split(' ').collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok());
    let (user, system) = (ticks(12).context("utime")?, ticks(13).context("stime")?);
    Ok((user + system) / TICKS_PER_SECOND)
}
