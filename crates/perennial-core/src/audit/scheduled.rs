//! Scheduled audits: on which days they run, and which run is owed after a restart.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::time::{Timestamp, days};

/// How often a scheduled audit runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Frequency {
    /// Every day.
    Daily,
    /// Every week.
    Weekly,
    /// Every second week.
    Biweekly,
    /// Every month.
    Monthly,
}

/// A day of the week, as AWS writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "they are the days of the week")]
pub enum DayOfWeek {
    Sun,
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
}

/// A day of the month: `"1"` to `"31"`, or `"LAST"`. A month without it uses its last day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DayOfMonth(u8);

/// When a scheduled audit runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Recurrence {
    /// How often.
    pub frequency: Frequency,
    /// On which day, when monthly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day_of_month: Option<DayOfMonth>,
    /// On which day, when weekly or biweekly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day_of_week: Option<DayOfWeek>,
}

/// A recurrence that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecurrenceError {
    /// Not a day of the month.
    #[error("{0:?} is no day of the month: use 1 to 31 or LAST")]
    DayOfMonth(String),
    /// Monthly without a day, or a day without monthly.
    #[error("dayOfMonth goes with the frequency MONTHLY, which needs it")]
    Monthly,
    /// Weekly without a day, or a day without weekly.
    #[error("dayOfWeek goes with the frequencies WEEKLY and BIWEEKLY, which need it")]
    Weekly,
}

impl FromStr for DayOfMonth {
    type Err = RecurrenceError;
    fn from_str(text: &str) -> Result<Self, RecurrenceError> {
        let plain = !text.starts_with(['0', '+']);
        let number = text.parse().ok().filter(|day| plain && (1..=31).contains(day));
        let last = (text == "LAST").then_some(Self::LAST);
        number.map(Self).or(last).ok_or_else(|| RecurrenceError::DayOfMonth(text.to_owned()))
    }
}

impl DayOfMonth {
    /// The last day of each month; the 31st is no other, but is written as it was given.
    const LAST: Self = Self(0);
}

impl TryFrom<String> for DayOfMonth {
    type Error = RecurrenceError;
    fn try_from(text: String) -> Result<Self, RecurrenceError> {
        text.parse()
    }
}

impl From<DayOfMonth> for String {
    fn from(day: DayOfMonth) -> Self {
        if day == DayOfMonth::LAST { "LAST".to_owned() } else { day.0.to_string() }
    }
}

/// A day, counted from the epoch.
type Day = i64;

/// Between two runs lie at most so many days.
const LONGEST: Day = 62;

impl Recurrence {
    /// Every day.
    pub const DAILY: Self =
        Self { frequency: Frequency::Daily, day_of_month: None, day_of_week: None };

    /// Checks that the days go with the frequency.
    ///
    /// # Errors
    /// [`RecurrenceError`] when one is missing, or there and not wanted.
    pub fn new(
        frequency: Frequency,
        day_of_month: Option<DayOfMonth>,
        day_of_week: Option<DayOfWeek>,
    ) -> Result<Self, RecurrenceError> {
        let weekly = matches!(frequency, Frequency::Weekly | Frequency::Biweekly);
        if day_of_month.is_some() != (frequency == Frequency::Monthly) {
            return Err(RecurrenceError::Monthly);
        }
        if day_of_week.is_some() != weekly {
            return Err(RecurrenceError::Weekly);
        }
        Ok(Self { frequency, day_of_month, day_of_week })
    }

    /// When to start the next run, `last_started` being when the last one started and
    /// `created_at` when the audit was made: days before that are owed nothing.
    ///
    /// `now` when the latest day had no run, however many before it had none either; else the
    /// beginning of the next day, UTC.
    pub fn next_after(
        &self,
        last_started: Option<Timestamp>,
        created_at: Timestamp,
        now: Timestamp,
    ) -> Timestamp {
        let (today, first) = (day_of(now), day_of(created_at));
        let mut past = (first.max(today - LONGEST)..=today).rev();
        let owed = past.find(|day| self.falls_on(*day, first));
        let had = |day: Day| last_started.is_some_and(|last| last >= start_of(day));
        if owed.is_some_and(|day| !had(day)) {
            return now;
        }
        let begin = first.max(today + 1);
        let next = (begin..=begin + LONGEST).find(|day| self.falls_on(*day, first));
        next.map_or(Timestamp::MAX, start_of)
    }

    fn falls_on(&self, day: Day, first: Day) -> bool {
        match self.frequency {
            Frequency::Daily => true,
            Frequency::Weekly => Some(weekday(day)) == self.weekday(),
            Frequency::Biweekly => {
                let anchor = (first..first + 7).find(|it| Some(weekday(*it)) == self.weekday());
                anchor.is_some_and(|anchor| (day - anchor).rem_euclid(14) == 0)
            }
            Frequency::Monthly => self.day_of_month.is_some_and(|wanted| {
                let (in_month, length) = place_in_month(day);
                let wanted = if wanted == DayOfMonth::LAST { length } else { wanted.0.into() };
                in_month == wanted.min(length)
            }),
        }
    }

