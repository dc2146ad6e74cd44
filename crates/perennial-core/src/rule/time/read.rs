//! A time out of a text by a pattern of Java's.

use super::{super::context::Zones, Layout, MILLIS_A_DAY, MONTHS, Piece, WEEKDAYS, zone};
use crate::calendar::{Date, year_length};

impl Layout {
    /// Milliseconds after 1970 of the time in `text`, in UTC unless it says otherwise; `None`
    /// when it is not of this form, or no date.
    pub(in super::super) fn read(&self, text: &str, zones: &dyn Zones) -> Option<i64> {
        let mut found = Found::default();
        let mut rest = text;
        for (index, piece) in self.0.iter().enumerate() {
            rest = match piece {
                Piece::Literal(c) => rest.strip_prefix(*c)?,
                Piece::Field { letter, count } => {
                    let reserved = self.digits_behind(index + 1);
                    found.field(*letter, *count, rest, reserved)?
                }
            };
        }
        if rest.is_empty() { found.millis(zones) } else { None }
    }

    /// How many digits the fields that follow directly will want for themselves.
    fn digits_behind(&self, index: usize) -> usize {
        let behind = self.0.get(index..).unwrap_or_default();
        let fields = behind.iter().map_while(|piece| match piece {
            Piece::Field { letter, count } if is_number(*letter, *count) => Some(*count),
            Piece::Field { .. } | Piece::Literal(_) => None,
        });
        fields.sum()
    }
}

const fn is_number(letter: char, count: usize) -> bool {
    match letter {
        'u' | 'y' | 'd' | 'D' | 'H' | 'k' | 'K' | 'h' | 'm' | 's' | 'S' => true,
        'M' | 'L' => count < 3,
        _ => false,
    }
}

/// The fields that a text had.
#[derive(Default)]
struct Found {
    year: Option<i64>,
    before_christ: bool,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    hour: i64,
    /// The hour is one of twelve.
    half_day: bool,
    afternoon: bool,
    minute: i64,
    second: i64,
    millis: i64,
    zone: Option<String>,
}

impl Found {
    /// Takes a field from the start of `text`; gives what is behind it.
    fn field<'t>(
        &mut self,
        letter: char,
        count: usize,
        text: &'t str,
        reserved: usize,
    ) -> Option<&'t str> {
        if is_number(letter, count) {
            return self.number(letter, count, text, reserved);
        }
        match letter {
            'M' | 'L' => {
                let (index, rest) = named(&MONTHS, count, text)?;
                self.month = Some(index + 1);
                Some(rest)
            }
            'E' => named(&WEEKDAYS, count, text).map(|(_, rest)| rest),
            'a' => {
                let (index, rest) = named(&["AM", "PM"], 4, text)?;
                self.afternoon = index == 1;
                Some(rest)
            }
            'G' => {
                let (index, rest) = named(&["AD", "BC"], 4, text)?;
                self.before_christ = index == 1;
                Some(rest)
            }
            // V z X x Z O: whatever looks like a zone.
            _ => {
                let part = |c: char| c.is_ascii_alphanumeric() || "/_+-:".contains(c);
                let (zone, rest) = text.split_at(text.find(|c| !part(c)).unwrap_or(text.len()));
                self.zone = (!zone.is_empty()).then(|| zone.to_owned());
                self.zone.is_some().then_some(rest)
            }
        }
    }

    fn number<'t>(
        &mut self,
        letter: char,
        count: usize,
        text: &'t str,
        reserved: usize,
    ) -> Option<&'t str> {
        let (least, most) = match (letter, count) {
            ('u' | 'y', 2) => (2, 2),
            ('u' | 'y', _) => (count, 9.max(count)),
            ('S', _) => (count, count),
            (_, 1) => (1, 9),
            (_, _) => (count, count),
        };
        let run = text.bytes().take_while(u8::is_ascii_digit).count();
        let width = run.saturating_sub(reserved).clamp(least, most);
        let (digits, rest) = text.split_at_checked(width).filter(|_| width <= run)?;
        if letter == 'S' {
            let three: String = digits.chars().chain("000".chars()).take(3).collect();
            self.millis = three.parse().ok()?;
            return Some(rest);
        }
        self.set(letter, count, digits.parse().ok()?)?;
        Some(rest)
    }

    fn set(&mut self, letter: char, count: usize, number: i64) -> Option<()> {
        let fits = |range: std::ops::RangeInclusive<i64>| range.contains(&number).then_some(number);
        match letter {
            'u' | 'y' => self.year = Some(if count == 2 { 2_000 + number } else { number }),
            'M' | 'L' => self.month = Some(number),
            'd' => self.day = Some(number),
            'D' => self.day_of_year = Some(number),
            'H' => self.hour = fits(0..=23)?,
            'k' => self.hour = fits(1..=24)? % 24,
            'K' => (self.hour, self.half_day) = (fits(0..=11)?, true),
            'h' => (self.hour, self.half_day) = (fits(1..=12)? % 12, true),
            'm' => self.minute = fits(0..=59)?,
            _ => self.second = fits(0..=59)?,
        }
        Some(())
    }

    fn millis(&self, zones: &dyn Zones) -> Option<i64> {
        let year = self.year.map(|year| if self.before_christ { 1 - year } else { year })?;
        let days = match (self.month, self.day, self.day_of_year) {
            (Some(month), Some(day), _) => Date::new(year, month, day)?.days(),
            (None, None, Some(day)) if (1..=year_length(year)).contains(&day) => {
                Date { year, month: 1, day: 1 }.days() + day - 1
            }
            _ => return None,
        };
        let hour = self.hour + if self.half_day && self.afternoon { 12 } else { 0 };
        let seconds = (hour * 60 + self.minute) * 60 + self.second;
        let local = days * MILLIS_A_DAY + seconds * 1_000 + self.millis;
        let ahead = match &self.zone {
            Some(zone) => zone::seconds(zone, local, zones)?,
            None => 0,
        };
        Some(local - i64::from(ahead) * 1_000)
    }
}

/// Which of `names` the text begins with, in full from four letters on, else its first three.
fn named<'t>(names: &[&str], count: usize, text: &'t str) -> Option<(i64, &'t str)> {
    (0i64..).zip(names).find_map(|(index, name)| {
        let name = if count > 3 { name } else { name.get(..3).unwrap_or(name) };
        text.strip_prefix(name).map(|rest| (index, rest))
    })
}
