//! A time by a pattern of Joda-Time's.

use std::fmt::Write;

use super::{
    super::context::{Offset, Zones},
    Layout, MILLIS_A_DAY, MONTHS, Piece, WEEKDAYS, zone,
};
use crate::calendar::Date;

/// The farthest time from 1970 that is written, in milliseconds: 100 million days.
const FARTHEST: i64 = 100_000_000 * MILLIS_A_DAY;

impl Layout {
    /// The time `millis` after 1970 as clocks in `zone` show it; `None` when there is no such
    /// zone or the time is too far away.
    pub(in super::super) fn write(
        &self,
        millis: i64,
        zone: &str,
        zones: &dyn Zones,
    ) -> Option<String> {
        if !(-FARTHEST..=FARTHEST).contains(&millis) {
            return None;
        }
        let offset = zone::at(zone, millis, zones)?;
        let local = millis + i64::from(offset.seconds) * 1_000;
        let date = Date::from_days(local.div_euclid(MILLIS_A_DAY));
        let moment = Moment { date, of_day: local.rem_euclid(MILLIS_A_DAY), offset, zone };
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Literal(c) => text.push(*c),
                Piece::Field { letter, count } => text.push_str(&moment.field(*letter, *count)),
            }
        }
        Some(text)
    }
}

struct Moment<'z> {
    date: Date,
    /// Milliseconds since midnight.
    of_day: i64,
    offset: Offset,
    zone: &'z str,
}

impl Moment<'_> {
    fn field(&self, letter: char, count: usize) -> String {
        let Date { year, month, day } = self.date;
        let hour = self.of_day / 3_600_000;
        match letter {
            'G' => if year > 0 { "AD" } else { "BC" }.to_owned(),
            'C' => padded(year_of_era(year) / 100, count),
            'Y' => year_field(year_of_era(year), count),
            'y' => year_field(year, count),
            'x' => year_field(self.date.week().0, count),
            'w' => padded(self.date.week().1, count),
            'e' => padded(self.date.weekday(), count),
            'E' => name(&WEEKDAYS, self.date.weekday(), count),
            'D' => padded(self.date.day_of_year(), count),
            'M' if count > 2 => name(&MONTHS, month, count),
            'M' => padded(month, count),
            'd' => padded(day, count),
            'a' => if hour < 12 { "AM" } else { "PM" }.to_owned(),
            'K' => padded(hour % 12, count),
            'h' => padded((hour + 11) % 12 + 1, count),
            'H' => padded(hour, count),
            'k' => padded((hour + 23) % 24 + 1, count),
            'm' => padded(self.of_day / 60_000 % 60, count),
            's' => padded(self.of_day / 1_000 % 60, count),
            'S' => fraction(self.of_day % 1_000, count),
            'z' => self.offset.abbreviation.clone(),
            'Z' => match count {
                1 => zone::written(self.offset.seconds, ""),
                2 => zone::written(self.offset.seconds, ":"),
                _ => self.zone.to_owned(),
            },
            // `Layout::parse` lets no other through.
            _ => String::new(),
        }
    }
}

/// 1 BC, which is the year 0, is the year 1 of its era.
const fn year_of_era(year: i64) -> i64 {
    if year > 0 { year } else { 1 - year }
}

fn year_field(year: i64, count: usize) -> String {
    if count == 2 { padded(year.rem_euclid(100), 2) } else { padded(year, count) }
}

fn padded(number: i64, count: usize) -> String {
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{:0count$}", number.abs())
}

fn name(names: &[&str], number: i64, count: usize) -> String {
    let index = usize::try_from(number - 1).unwrap_or(0);
    let name = names.get(index).copied().unwrap_or_default();
    let length = if count > 3 { name.len() } else { 3 };
    name.get(..length).unwrap_or(name).to_owned()
}

fn fraction(millis: i64, count: usize) -> String {
    let mut digits = String::new();
    let _ = write!(digits, "{millis:03}");
    digits.truncate(count);
    format!("{digits:0<count$}")
}
