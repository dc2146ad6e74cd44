//! Dates as the date operators take them: ISO 8601 in W3C's profile, or seconds since the epoch.

use crate::calendar::Date;

/// Milliseconds since the epoch of `2026-01-31`, `2026-01-31T12:00Z`, `2026-01-31T12:00:00.5+01:00`
/// or `1700000000`; `None` for anything else.
pub(super) fn parse(text: &str) -> Option<i128> {
    if let Ok(seconds) = text.parse::<i64>() {
        return Some(i128::from(seconds) * 1000);
    }
    if !text.is_ascii() {
        return None;
    }
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let midnight = days(date)? * 86_400_000;
    time.map_or(Some(midnight), |time| Some(midnight + of_day(time)?))
}

/// Days from the epoch to a date of the Gregorian calendar.
fn days(date: &str) -> Option<i128> {
    let (year, month_and_day) = date.split_once('-')?;
    let (month, day) = month_and_day.split_once('-')?;
    let part = |text, len| digits(text, len).and_then(|part| i64::try_from(part).ok());
    let date = Date::new(part(year, 4)?, part(month, 2)?, part(day, 2)?)?;
    Some(date.days().into())
}

/// Milliseconds from midnight UTC to a time of day with its zone.
fn of_day(time: &str) -> Option<i128> {
    let zone_at = time.find(['Z', '+', '-'])?;
    let (clock, zone) = time.split_at_checked(zone_at)?;
    let (hour, rest) = clock.split_once(':')?;
    let (minute, second) = rest.split_once(':').unwrap_or((rest, "00"));
    let (second, fraction) = second.split_once('.').unwrap_or((second, "0"));
    let (hour, minute, second) = (digits(hour, 2)?, digits(minute, 2)?, digits(second, 2)?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let offset = offset_minutes(zone)?;
    Some(((hour * 60 + minute - offset) * 60 + second) * 1000 + thousandths(fraction)?)
}

fn offset_minutes(zone: &str) -> Option<i128> {
    if zone == "Z" {
        return Some(0);
    }
    let (sign, rest) = match zone.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, zone.strip_prefix('+')?),
    };
    let (hours, minutes) = rest.split_once(':')?;
    let (hours, minutes) = (digits(hours, 2)?, digits(minutes, 2)?);
    (hours <= 23 && minutes <= 59).then_some(sign * (hours * 60 + minutes))
}

/// The first three digits of a decimal fraction; further ones are dropped.
fn thousandths(fraction: &str) -> Option<i128> {
    let valid = (1..=9).contains(&fraction.len()) && fraction.bytes().all(|b| b.is_ascii_digit());
    let three: String = fraction.chars().chain("00".chars()).take(3).collect();
    if valid { three.parse().ok() } else { None }
}

fn digits(text: &str, len: usize) -> Option<i128> {
    let valid = text.len() == len && text.bytes().all(|b| b.is_ascii_digit());
    if valid { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_to_the_millisecond() {
        for (text, millis) in [
            ("1970-01-01", 0),
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01T01:00+01:00", 0),
            ("1969-12-31T23:59:59.5Z", -500),
            ("2000-02-29T00:00:00Z", 951_782_400_000),
            ("2049-12-31T23:59:59Z", 2_524_607_999_000),
            ("2024-03-01T00:00:00.123-00:30", 1_709_253_000_123),
            ("1700000000", 1_700_000_000_000),
        ] {
            assert_eq!(parse(text), Some(millis), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "2023-02-29",
            "2024-13-01",
            "2024-00-01",
            "2024-01-00",
            "2024-1-1",
            "2024-01-01T24:00Z",
            "2024-01-01T12:00",
            "2024-01-01T12:00:00.Z",
            "2024-01-01T12:00:0é",
            "T",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
