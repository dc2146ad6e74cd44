//! The Gregorian calendar, in days from 1970-01-01, before its adoption and after.

use crate::time::Timestamp;

/// A date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Date {
    /// The year; 0 is 1 BC.
    pub(crate) year: i64,
    /// The month, from 1.
    pub(crate) month: i64,
    /// The day, from 1.
    pub(crate) day: i64,
}

/// Days from 0001-01-01 to 1970-01-01.
const BEFORE_EPOCH: i64 = 719_162;
/// Days of 400 years, after which the calendar repeats.
const CYCLE: i64 = 146_097;

/// A point in time in ISO 8601, to the millisecond, UTC.
pub(crate) fn iso(at: Timestamp) -> String {
    let (days, rest) =
        (at.as_millis().div_euclid(86_400_000), at.as_millis().rem_euclid(86_400_000));
    let Date { year, month, day } = Date::from_days(days);
    let (seconds, millis) = (rest / 1000, rest % 1000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

impl Date {
    /// This date, if the calendar has it.
    pub(crate) fn new(year: i64, month: i64, day: i64) -> Option<Self> {
        let exists = (1..=12).contains(&month) && (1..=month_length(year, month)).contains(&day);
        exists.then_some(Self { year, month, day })
    }

    /// The date that is `days` after 1970-01-01.
    pub(crate) fn from_days(days: i64) -> Self {
        let days = days + BEFORE_EPOCH;
        let in_cycle = days.rem_euclid(CYCLE);
        // At most one year too early, on the last day of a leap year's cycle.
        let mut year = 400 * days.div_euclid(CYCLE) + in_cycle * 400 / (CYCLE + 1) + 1;
        while (Self { year: year + 1, month: 1, day: 1 }).days() + BEFORE_EPOCH <= days {
            year += 1;
        }
        while (Self { year, month: 1, day: 1 }).days() + BEFORE_EPOCH > days {
            year -= 1;
        }
        let mut rest = days - BEFORE_EPOCH - Self { year, month: 1, day: 1 }.days();
        let mut month = 1;
        while rest >= month_length(year, month) {
            rest -= month_length(year, month);
            month += 1;
        }
        Self { year, month, day: rest + 1 }
    }

    /// Days from 1970-01-01 to this date.
    pub(crate) fn days(self) -> i64 {
        let past = self.year - 1;
        let leaps = past.div_euclid(4) - past.div_euclid(100) + past.div_euclid(400);
        past * 365 + leaps + self.day_of_year() - 1 - BEFORE_EPOCH
    }

    /// The day in its year, from 1.
    pub(crate) fn day_of_year(self) -> i64 {
        (1..self.month).map(|month| month_length(self.year, month)).sum::<i64>() + self.day
    }

    /// The day in its week: 1 is Monday, 7 Sunday.
    pub(crate) fn weekday(self) -> i64 {
        // 1970-01-01 was a Thursday.
        (self.days() + 3).rem_euclid(7) + 1
    }

    /// Year and number of its week (ISO 8601): week 1 has the year's first Thursday.
    pub(crate) fn week(self) -> (i64, i64) {
        let thursday = Self::from_days(self.days() + 4 - self.weekday());
        (thursday.year, (thursday.day_of_year() - 1) / 7 + 1)
    }
}

/// How many days a year has.
pub(crate) fn year_length(year: i64) -> i64 {
    if is_leap(year) { 366 } else { 365 }
}

fn month_length(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

const fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_a_thousand_years_comes_back() {
        let mut expected = Date { year: 1_599, month: 12, day: 31 }.days();
        for year in 1_600..2_600 {
            for month in 1..=12 {
                for day in 1..=month_length(year, month) {
                    let date = Date::new(year, month, day).unwrap();
                    expected += 1;
                    assert_eq!(date.days(), expected);
                    assert_eq!(Date::from_days(expected), date);
                }
            }
        }
    }

    #[test]
    fn far_away_days_come_back_too() {
        for days in [-800_000_000, -719_163, -719_162, -719_528, 0, 11_016, 2_932_896, 100_000_000]
        {
            assert_eq!(Date::from_days(days).days(), days);
        }
    }

    #[test]
    fn weeks_belong_to_the_year_of_their_thursday() {
        for (year, month, day, weekday, week) in [
            (1970, 1, 1, 4, (1970, 1)),
            (2026, 12, 31, 4, (2026, 53)),
            (2027, 1, 3, 7, (2026, 53)),
            (2024, 12, 30, 1, (2025, 1)),
        ] {
            let date = Date::new(year, month, day).unwrap();
            assert_eq!((date.weekday(), date.week()), (weekday, week), "{date:?}");
        }
        assert_eq!(Date::new(2023, 2, 29), None);
        assert_eq!(year_length(2024), 366);
    }
}
