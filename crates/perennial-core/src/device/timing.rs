//! How patient a device is.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The spans and counts of the device's machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// The first pause before connecting again; doubles with each failure.
    pub backoff_for: Duration,
    /// The longest pause before connecting again.
    pub max_backoff_for: Duration,
    /// How often a broker must refuse a credential before another one is tried.
    pub max_rejections: u32,
    /// How often the candidate may find nobody to connect to before the current credential is
    /// asked whether there is anybody at all.
    pub max_unreachable: u32,
    /// How long to wait for the broker's PUBACK before a message is sent again.
    pub resend_for: Duration,
    /// Whether a hook runs after promotion.
    pub has_hook: bool,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            backoff_for: Duration::from_secs(1),
            max_backoff_for: Duration::from_secs(300),
            max_rejections: 3,
            max_unreachable: 10,
            resend_for: Duration::from_secs(30),
            has_hook: false,
        }
    }
}

impl Timing {
    /// The pause before the next try after `failures` in a row: doubling, capped, and between
    /// half and all of that as `draw` has it.
    pub fn pause(&self, failures: u32, draw: u32) -> Duration {
        let full = self.backoff_for.saturating_mul(1 << failures.min(20)).min(self.max_backoff_for);
        full.mul_f64(0.5 + 0.5 * f64::from(draw) / f64::from(u32::MAX))
    }
}
