//! Quiet hours: when people are only told what cannot wait.

use super::zone::{DAY, Zone};
use crate::time::Timestamp;

/// The longest that quiet hours may be, in minutes: what they hold back must get through.
const MOST: i64 = 16 * 60;

/// Hours of each day, by a time zone's clocks, in which people are only told what cannot wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuietHours {
    from: i64,
    to: i64,
    zone: Zone,
}

/// Why those are no quiet hours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuietError {
    /// A minute that no day has.
    #[error("a day has 24 hours of 60 minutes: minute {0} is in none")]
    Minute(u16),
    /// Nothing, or too long.
    #[error("quiet hours last from a minute to 16 hours, not {0} minutes")]
    Length(i64),
}

impl QuietHours {
    /// From minute `from` of each day until before minute `to`, which may be of the next day.
    ///
    /// # Errors
    /// [`QuietError`] says what is wrong.
    pub fn new(from: u16, to: u16, zone: Zone) -> Result<Self, QuietError> {
        if let Some(minute) = [from, to].into_iter().find(|it| i64::from(*it) >= DAY) {
            return Err(QuietError::Minute(minute));
        }
        let (from, to) = (i64::from(from), i64::from(to));
        let length = (to - from).rem_euclid(DAY);
        if length == 0 || length > MOST {
            return Err(QuietError::Length(length));
        }
        Ok(Self { from, to, zone })
    }

    /// Whether it is quiet.
    pub fn is_quiet(&self, at: Timestamp) -> bool {
        let into = (self.zone.minute(at) - self.from).rem_euclid(DAY);
        into < (self.to - self.from).rem_euclid(DAY)
    }

    /// The first moment from `at` on at which it is not quiet.
    pub fn loud_from(&self, mut at: Timestamp) -> Timestamp {
        // Once more for each time that clocks are changed while it is quiet.
        while self.is_quiet(at) {
            at = self.zone.until(self.to, at);
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const HOUR: i64 = 3_600;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    #[test]
    fn a_night_goes_from_evening_to_morning() {
        let night = QuietHours::new(22 * 60, 7 * 60, Zone::UTC).unwrap();

        assert!(!night.is_quiet(at(22 * HOUR - 1)));
        assert!(night.is_quiet(at(22 * HOUR)));
        assert!(night.is_quiet(at(31 * HOUR - 1)));
        assert_eq!(night.loud_from(at(22 * HOUR + 17)), at(31 * HOUR));
        assert_eq!(night.loud_from(at(31 * HOUR)), at(31 * HOUR));
    }

    #[test]
    fn hours_are_the_zones() {
        let berlin = Zone::new(60, Vec::new()).unwrap();

        let night = QuietHours::new(0, 60, berlin).unwrap();

        assert!(night.is_quiet(at(23 * HOUR)));
        assert_eq!(night.loud_from(at(23 * HOUR)), at(24 * HOUR));
    }

    #[test]
    fn a_clock_that_is_put_forward_at_night_shortens_it() {
        let forward = Zone::new(60, vec![(at(25 * HOUR), 120)]).unwrap();

        let night = QuietHours::new(22 * 60, 7 * 60, forward).unwrap();

        assert_eq!(night.loud_from(at(22 * HOUR)), at(29 * HOUR));
    }

    #[test]
    fn a_clock_that_is_put_back_into_quiet_hours_keeps_them() {
        let back = Zone::new(120, vec![(at(5 * HOUR), 60)]).unwrap();

        let night = QuietHours::new(22 * 60, 7 * 60, back).unwrap();

        assert_eq!(night.loud_from(at(4 * HOUR)), at(6 * HOUR));
    }

    #[test]
    fn what_would_be_quiet_for_ever_is_refused() {
        assert_eq!(QuietHours::new(60, 60, Zone::UTC), Err(QuietError::Length(0)));
        assert_eq!(QuietHours::new(60, 59, Zone::UTC), Err(QuietError::Length(1_439)));
        assert_eq!(QuietHours::new(1_440, 59, Zone::UTC), Err(QuietError::Minute(1_440)));
    }

    proptest::proptest! {
        #[test]
        fn it_is_loud_again_within_the_longest_quiet_hours(
            from in 0u16..1_440, length in 1u16..=960, offset in -720i16..=720, now in 0i64..1 << 42,
        ) {
            let zone = Zone::new(offset, Vec::new()).unwrap();
            let quiet = QuietHours::new(from, (from + length) % 1_440, zone).unwrap();
            let now = Timestamp::from_millis(now);

            let loud = quiet.loud_from(now);

            proptest::prop_assert!(!quiet.is_quiet(loud) && loud >= now);
            proptest::prop_assert!(loud.since(now) <= Duration::from_secs(u64::from(length) * 60));
            let before = loud - Duration::from_millis(1);
            proptest::prop_assert!(loud == now || quiet.is_quiet(before));
        }
    }
}
