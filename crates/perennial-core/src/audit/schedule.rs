//! When a scheduled audit runs next: pure, so restarts and missed runs change nothing.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::{Timestamp, days};

/// Slots at even distances from the epoch, one run in each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Schedule {
    /// From one slot to the next.
    every: Duration,
    /// From the epoch to the first slot; shorter than `every`.
    offset: Duration,
}

/// A schedule that cannot be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// A time of day of 24 hours or more.
    #[error("a daily audit starts less than 24 hours after midnight UTC, not {0:?} after")]
    TimeOfDay(Duration),
    /// Less than a second, or longer than 366 days.
    #[error("audits run from every second to every 366 days, not every {0:?}")]
    Every(Duration),
}

impl Default for Schedule {
    /// Once a day, at midnight UTC.
    fn default() -> Self {
        Self { every: days(1), offset: Duration::ZERO }
    }
}

impl Schedule {
    /// Once a day, `time_of_day` after midnight UTC.
    ///
    /// # Errors
    /// [`ScheduleError::TimeOfDay`] when that is 24 hours or more.
    pub fn daily(time_of_day: Duration) -> Result<Self, ScheduleError> {
        if time_of_day >= days(1) {
            return Err(ScheduleError::TimeOfDay(time_of_day));
        }
        Ok(Self { every: days(1), offset: time_of_day })
    }

    /// Once in each span of `every` since the epoch, for certificates that live for hours or
    /// minutes; AWS has nothing shorter than a day.
    ///
    /// # Errors
    /// [`ScheduleError::Every`] when it is under a second or over 366 days.
    pub fn every(every: Duration) -> Result<Self, ScheduleError> {
        if every < Duration::from_secs(1) || every > days(366) {
            return Err(ScheduleError::Every(every));
        }
        Ok(Self { every, offset: Duration::ZERO })
    }

    /// When to start the next run, `last_started` being when the last one started.
    ///
    /// `now` when the slot that `now` lies in has had no run (the first run ever, or one that was
    /// missed while nobody ran; several missed make one), else the next slot.
    pub fn next_after(&self, last_started: Option<Timestamp>, now: Timestamp) -> Timestamp {
        let slot = self.slot_of(now);
        match last_started {
            Some(last) if last >= slot => slot + self.every,
            Some(_) | None => now,
        }
    }

    /// The latest slot not after `now`.
    fn slot_of(&self, now: Timestamp) -> Timestamp {
        let in_slot = (now - self.offset).as_millis().rem_euclid(millis(self.every));
        now - Duration::from_millis(in_slot.unsigned_abs())
    }
}

/// Whole milliseconds, at least one so that it can divide.
fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX).max(1)
}
