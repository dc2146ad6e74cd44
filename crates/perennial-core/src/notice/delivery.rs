//! How often a message about a notice is tried before it counts as not delivered.

use std::time::Duration;

use crate::time::Timestamp;

/// How patient deliveries are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Redelivery {
    /// The pause after the first try; doubles each time.
    pub pause_for: Duration,
    /// The longest pause.
    pub max_pause_for: Duration,
    /// How often one message is tried for one target.
    pub max_tries: u32,
}

/// What comes of a try that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is tried again.
    TryAgain {
        /// When.
        at: Timestamp,
    },
    /// It counts as not delivered.
    GiveUp,
}

impl Default for Redelivery {
    fn default() -> Self {
        let (pause_for, max_pause_for) = (Duration::from_secs(2), Duration::from_secs(600));
        Self { pause_for, max_pause_for, max_tries: 12 }
    }
}

impl Redelivery {
    /// What comes of it that try number `tries` (counted from 1) failed; `hopeless` says that
    /// another would fail as well.
    pub fn after(&self, tries: u32, hopeless: bool, now: Timestamp) -> Verdict {
        if hopeless || tries >= self.max_tries {
            return Verdict::GiveUp;
        }
        let factor = 1u32 << tries.saturating_sub(1).min(20);
        let pause = self.pause_for.saturating_mul(factor).min(self.max_pause_for);
        Verdict::TryAgain { at: now + pause }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_come_to_an_end() {
        let (redelivery, mut now) = (Redelivery::default(), Timestamp::EPOCH);
        let mut pauses = Vec::new();

        for tries in 1.. {
            let Verdict::TryAgain { at } = redelivery.after(tries, false, now) else { break };
            pauses.push(at.since(now).as_secs());
            now = at;
        }

        assert_eq!(pauses, [2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600]);
        assert_eq!(redelivery.after(1, true, now), Verdict::GiveUp);
    }
}
