//! What rules' functions know beside the message: randomness, digests, time zones.

use aws_lc_rs::digest::{self, Algorithm as Lc};
use jiff::tz::{AmbiguousOffset, TimeZone};
use md5::{Digest as _, Md5};
use perennial_core::{
    rule::{Algorithm, Digests, Offset, Random, Surroundings, Zones},
    time::Timestamp,
};

/// The surroundings of a message that is published now.
pub(crate) fn at(account_id: &str, now: Timestamp) -> Surroundings<'_> {
    Surroundings { account_id, now, random: &Real, digests: &Real, zones: &Real }
}

struct Real;

impl Random for Real {
    fn bits(&self) -> u128 {
        let mut octets = [0; 16];
        // aws-lc's generator ends the process itself when the system gives it no randomness.
        let _ = aws_lc_rs::rand::fill(&mut octets);
        u128::from_ne_bytes(octets)
    }
}

impl Digests for Real {
    fn digest(&self, algorithm: Algorithm, octets: &[u8]) -> Vec<u8> {
        let with = |lc: &'static Lc| digest::digest(lc, octets).as_ref().to_vec();
        match algorithm {
            Algorithm::Md5 => Md5::digest(octets).to_vec(),
            Algorithm::Sha1 => with(&digest::SHA1_FOR_LEGACY_USE_ONLY),
            Algorithm::Sha224 => with(&digest::SHA224),
            Algorithm::Sha256 => with(&digest::SHA256),
            Algorithm::Sha384 => with(&digest::SHA384),
            Algorithm::Sha512 => with(&digest::SHA512),
        }
    }
}

impl Zones for Real {
    fn at(&self, zone: &str, instant: Timestamp) -> Option<Offset> {
        let zone = TimeZone::get(zone).ok()?;
        let instant = jiff::Timestamp::from_millisecond(instant.as_millis()).ok()?;
        Some(offset(&zone, instant))
    }

    fn when_clocks_show(&self, zone: &str, local: i64) -> Option<Offset> {
        let zone = TimeZone::get(zone).ok()?;
        let utc = jiff::Timestamp::from_millisecond(local).ok()?;
        let shown = jiff::tz::Offset::UTC.to_datetime(utc);
        let chosen = match zone.to_ambiguous_timestamp(shown).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset,
            AmbiguousOffset::Gap { before, .. } | AmbiguousOffset::Fold { before, .. } => before,
        };
        let instant = chosen.to_timestamp(shown).ok()?;
        // In a gap the instant is behind it, where another offset holds: what counts is the chosen.
        let abbreviation = offset(&zone, instant).abbreviation;
        Some(Offset { seconds: chosen.seconds(), abbreviation })
    }
}

fn offset(zone: &TimeZone, instant: jiff::Timestamp) -> Offset {
    let found = zone.to_offset_info(instant);
    Offset { seconds: found.offset().seconds(), abbreviation: found.abbreviation().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-07-01T00:00:00Z.
    const SUMMER: i64 = 1_782_864_000_000;

    #[test]
    fn zones_are_those_of_the_database() {
        let berlin = Real.at("Europe/Berlin", Timestamp::from_millis(SUMMER)).unwrap();
        let none = Real.at("Europe/Atlantis", Timestamp::from_millis(SUMMER));

        assert_eq!((berlin.seconds, berlin.abbreviation.as_str()), (7_200, "CEST"));
        assert_eq!(none, None);
    }

    #[test]
    fn what_clocks_show_twice_is_the_earlier() {
        // 2026-10-25 02:30 in Berlin: first in summer time, then in winter time.
        let twice = Real.when_clocks_show("Europe/Berlin", 1_792_895_400_000).unwrap();
        // 2026-03-29 02:30 in Berlin is shown by no clock.
        let never = Real.when_clocks_show("Europe/Berlin", 1_774_751_400_000).unwrap();

        assert_eq!(twice.seconds, 7_200);
        assert_eq!(never.seconds, 3_600);
    }
}
