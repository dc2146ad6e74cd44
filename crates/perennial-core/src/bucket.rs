//! A token bucket: how much a caller may ask, and how much at once. Time is an argument.

use crate::time::Timestamp;

/// How fast a bucket fills and how much it holds, in requests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Requests a second, in the long run.
    pub per_second: u32,
    /// Requests at once.
    pub burst: u32,
}

/// One caller's bucket.
#[derive(Debug)]
pub struct Bucket {
    /// In thousandths of a request.
    level: u64,
    filled_at: Timestamp,
}

impl Bucket {
    /// A full one.
    pub fn full(rate: Rate, now: Timestamp) -> Self {
        Self { level: u64::from(rate.burst) * 1000, filled_at: now }
    }

    /// Takes one request's worth; answers whether there was that much.
    pub fn take(&mut self, rate: Rate, now: Timestamp) -> bool {
        self.level = self.level_at(rate, now);
        self.filled_at = now;
        let enough = self.level >= 1000;
        if enough {
            self.level -= 1000;
        }
        enough
    }

    /// Whether it is as good as a new one.
    pub fn is_full(&self, rate: Rate, now: Timestamp) -> bool {
        self.level_at(rate, now) >= u64::from(rate.burst) * 1000
    }

    fn level_at(&self, rate: Rate, now: Timestamp) -> u64 {
        // A request a second is a thousandth a millisecond.
        let millis = u64::try_from(now.since(self.filled_at).as_millis()).unwrap_or(u64::MAX);
        let filled = self.level.saturating_add(millis.saturating_mul(rate.per_second.into()));
        filled.min(u64::from(rate.burst) * 1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_only_the_rate() {
        let (rate, at) = (Rate { per_second: 2, burst: 3 }, Timestamp::from_millis);
        let mut bucket = Bucket::full(rate, at(0));

        let burst: Vec<bool> = (0..4).map(|_| bucket.take(rate, at(0))).collect();
        let later: Vec<bool> =
            [499, 500, 501, 999, 1000].map(|ms| bucket.take(rate, at(ms))).into();

        assert_eq!(burst, [true, true, true, false]);
        assert_eq!(later, [false, true, false, false, true]);
    }

    #[test]
    fn a_clock_that_steps_back_gives_nothing_and_takes_nothing() {
        let (rate, at) = (Rate { per_second: 1, burst: 1 }, Timestamp::from_secs);
        let mut bucket = Bucket::full(rate, at(100));

        assert!(bucket.take(rate, at(100)));
        assert!(!bucket.take(rate, at(50)));
        assert!(bucket.take(rate, at(51)));
    }
}
