//! Time zones: UTC and offsets from it, which need no database, and all the others.

use super::super::context::{Offset, Zones};
use crate::time::Timestamp;

/// What holds in `zone` at an instant.
pub(super) fn at(zone: &str, millis: i64, zones: &dyn Zones) -> Option<Offset> {
    let fixed = fixed(zone).map(named);
    fixed.or_else(|| zones.at(zone, Timestamp::from_millis(millis)))
}

/// How many seconds `zone` is ahead when its clocks show `local`.
pub(super) fn seconds(zone: &str, local: i64, zones: &dyn Zones) -> Option<i32> {
    let known = fixed(zone);
    known.or_else(|| Some(zones.when_clocks_show(zone, local)?.seconds))
}

/// `+01:00`, or with another sign `-` or with no sign between hours and minutes.
pub(super) fn written(seconds: i32, between: &str) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.abs() / 60;
    format!("{sign}{:02}{between}{:02}", minutes / 60, minutes % 60)
}

fn named(seconds: i32) -> Offset {
    let abbreviation = if seconds == 0 { "UTC".to_owned() } else { written(seconds, ":") };
    Offset { seconds, abbreviation }
}

/// Seconds ahead of UTC of `Z`, `UTC`, `GMT`, `UT`, `+01:00`, `-0130`, `+2`, `UTC+01:00`.
fn fixed(zone: &str) -> Option<i32> {
    if zone == "Z" {
        return Some(0);
    }
    let offset = ["UTC", "GMT", "UT"].into_iter().find_map(|name| zone.strip_prefix(name));
    let offset = offset.unwrap_or(zone);
    if offset.is_empty() {
        return (!zone.is_empty()).then_some(0);
    }
    let (sign, digits) = match offset.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, offset.strip_prefix('+')?),
    };
    let (hours, minutes) = match (digits.split_once(':'), digits.len()) {
        (Some(parts), _) => parts,
        (None, 4) => digits.split_at_checked(2)?,
        (None, _) => (digits, "0"),
    };
    let (hours, minutes) = (part(hours)?, part(minutes)?);
    (hours <= 18 && minutes <= 59).then_some(sign * (hours * 60 + minutes) * 60)
}

fn part(digits: &str) -> Option<i32> {
    let fits = (1..=2).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    if fits { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_need_no_database() {
        for (zone, expected) in [
            ("Z", Some(0)),
            ("UTC", Some(0)),
            ("UTC+01:00", Some(3_600)),
            ("GMT-2", Some(-7_200)),
            ("+0530", Some(19_800)),
            ("-01:30", Some(-5_400)),
            ("+19:00", None),
            ("+1:", None),
            ("Europe/Berlin", None),
            ("", None),
        ] {
            assert_eq!(fixed(zone), expected, "{zone}");
        }
        assert_eq!(written(-5_400, ":"), "-01:30");
    }
}
