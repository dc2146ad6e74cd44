//! When to try again: after pauses that grow, spread by chance, and not for ever.

use std::time::Duration;

/// How what failed is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetrySchedule {
    /// The pause after the first failure; doubles with each.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
    /// How many tries there are in all.
    pub max_tries: u32,
}

impl RetrySchedule {
    /// The pause after `tries` that failed, or none when it is given up. `draw` is random: its share
    /// of `u32::MAX` is the share of the pause's second half that is waited, so that what failed
    /// together does not come back together.
    pub fn pause_after(&self, tries: u32, draw: u32) -> Option<Duration> {
        if tries >= self.max_tries {
            return None;
        }
        let doublings = tries.saturating_sub(1).min(31);
        let whole = self.first.saturating_mul(1 << doublings).min(self.longest);
        Some(whole.mul_f64(0.5 + 0.5 * f64::from(draw) / f64::from(u32::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEDULE: RetrySchedule = RetrySchedule {
        first: Duration::from_secs(2),
        longest: Duration::from_secs(60),
        max_tries: 40,
    };

    #[test]
    fn pauses_grow_to_the_longest() {
        let pauses: Vec<_> = (1..40)
            .filter_map(|tries| SCHEDULE.pause_after(tries, u32::MAX))
            .map(|it| it.as_secs())
            .collect();

        assert_eq!(pauses[..6], [2, 4, 8, 16, 32, 60]);
        assert_eq!(pauses.len(), 39);
        assert!(pauses[6..].iter().all(|&pause| pause == 60));
    }

    #[test]
    fn chance_moves_a_pause_within_its_second_half() {
        let least = SCHEDULE.pause_after(3, 0);
        let most = SCHEDULE.pause_after(3, u32::MAX);

        assert_eq!((least, most), (Some(Duration::from_secs(4)), Some(Duration::from_secs(8))));
    }

    #[test]
    fn it_is_given_up_after_the_last_try() {
        assert!(SCHEDULE.pause_after(39, 0).is_some());
        assert_eq!(SCHEDULE.pause_after(40, 0), None);
        assert_eq!(SCHEDULE.pause_after(u32::MAX, 0), None);
    }
}
