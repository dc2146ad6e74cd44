//! What an agent is told: who it is, where its server is, and how patient it should be.

mod file;

use std::{path::PathBuf, time::Duration};

use perennial_core::{device::Timing, ids::ClientId, topic::Prefix};

pub use file::ConfigError;

use crate::faults::Faults;

/// One agent's settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// The MQTT client id; also the subject that the device's certificates name.
    pub client_id: ClientId,
    /// `host:port` of the MQTT server.
    pub server: String,
    /// The name that the server's certificate must have.
    pub server_name: String,
    /// The data folder.
    pub data: PathBuf,
    /// The first levels of the management topics.
    pub prefix: Prefix,
    /// The MQTT keep-alive, in whole seconds.
    pub keep_alive_for: Duration,
    /// How long connecting may take, from TCP to the SUBACK.
    pub connect_for: Duration,
    /// A command to run after a certificate came into use.
    pub hook: Option<Hook>,
    /// The machine's patience; `has_hook` follows from `hook`.
    pub timing: Timing,
    /// What is to go wrong; nothing without the feature `faults`.
    pub faults: Faults,
}

/// A command with its time limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// Program and arguments; no shell is involved.
    pub command: Vec<String>,
    /// After this long it is killed.
    pub timeout_for: Duration,
}

impl Config {
    /// A configuration with defaults for everything else.
    pub fn new(client_id: ClientId, server: String, server_name: String, data: PathBuf) -> Self {
        Self {
            client_id,
            server,
            server_name,
            data,
            prefix: Prefix::default(),
            keep_alive_for: Duration::from_secs(300),
            connect_for: Duration::from_secs(30),
            hook: None,
            timing: Timing::default(),
            faults: Faults::default(),
        }
    }
}
