//! How long a rotation waits and how often it tries.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::days;

/// The spans and counts that bound a rotation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Timing {
    /// Rotations that open together begin spread evenly over this span.
    pub spread_for: Duration,
    /// How long after asking for a CSR to ask again; doubles each time.
    pub csr_wait_for: Duration,
    /// How often at most to ask a device that is connected for its CSR.
    pub max_requests: u32,
    /// How many CSRs of the device to refuse before giving up.
    pub max_refusals: u32,
    /// How long after delivering the certificate to deliver it again; doubles each time.
    pub ack_wait_for: Duration,
    /// How often at most to deliver the certificate to a device that is connected.
    pub max_deliveries: u32,
    /// How long after the incoming certificate was seen connecting to complete without an ack.
    pub settle_for: Duration,
    /// How long after its beginning a rotation may stay open for a device that is away.
    pub hold_for: Duration,
    /// For how long after its end the broker lets an outgoing certificate in to be rotated. Not
    /// fixed at opening: the core must believe of the broker what the broker does now.
    pub recovery_for: Duration,
    /// How often to look again whether a device that was away has come back unnoticed.
    pub poll_for: Duration,
    /// How long a verb may go without outcome before it is sent again.
    pub verb_wait_for: Duration,
    /// The first pause after a verb failed; doubles each time.
    pub backoff_for: Duration,
    /// The longest pause between two tries of anything.
    pub max_backoff_for: Duration,
    /// How often to try one verb.
    pub max_tries: u32,
    /// After how many tries of one verb people are told that the rotation does not get on.
    pub stuck_tries: u32,
    /// How many rotations at most follow upon one that its device gave up.
    pub max_attempts: u32,
    /// The pause before the first of those that only need time; doubles with each.
    pub retry_for: Duration,
    /// How far a device's clock may be behind for a certificate to be made to fit: a clock that
    /// is farther behind trusts this server's own certificate no more.
    pub max_behind_for: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            spread_for: Duration::from_secs(6 * 3600),
            csr_wait_for: Duration::from_secs(60),
            max_requests: 8,
            max_refusals: 3,
            ack_wait_for: Duration::from_secs(60),
            max_deliveries: 8,
            settle_for: Duration::from_secs(30),
            hold_for: days(30),
            recovery_for: days(30),
            poll_for: Duration::from_secs(6 * 3600),
            verb_wait_for: Duration::from_secs(60),
            backoff_for: Duration::from_secs(1),
            max_backoff_for: Duration::from_secs(3600),
            max_tries: 20,
            stuck_tries: 10,
            max_attempts: 5,
            retry_for: Duration::from_secs(15 * 60),
            max_behind_for: days(30),
        }
    }
}

impl Timing {
    /// The pause after try number `tries` (counted from 1) of a verb failed.
    pub fn pause_after(&self, tries: u32) -> Duration {
        self.doubled(self.backoff_for, tries)
    }

    /// How long to wait for an answer to message number `sent` (counted from 1), whose first wait
    /// is `first`.
    pub fn wait_after(&self, first: Duration, sent: u32) -> Duration {
        self.doubled(first, sent)
    }

    /// The pause before attempt number `attempt` (counted from 1) that only needs time: up to a
    /// day.
    pub fn retry_after(&self, attempt: u32) -> Duration {
        let factor = 1u32 << attempt.saturating_sub(1).min(20);
        self.retry_for.saturating_mul(factor).min(days(1).max(self.retry_for))
    }

    fn doubled(&self, first: Duration, nth: u32) -> Duration {
        let factor = 1u32 << nth.saturating_sub(1).min(20);
        first.saturating_mul(factor).min(self.max_backoff_for.max(first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let timing = Timing::default();

        let pauses: Vec<u64> =
            [1, 2, 3, 12, 13, 4_000_000].map(|n| timing.pause_after(n).as_secs()).to_vec();

        assert_eq!(pauses, [1, 2, 4, 2048, 3600, 3600]);
    }
}
