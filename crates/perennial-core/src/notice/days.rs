//! Days that are left: the spans at which people are told of something that ends.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::time::{Timestamp, days};

/// How many days are left at most: one of the spans at which people are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Days(pub(super) u16);

impl Days {
    /// When people are told, unless they say otherwise.
    pub const USUAL: [Self; 5] = [Self(30), Self(14), Self(7), Self(3), Self(1)];

    /// This many days.
    pub const fn new(days: u16) -> Self {
        Self(days)
    }

    /// The shortest of these spans that has not begun later than now.
    pub fn left(ends_at: Timestamp, spans: &[Self], now: Timestamp) -> Option<Self> {
        let begun = spans.iter().filter(|it| ends_at.since(now) <= it.span());
        begun.min().copied()
    }

    /// As a span.
    pub fn span(self) -> Duration {
        days(u64::from(self.0))
    }
}

impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => f.write_str("a day"),
            more => write!(f, "{more} days"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_span_that_has_begun_counts() {
        let now = Timestamp::from_secs(1_000_000);
        let left = |in_days: u64, more: u64| {
            let ends_at = now + days(in_days) + Duration::from_secs(more);
            Days::left(ends_at, &Days::USUAL, now).map(|it| it.0)
        };

        assert_eq!(left(30, 1), None);
        assert_eq!(left(30, 0), Some(30));
        assert_eq!(left(14, 1), Some(30));
        assert_eq!(left(3, 1), Some(7));
        assert_eq!(left(3, 0), Some(3));
        assert_eq!(left(0, 1), Some(1));
    }
}
