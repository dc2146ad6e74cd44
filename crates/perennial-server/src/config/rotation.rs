//! `[rotation]`: how rotations are paced.

use std::time::Duration;

use perennial_core::rotation::Timing;
use serde::Deserialize;

use super::Config;

/// How rotations are paced.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rotation {
    /// Whether devices must make a new key.
    pub rekey: bool,
    /// Rotations that one audit opens begin spread over this.
    pub spread_secs: u64,
    /// How long to wait for a CSR before asking again.
    pub csr_wait_secs: u64,
    /// How long to wait for an acknowledgement before delivering again.
    pub ack_wait_secs: u64,
    /// How long after the new certificate was seen connecting to complete without an ack.
    pub settle_secs: u64,
    /// How long a rotation stays open for a device that is away.
    pub hold_secs: u64,
    /// For how long after its end a certificate is let in, on a session that may only rotate it;
    /// 0 for never.
    pub recovery_secs: u64,
    /// How often at most a connected device is asked, or delivered to.
    pub max_tries: u32,
    /// How many rotations at most follow upon one that its device gave up.
    pub max_attempts: u32,
    /// The pause before the first of those that only need time; doubles with each.
    pub retry_secs: u64,
}

impl Default for Rotation {
    fn default() -> Self {
        let timing = Timing::default();
        Self {
            rekey: true,
            spread_secs: timing.spread_for.as_secs(),
            csr_wait_secs: timing.csr_wait_for.as_secs(),
            ack_wait_secs: timing.ack_wait_for.as_secs(),
            settle_secs: timing.settle_for.as_secs(),
            hold_secs: timing.hold_for.as_secs(),
            recovery_secs: timing.recovery_for.as_secs(),
            max_tries: timing.max_requests,
            max_attempts: timing.max_attempts,
            retry_secs: timing.retry_for.as_secs(),
        }
    }
}

impl Config {
    pub(crate) fn timing(&self) -> Timing {
        let rotation = &self.rotation;
        Timing {
            spread_for: Duration::from_secs(rotation.spread_secs),
            csr_wait_for: Duration::from_secs(rotation.csr_wait_secs),
            ack_wait_for: Duration::from_secs(rotation.ack_wait_secs),
            settle_for: Duration::from_secs(rotation.settle_secs),
            hold_for: Duration::from_secs(rotation.hold_secs),
            recovery_for: Duration::from_secs(rotation.recovery_secs),
            max_requests: rotation.max_tries,
            max_deliveries: rotation.max_tries,
            max_attempts: rotation.max_attempts,
            retry_for: Duration::from_secs(rotation.retry_secs),
            ..Timing::default()
        }
    }
}
