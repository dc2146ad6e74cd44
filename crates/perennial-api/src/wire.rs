//! How values look in AWS's JSON.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use perennial_core::{
    ids::{CertificateId, ResourceId},
    time::Timestamp,
};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, Error as _},
};

use crate::ApiError;

/// A time: seconds since 1970 with a fraction; in a query string ISO 8601, as every SDK writes it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seconds(pub(crate) Timestamp);

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of this age fit 53 bits")]
        let seconds = self.0.as_millis() as f64 / 1000.0;
        serializer.serialize_f64(seconds)
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyTime)
    }
}

struct AnyTime;

impl de::Visitor<'_> for AnyTime {
    type Value = Seconds;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time: seconds since 1970, or ISO 8601 as in 2030-01-31T12:00:00Z")
    }

    fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<Seconds, E> {
        Ok(Seconds(Timestamp::from_secs(seconds)))
    }

    fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<Seconds, E> {
        self.visit_i64(i64::try_from(seconds).unwrap_or(i64::MAX))
    }

    fn visit_f64<E: de::Error>(self, seconds: f64) -> Result<Seconds, E> {
        #[expect(clippy::cast_possible_truncation, reason = "`as` saturates; JSON has no NaN")]
        let millis = (seconds * 1000.0).round() as i64;
        Ok(Seconds(Timestamp::from_millis(millis)))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Seconds, E> {
        let at: Result<jiff::Timestamp, _> = text.parse();
        let at = at.map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))?;
        Ok(Seconds(Timestamp::from_millis(at.as_millisecond())))
    }
}

/// 1 to `MAX` letters, digits, `_` and `-`: AWS's pattern for ids and names that callers choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word<const MAX: usize>(pub(crate) String);

impl<'de, const MAX: usize> Deserialize<'de> for Word<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        if (1..=MAX).contains(&text.len()) && text.chars().all(allowed) {
            return Ok(Self(text));
        }
        Err(D::Error::custom(format!("1 to {MAX} letters, digits, '_' and '-' are expected")))
    }
}

/// Refuses a role's ARN that is shorter or longer than AWS's 20 to 2048 characters.
pub(crate) fn check_role_arn(arn: Option<&String>, name: &str) -> Result<(), ApiError> {
    match arn.map(|arn| arn.chars().count()) {
        None | Some(20..=2048) => Ok(()),
        Some(len) => {
            Err(ApiError::invalid(format!("{name}: 20 to 2048 characters, not {len}, are an ARN")))
        }
    }
}

/// The `generationId` of a certificate: another one when it is registered anew.
pub(crate) fn generation(id: &CertificateId, registered_at: Timestamp) -> ResourceId {
    let registration = format!("{id}/{}", registered_at.as_millis());
    let mut octets = [0; 16];
    for (to, from) in octets.iter_mut().zip(digest(&SHA256, registration.as_bytes()).as_ref()) {
        *to = *from;
    }
    ResourceId::from_random(octets)
}

/// A certificate's id, in upper or lower case.
pub(crate) fn certificate_id<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<CertificateId, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.to_ascii_lowercase().parse().map_err(D::Error::custom)
}

/// The same where there may be one.
pub(crate) fn some_certificate_id<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<CertificateId>, D::Error> {
    certificate_id(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_seconds_with_a_fraction() {
        let at = Seconds(Timestamp::from_millis(1_700_000_000_250));

        assert_eq!(serde_json::to_string(&at).unwrap(), "1700000000.25");
    }

    #[test]
    fn a_time_reads_back_from_a_number_or_a_text() {
        for (text, millis) in [
            ("1700000000", 1_700_000_000_000),
            ("1700000000.25", 1_700_000_000_250),
            ("\"2023-11-14T22:13:20.25Z\"", 1_700_000_000_250),
            ("1e300", i64::MAX),
        ] {
            let Seconds(at) = serde_json::from_str(text).unwrap();
            assert_eq!(at.as_millis(), millis, "{text}");
        }
        for text in ["\"soon\"", "\"1700000000\"", "true", "null"] {
            assert!(serde_json::from_str::<Seconds>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_word_has_no_other_characters() {
        assert!(serde_json::from_str::<Word<4>>("\"a-_9\"").is_ok());
        for text in ["\"\"", "\"abcde\"", "\"a b\"", "\"ä\"", "1"] {
            assert!(serde_json::from_str::<Word<4>>(text).is_err(), "{text}");
        }
    }
}
