//! Health: whether what is sent somewhere arrives, so that people are told once when it does not,
//! and once when it does again.

use std::time::Duration;

use crate::time::Timestamp;

/// How a place does to which things are sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Health {
    /// Nothing was sent yet: it may have failed when it was last known.
    #[default]
    Unknown,
    /// What was sent last arrived.
    Well,
    /// Something was given up, and too little time has passed since to trust what arrives.
    Failing {
        /// When for the last time.
        last_at: Timestamp,
    },
}

/// What there is to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Turn {
    /// Things fail from now on.
    ForTheWorse,
    /// They arrive from now on.
    ForTheBetter,
}

impl Health {
    /// For how long nothing must have been given up before an arrival counts: a place that takes
    /// some and refuses others is one that fails, not one that recovers again and again.
    pub const CALM_FOR: Duration = Duration::from_secs(60);

    /// Something was given up.
    pub fn gave_up(&mut self, now: Timestamp) -> Option<Turn> {
        let before = std::mem::replace(self, Self::Failing { last_at: now });
        match before {
            Self::Unknown | Self::Well => Some(Turn::ForTheWorse),
            Self::Failing { .. } => None,
        }
    }

    /// Something arrived.
    pub fn arrived(&mut self, calm_for: Duration, now: Timestamp) -> Option<Turn> {
        match *self {
            Self::Well => None,
            Self::Failing { last_at } if now.since(last_at) < calm_for => None,
            Self::Unknown | Self::Failing { .. } => {
                *self = Self::Well;
                Some(Turn::ForTheBetter)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn after(secs: u64) -> Timestamp {
        T + Duration::from_secs(secs)
    }

    #[test]
    fn a_storm_is_told_once_and_its_end_once() {
        let mut health = Health::default();

        let failing: Vec<_> = (0..100).map(|secs| health.gave_up(after(secs))).collect();
        let arriving: Vec<_> =
            (200..300).map(|secs| health.arrived(Health::CALM_FOR, after(secs))).collect();

        assert_eq!(failing[0], Some(Turn::ForTheWorse));
        assert_eq!(arriving[0], Some(Turn::ForTheBetter));
        assert!(failing[1..].iter().chain(&arriving[1..]).all(Option::is_none));
    }

    #[test]
    fn a_place_that_takes_every_other_does_not_recover_in_between() {
        let mut health = Health::default();
        health.gave_up(T);

        let turns = (1..500).filter_map(|secs| {
            let now = after(secs);
            if secs % 2 == 0 { health.gave_up(now) } else { health.arrived(Health::CALM_FOR, now) }
        });

        assert_eq!(turns.count(), 0);
        assert_eq!(health, Health::Failing { last_at: after(498) });
    }

    #[test]
    fn the_first_arrival_ends_what_nobody_remembers() {
        let mut health = Health::default();

        let turns = [health.arrived(Health::CALM_FOR, T), health.arrived(Health::CALM_FOR, T)];

        assert_eq!(turns, [Some(Turn::ForTheBetter), None]);
    }
}
