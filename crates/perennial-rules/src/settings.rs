//! How much waits, how long, and how often it is tried.

use std::{path::PathBuf, time::Duration};

use perennial_core::notice::Health;
use perennial_outbound::RetrySchedule;

/// How rules deliver.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The account that rules may ask for.
    pub account_id: String,
    /// How what failed is tried again.
    pub retry: RetrySchedule,
    /// For how long none of an action's deliveries must have been given up before one that arrives
    /// shows that they do again.
    pub calm_for: Duration,
    /// How many deliveries of an action may wait.
    pub max_waiting: usize,
    /// How many bytes of payload an action's deliveries may hold.
    pub max_waiting_bytes: usize,
    /// How many requests of an action are under way at a time.
    pub in_flight: usize,
    /// How long a delivery that is under way may go on when the server stops.
    pub stop_for: Duration,
    /// The folder of the files that rules write.
    pub files: PathBuf,
    /// How large such a file becomes before another one is begun.
    pub file_bytes: u64,
    /// How many full ones are kept beside it.
    pub files_kept: u32,
}

impl Settings {
    /// What is sensible, with files in `files`.
    pub fn new(account_id: String, files: PathBuf) -> Self {
        Self {
            account_id,
            retry: RetrySchedule {
                first: Duration::from_secs(1),
                longest: Duration::from_secs(60),
                max_tries: 5,
            },
            calm_for: Health::CALM_FOR,
            max_waiting: 2048,
            max_waiting_bytes: 16 << 20,
            in_flight: 32,
            stop_for: Duration::from_secs(3),
            files,
            file_bytes: 64 << 20,
            files_kept: 4,
        }
    }
}
