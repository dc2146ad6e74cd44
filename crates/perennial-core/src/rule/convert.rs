//! The standard conversions, which functions and operators apply to values of another type.

use std::sync::Arc;

use super::{
    error::RunError, json, limits::MAX_OUTGOING_LEN, number::Number, statement::Type, value::Value,
};

impl Value {
    /// As a number: numbers, and texts that look like one.
    pub(super) fn to_number(&self) -> Option<Number> {
        match self {
            Self::Number(number) => Some(number.clone()),
            Self::Text(text) => decimal(text),
            Self::Undefined | Self::Null | Self::Boolean(_) | Self::Array(_) | Self::Object(_) => {
                None
            }
        }
    }

    /// As an Int of 64 bits: numbers rounded down, and moved to the nearest there is.
    pub(super) fn to_int(&self) -> Option<i64> {
        self.to_number().map(|number| number.floor_i64())
    }

    /// As a Boolean: Booleans, and the texts `true` and `false` in any case.
    pub(super) fn to_boolean(&self) -> Option<bool> {
        match self {
            Self::Boolean(truth) => Some(*truth),
            Self::Text(text) if text.eq_ignore_ascii_case("true") => Some(true),
            Self::Text(text) if text.eq_ignore_ascii_case("false") => Some(false),
            Self::Undefined
            | Self::Null
            | Self::Number(_)
            | Self::Text(_)
            | Self::Array(_)
            | Self::Object(_) => None,
        }
    }

    /// As a text; nothing for Null and Undefined, arrays and objects in JSON.
    pub(super) fn to_text(&self) -> Result<Option<Arc<str>>, RunError> {
        Ok(match self {
            Self::Undefined | Self::Null => None,
            Self::Text(text) => Some(Arc::clone(text)),
            Self::Boolean(_) | Self::Number(_) | Self::Array(_) | Self::Object(_) => {
                Some(self.to_json(MAX_OUTGOING_LEN)?.into())
            }
        })
    }

    /// In JSON, if that takes at most `limit` bytes; Undefined is an empty text.
    pub(super) fn to_json(&self, limit: usize) -> Result<String, RunError> {
        json::write(self, limit).map_err(|json::TooLong| RunError::TooLarge { limit })
    }

    /// `cast(self AS to)` for all but texts: the standard conversions, and numbers to and from
    /// Booleans.
    pub(super) fn cast(&self, to: Type) -> Self {
        let number = if let Self::Boolean(truth) = self {
            Some(Number::Int((*truth).into()))
        } else {
            self.to_number()
        };
        match to {
            Type::Text => Self::Undefined,
            Type::Int => number.map(|number| number.floor()).into(),
            Type::Decimal => number.into(),
            Type::Double => number.and_then(|number| Number::from_f64(number.to_f64())).into(),
            Type::Boolean => {
                if let Self::Number(number) = self {
                    return (*number != Number::ZERO).into();
                }
                self.to_boolean().into()
            }
        }
    }
}

/// A text of the form `-?\d+(\.\d+)?([eE]-?\d+)?` as a number.
fn decimal(text: &str) -> Option<Number> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.strip_prefix('-').unwrap_or(exponent)),
        None => (unsigned, "0"),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let fits = digits(whole) && digits(fraction) && digits(exponent);
    if fits { Number::parse(text) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Value {
        Number::parse(text).into()
    }

    #[test]
    fn only_texts_that_look_like_a_decimal_are_numbers() {
        for (text, expected) in
            [("0", "0"), ("-1.2", "-1.2"), ("5E-12", "5E-12"), ("007", "7"), ("1e3", "1000")]
        {
            assert_eq!(Value::from(Value::from(text).to_number()), number(expected), "{text}");
        }
        for text in ["", "-", "1.", ".5", "+1", "1e+3", " 1", "0x1", "NaN", "1e", "１"] {
            assert_eq!(Value::from(text).to_number(), None, "{text}");
        }
    }

    #[test]
    fn texts_are_made_of_anything_but_null_and_undefined() {
        let array = Value::array(vec!["a".into(), number("1.5"), Value::Null, Value::Undefined]);

        let text = |value: &Value| value.to_text().unwrap().map(|text| text.to_string());

        assert_eq!(text(&array).as_deref(), Some(r#"["a",1.5,null]"#));
        assert_eq!(text(&false.into()).as_deref(), Some("false"));
        assert_eq!(text(&Value::Null), None);
        assert_eq!(text(&Value::Undefined), None);
    }

    #[test]
    fn casts_go_between_numbers_and_booleans_too() {
        for (value, to, expected) in [
            (Value::from(true), Type::Int, number("1")),
            (false.into(), Type::Decimal, number("0")),
            (number("2.5"), Type::Boolean, true.into()),
            (number("0"), Type::Boolean, false.into()),
            ("TRUE".into(), Type::Boolean, true.into()),
            ("yes".into(), Type::Boolean, Value::Undefined),
            ("-1.2".into(), Type::Int, number("-2")),
            (number("10.0"), Type::Decimal, number("10")),
            (number("0.1000000000000000000001"), Type::Double, number("0.1")),
            (Value::array(vec![]), Type::Int, Value::Undefined),
        ] {
            assert_eq!(value.cast(to), expected, "{value:?} as {to:?}");
        }
    }
}
