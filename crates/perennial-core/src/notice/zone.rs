//! A time zone as plain data: from when on its clocks are how far ahead of UTC.

use std::time::Duration;

use crate::time::Timestamp;

const MINUTE: i64 = 60_000;
/// Minutes of a day.
pub(super) const DAY: i64 = 24 * 60;
/// How far clocks may be from UTC, in minutes (RFC 9557 allows a day; no zone needs more).
const MOST: i16 = 18 * 60;

/// A time zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    /// Minutes ahead of UTC before the first change.
    first: i16,
    /// When that changes, and to what; in order.
    changes: Vec<(Timestamp, i16)>,
}

/// Why that is no time zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ZoneError {
    /// An offset farther from UTC than any zone's.
    #[error("clocks are at most 18 hours ahead of UTC or behind, not {0} minutes")]
    Offset(i16),
    /// A change before the one that stands before it.
    #[error("a time zone's changes must be in order")]
    Order,
}

impl Zone {
    /// UTC.
    pub const UTC: Self = Self { first: 0, changes: Vec::new() };

    /// The zone whose clocks are `first` minutes ahead of UTC, until the first of the changes.
    ///
    /// # Errors
    /// [`ZoneError`] says what is wrong.
    pub fn new(first: i16, changes: Vec<(Timestamp, i16)>) -> Result<Self, ZoneError> {
        let offsets = changes.iter().map(|(_, offset)| *offset);
        if let Some(wrong) = std::iter::once(first).chain(offsets).find(|it| it.abs() > MOST) {
            return Err(ZoneError::Offset(wrong));
        }
        if !changes.is_sorted_by(|(one, _), (next, _)| one < next) {
            return Err(ZoneError::Order);
        }
        Ok(Self { first, changes })
    }

    /// The minute of the day that its clocks show.
    pub(super) fn minute(&self, at: Timestamp) -> i64 {
        (at.as_millis().div_euclid(MINUTE) + i64::from(self.offset(at))).rem_euclid(DAY)
    }

    /// When its clocks next show `minute` of a day, or are changed, whichever is earlier.
    pub(super) fn until(&self, minute: i64, at: Timestamp) -> Timestamp {
        let shown = at.as_millis().div_euclid(MINUTE) * MINUTE;
        let wait = (minute - self.minute(at) - 1).rem_euclid(DAY) + 1;
        let wait = Duration::from_secs(wait.unsigned_abs() * 60);
        let then = Timestamp::from_millis(shown) + wait;
        self.change_after(at).map_or(then, |change| change.min(then))
    }

    fn offset(&self, at: Timestamp) -> i16 {
        let past = self.changes.partition_point(|(from, _)| *from <= at);
        past.checked_sub(1).and_then(|last| self.changes.get(last)).map_or(self.first, |it| it.1)
    }

    fn change_after(&self, at: Timestamp) -> Option<Timestamp> {
        let past = self.changes.partition_point(|(from, _)| *from <= at);
        self.changes.get(past).map(|(from, _)| *from)
    }
}
