//! Functions that say something about the message and the rule rather than the payload.

use std::fmt::Write;

use super::{super::value::Value, Row};

pub(super) const ROWS: &[Row] = &[
    Row::new("accountid", 0..=0, |call| Ok(call.run.surroundings().account_id.into())),
    Row::new("clientid", 0..=0, |call| Ok(call.run.message().client_id.unwrap_or("n/a").into())),
    Row::new("newuuid", 0..=0, |call| Ok(uuid(call.run.surroundings().random.bits()).into())),
    Row::new("principal", 0..=0, |call| Ok(call.run.message().principal.into())),
    Row::new("rand", 0..=0, |call| Ok(fraction(call.run.surroundings().random.bits()))),
    Row::new("sql_version", 0..=0, |_| Ok(super::super::SQL_VERSION.into())),
    Row::new("timestamp", 0..=0, |call| Ok(call.run.surroundings().now.as_millis().into())),
    Row::new("topic", 0..=1, |call| {
        let topic = call.run.message().topic;
        Ok(if call.arguments.is_empty() { topic.into() } else { level(topic, call.int(0)) })
    }),
    Row::new("traceid", 0..=0, |call| Ok(call.run.message().trace_id.into())),
];

/// The level of `topic` with this number, from 1.
fn level(topic: &str, number: Option<i64>) -> Value {
    let index = number.and_then(|number| usize::try_from(number.checked_sub(1)?).ok());
    index.and_then(|index| topic.split('/').nth(index)).into()
}

/// A random UUID (RFC 9562, version 4).
fn uuid(bits: u128) -> String {
    let bits = bits & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    let mut text = String::with_capacity(36);
    for (index, digit) in hex.chars().enumerate() {
        let dash = if matches!(index, 8 | 12 | 16 | 20) { "-" } else { "" };
        let _ = write!(text, "{dash}{digit}");
    }
    text
}

/// From 0 up to 1, 1 excluded: 53 bits, what a double holds.
#[expect(clippy::cast_precision_loss, reason = "53 bits are what a double holds")]
fn fraction(bits: u128) -> Value {
    let bits = u64::try_from(bits >> 75).unwrap_or(0);
    super::super::number::Number::from_f64(bits as f64 / (1u64 << 53) as f64).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_has_its_version_and_variant() {
        assert_eq!(uuid(0), "00000000-0000-4000-8000-000000000000");
        assert_eq!(uuid(u128::MAX), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }

    #[test]
    fn levels_count_from_one() {
        for (number, expected) in [
            (Some(1), "a".into()),
            (Some(3), "".into()),
            (Some(0), Value::Undefined),
            (Some(4), Value::Undefined),
            (Some(-1), Value::Undefined),
            (Some(i64::MIN), Value::Undefined),
            (None, Value::Undefined),
        ] {
            assert_eq!(level("a/b/", number), expected, "{number:?}");
        }
    }

    #[test]
    fn a_fraction_is_below_one() {
        assert_eq!(fraction(0), 0.into());
        assert!(fraction(u128::MAX).to_number().unwrap() < super::super::Number::Int(1));
    }
}