    fn weekday(&self) -> Option<Day> {
        self.day_of_week.map(|day| match day {
            DayOfWeek::Sun => 0,
            DayOfWeek::Mon => 1,
            DayOfWeek::Tue => 2,
            DayOfWeek::Wed => 3,
            DayOfWeek::Thu => 4,
            DayOfWeek::Fri => 5,
            DayOfWeek::Sat => 6,
        })
    }
}

fn day_of(at: Timestamp) -> Day {
    at.as_secs().div_euclid(86_400)
}

fn start_of(day: Day) -> Timestamp {
    match u64::try_from(day) {
        Ok(after) => Timestamp::EPOCH + days(after),
        Err(_) => Timestamp::EPOCH - days(day.unsigned_abs()),
    }
}

/// Sunday is 0; 1970-01-01 was a Thursday.
fn weekday(day: Day) -> Day {
    (day + 4).rem_euclid(7)
}

/// Which day of its month a day is, from 1, and how many that month has.
///
/// In the calendar that begins with March, months before a leap day come last: 400 years are
/// 146,097 days ("chrono-Compatible Low-Level Date Algorithms", H. Hinnant).
fn place_in_month(day: Day) -> (Day, Day) {
    let day_of_era = (day + 719_468).rem_euclid(146_097);
    let year = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let begin = |month: Day| (153 * month + 2) / 5;
    let is_february = month == 11;
    let next_year = year + 1;
    let leap = next_year % 4 == 0 && (next_year % 100 != 0 || next_year % 400 == 0);
    let length = match (is_february, leap) {
        (true, true) => 29,
        (true, false) => 28,
        (false, _) => begin(month + 1) - begin(month),
    };
    (day_of_year - begin(month) + 1, length)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-01-01 is a Thursday, and day 20,454.
    const NEW_YEAR: Day = 20_454;

    fn monthly(day: &str) -> Recurrence {
        Recurrence::new(Frequency::Monthly, Some(day.parse().unwrap()), None).unwrap()
    }

    /// The days of 2026 on which it would run, as month.day, if looked at daily.
    fn runs(recurrence: Recurrence, created: Day, until: Day) -> Vec<Day> {
        let (mut last, mut runs) = (None, Vec::new());
        for day in created..until {
            let now = start_of(day) + days(1) / 2;
            if recurrence.next_after(last, start_of(created), now) == now {
                last = Some(now);
                runs.push(day - NEW_YEAR);
            }
        }
        runs
    }

    #[test]
    fn a_day_that_a_month_does_not_have_is_its_last() {
        let last_days = [30, 58, 89, 119, 150, 180, 211, 242, 272, 303, 333, 364];
        let thirtieths = [29, 58, 88, 119, 149, 180, 210, 241, 272, 302, 333, 363];

        assert_eq!(runs(monthly("31"), NEW_YEAR, NEW_YEAR + 365), last_days);
        assert_eq!(runs(monthly("LAST"), NEW_YEAR, NEW_YEAR + 365), last_days);
        assert_eq!(runs(monthly("30"), NEW_YEAR, NEW_YEAR + 365), thirtieths);
        // 2028 is a leap year: its February ends on day 789 of this count.
        assert!(runs(monthly("31"), NEW_YEAR + 760, NEW_YEAR + 800).contains(&789));
    }

    #[test]
    fn weeks_begin_with_the_first_such_day_after_the_audit_was_made() {
        let on = |frequency, day| Recurrence::new(frequency, None, Some(day)).unwrap();
        let (weekly, biweekly) = (Frequency::Weekly, Frequency::Biweekly);

        let sundays = runs(on(weekly, DayOfWeek::Sun), NEW_YEAR, NEW_YEAR + 30);
        let thursdays = runs(on(biweekly, DayOfWeek::Thu), NEW_YEAR, NEW_YEAR + 30);
        let later = runs(on(biweekly, DayOfWeek::Thu), NEW_YEAR + 5, NEW_YEAR + 40);

        assert_eq!(sundays, [3, 10, 17, 24]);
        assert_eq!(thursdays, [0, 14, 28]);
        assert_eq!(later, [7, 21, 35]);
    }

    #[test]
    fn missed_days_are_made_up_for_once() {
        let (created, last) = (start_of(NEW_YEAR), start_of(NEW_YEAR + 1));
        let now = start_of(NEW_YEAR + 9) + days(1) / 3;

        let first = Recurrence::DAILY.next_after(Some(last), created, now);
        let second = Recurrence::DAILY.next_after(Some(first), created, now + days(1) / 4);

        assert_eq!((first, second), (now, start_of(NEW_YEAR + 10)));
        assert_eq!(Recurrence::DAILY.next_after(None, created, created), created);
    }

    #[test]
    fn days_go_with_their_frequency() {
        let day: DayOfMonth = "1".parse().unwrap();
        let new = Recurrence::new;

        assert_eq!(new(Frequency::Monthly, None, None), Err(RecurrenceError::Monthly));
        assert_eq!(new(Frequency::Daily, Some(day), None), Err(RecurrenceError::Monthly));
        assert_eq!(new(Frequency::Biweekly, None, None), Err(RecurrenceError::Weekly));
        for bad in ["0", "01", "32", "+1", "last", ""] {
            assert!(bad.parse::<DayOfMonth>().is_err(), "{bad}");
        }
        for good in ["1", "31", "LAST"] {
            assert_eq!(String::from(good.parse::<DayOfMonth>().unwrap()), good);
        }
    }
}
