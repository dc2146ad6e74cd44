//! AWS IoT SQL's numbers: Int and Decimal of at most 34 digits, where a whole Decimal is an Int.

use std::{cmp::Ordering, fmt, num::NonZeroU64, str::FromStr};

use bigdecimal::{BigDecimal, RoundingMode, ToPrimitive, Zero};

/// How many digits a number keeps.
const DIGITS: u64 = 34;
/// The first Int that has one digit more.
const INT_END: u128 = 10u128.pow(34);
/// The largest power of ten, either way.
const MAX_EXPONENT: i64 = 999;
/// The largest exponent that is read, either way; the digits before it move the point.
const MAX_READ: u64 = 4_096;
/// The longest text that is read as a number.
const MAX_TEXT: usize = 1_024;

/// A number.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Number {
    /// A whole number of at most 34 digits.
    Int(i128),
    /// Any other: fractions, and what is too large for an Int.
    Decimal(BigDecimal),
}

impl Number {
    /// 0.
    pub(super) const ZERO: Self = Self::Int(0);

    /// The number that `text` is in JSON; `None` when it is none or beyond 9.99…E999.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_TEXT {
            return None;
        }
        if text.len() <= 34
            && let Ok(int) = text.parse()
        {
            return Some(Self::Int(int));
        }
        if let Some(decimal) = plain_decimal(text) {
            return Some(decimal);
        }
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        if exponent.parse::<i64>().is_ok_and(|exponent| exponent.unsigned_abs() <= MAX_READ) {
            return Self::new(BigDecimal::from_str(text).ok()?);
        }
        // Beyond any rounding: only 0 is a number then.
        let digits = mantissa.strip_prefix('-').unwrap_or(mantissa);
        digits.bytes().all(|b| matches!(b, b'0' | b'.')).then_some(Self::ZERO)
    }

    /// The number nearest to a double; `None` for what is no number.
    pub(super) fn from_f64(double: f64) -> Option<Self> {
        if !double.is_finite() {
            return None;
        }
        // The shortest text that reads back as the same double.
        Self::parse(&format!("{double:e}"))
    }

    /// Rounded to what a number can be; `None` beyond 9.99…E999.
    fn new(exact: BigDecimal) -> Option<Self> {
        let keep = NonZeroU64::new(DIGITS)?;
        let rounded = exact.with_precision_round(keep, RoundingMode::HalfUp).normalized();
        let digits = i64::try_from(rounded.digits()).ok()?;
        let leading = digits - 1 - rounded.fractional_digit_count();
        if rounded.is_zero() || leading < -MAX_EXPONENT {
            return Some(Self::ZERO);
        }
        if leading > MAX_EXPONENT {
            return None;
        }
        let int = if rounded.is_integer() { rounded.to_i128() } else { None };
        let int = int.filter(|int| int.unsigned_abs() < INT_END);
        Some(int.map_or(Self::Decimal(rounded), Self::Int))
    }

    fn decimal(&self) -> BigDecimal {
        match self {
            Self::Int(int) => BigDecimal::from(*int),
            Self::Decimal(decimal) => decimal.clone(),
        }
    }

    /// As a double.
    pub(super) fn to_f64(&self) -> f64 {
        self.to_string().parse().unwrap_or(f64::NAN)
    }

    /// Rounded down, and moved to the nearest that 64 bits hold.
    pub(super) fn floor_i64(&self) -> i64 {
        let edge = if self.is_negative() { i64::MIN } else { i64::MAX };
        match self.floor() {
            Self::Int(int) => i64::try_from(int).unwrap_or(edge),
            Self::Decimal(_) => edge,
        }
    }

    /// Whether it is below 0.
    pub(super) fn is_negative(&self) -> bool {
        *self < Self::ZERO
    }

    /// Rounded down to a whole number.
    pub(super) fn floor(&self) -> Self {
        self.rounded(0, RoundingMode::Floor)
    }

    /// Rounded up to a whole number.
    pub(super) fn ceil(&self) -> Self {
        self.rounded(0, RoundingMode::Ceiling)
    }

    /// Rounded to the nearest whole number, halves away from 0.
    pub(super) fn round(&self) -> Self {
        self.rounded(0, RoundingMode::HalfUp)
    }

    /// Cut after so many decimal places.
    pub(super) fn truncate(&self, places: i64) -> Self {
        self.rounded(places, RoundingMode::Down)
    }

    fn rounded(&self, places: i64, mode: RoundingMode) -> Self {
        match self {
            Self::Int(_) => self.clone(),
            Self::Decimal(decimal) => {
                Self::new(decimal.with_scale_round(places, mode)).unwrap_or_else(|| self.clone())
            }
        }
    }

    /// The absolute value.
    pub(super) fn abs(&self) -> Self {
        match self {
            Self::Int(int) => Self::Int(int.abs()),
            Self::Decimal(decimal) => Self::Decimal(decimal.abs()),
        }
    }

    /// The sum.
    pub(super) fn add(&self, other: &Self) -> Option<Self> {
        self.calculate(other, i128::checked_add, |a, b| a + b)
    }

    /// The difference.
    pub(super) fn subtract(&self, other: &Self) -> Option<Self> {
        self.calculate(other, i128::checked_sub, |a, b| a - b)
    }

    /// The product.
    pub(super) fn multiply(&self, other: &Self) -> Option<Self> {
        self.calculate(other, i128::checked_mul, |a, b| a * b)
    }

    /// The quotient, whole if both are Ints; `None` by 0.
    pub(super) fn divide(&self, other: &Self) -> Option<Self> {
        if *other == Self::ZERO {
            return None;
        }
        self.calculate(other, i128::checked_div, quotient)
    }

    /// What is left of the division, with the sign of `self`; `None` by 0.
    pub(super) fn remainder(&self, other: &Self) -> Option<Self> {
        if *other == Self::ZERO {
            return None;
        }
        self.calculate(other, i128::checked_rem, |a, b| a % b)
    }

    fn calculate(
        &self,
        other: &Self,
        whole: fn(i128, i128) -> Option<i128>,
        exact: fn(BigDecimal, BigDecimal) -> BigDecimal,
    ) -> Option<Self> {
        if let (Self::Int(a), Self::Int(b)) = (self, other)
            && let Some(int) = whole(*a, *b)
            && int.unsigned_abs() < INT_END
        {
            return Some(Self::Int(int));
        }
        Self::new(exact(self.decimal(), other.decimal()))
    }
}

/// What almost every fraction is: digits, a point, digits, few enough to be kept all.
fn plain_decimal(text: &str) -> Option<Number> {
    let (whole, fraction) = text.split_once('.')?;
    let fraction = fraction.trim_end_matches('0');
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if fraction.is_empty() || whole.len() + fraction.len() > 34 || !digits(fraction) {
        return None;
    }
    let coefficient: i128 = [whole, fraction].concat().parse().ok()?;
    let scale = i64::try_from(fraction.len()).ok()?;
    Some(Number::Decimal(BigDecimal::new(coefficient.into(), scale)))
}

/// The quotient, cut two digits behind those that are kept.
fn quotient(dividend: BigDecimal, divisor: BigDecimal) -> BigDecimal {
    let wanted = DIGITS + 2 + divisor.digits();
    let more = i64::try_from(wanted.saturating_sub(dividend.digits())).unwrap_or(0);
    let scale = dividend.fractional_digit_count() + more;
    let (dividend, _) = dividend.with_scale(scale).into_bigint_and_scale();
    let (divisor, divisor_scale) = divisor.into_bigint_and_scale();
    BigDecimal::new(dividend / divisor, scale - divisor_scale)
}

impl From<i64> for Number {
    fn from(int: i64) -> Self {
        Self::Int(int.into())
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(match (self, other) {
            (Self::Int(a), Self::Int(b)) => a.cmp(b),
            _ => self.decimal().cmp(&other.decimal()),
        })
    }
}

impl fmt::Display for Number {
    /// As JSON writes it, in scientific notation where Java would: `1.5E-7`, `2E+40`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimal = match self {
            Self::Int(int) => return int.fmt(f),
            Self::Decimal(decimal) => decimal,
        };
        let (coefficient, scale) = decimal.as_bigint_and_scale();
        let coefficient = coefficient.to_string();
        let (sign, digits) = coefficient.split_at(usize::from(coefficient.starts_with('-')));
        let leading = i64::try_from(digits.len()).unwrap_or(i64::MAX) - 1 - scale;
        if scale >= 0 && leading >= -6 {
            return f.write_str(&decimal.to_plain_string());
        }
        let (first, rest) = digits.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        write!(f, "{sign}{first}{point}{rest}E{leading:+}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        Number::parse(text).unwrap()
    }

    #[test]
    fn decimals_are_calculated_exactly() {
        let sum = number("0.1").add(&number("0.2")).unwrap();

        assert_eq!(sum.to_string(), "0.3");
        assert_eq!(number("54.98").multiply(&number("100")).unwrap(), Number::Int(5_498));
        assert_eq!(number("1").divide(&number("3.5")).unwrap().to_string().len(), 36);
    }

    #[test]
    fn quotients_have_all_their_digits() {
        for (a, b, expected) in [
            ("1", "3.5", "0.2857142857142857142857142857142857"),
            ("2", "0.3", "6.666666666666666666666666666666667"),
            ("-1e900", "3e-50", "-3.333333333333333333333333333333333E+949"),
            ("0.5", "8", "0.0625"),
            ("1e-500", "7", "1.428571428571428571428571428571429E-501"),
            ("7.5", "2.5", "3"),
        ] {
            assert_eq!(number(a).divide(&number(b)).unwrap().to_string(), expected, "{a} / {b}");
        }
    }

    #[test]
    fn a_whole_decimal_is_an_int() {
        for text in ["10", "10.0", "1e1", "1E1", "100e-1"] {
            assert_eq!(number(text), Number::Int(10), "{text}");
        }
    }

    #[test]
    fn thirty_four_digits_are_kept_and_the_rest_is_rounded() {
        let kept = "1234567890123456789012345678901234";
        let rounded = "0.12345678901234567890123456789012345";

        assert_eq!(number(kept).to_string(), kept);
        assert_eq!(number(rounded).to_string(), "0.1234567890123456789012345678901235");
        assert_eq!(
            number(kept).add(&number("1e34")).unwrap().to_string(),
            "1.123456789012345678901234567890123E+34"
        );
    }

    #[test]
    fn beyond_the_largest_there_is_no_number_and_below_the_smallest_zero() {
        assert_eq!(Number::parse("1e1000"), None);
        assert_eq!(number("9e999").multiply(&number("10")), None);
        assert_eq!(number("1e-1000"), Number::ZERO);
        assert_eq!(number("0e99999999999999999999"), Number::ZERO);
        assert_eq!(Number::parse("1e-99999999999999999999"), None);
        assert_eq!(number("1").divide(&Number::ZERO), None);
        assert_eq!(number("1.5").remainder(&Number::ZERO), None);
        assert_eq!(Number::parse(&"9".repeat(2_000)), None);
    }

    #[test]
    fn rounding_goes_where_its_name_says() {
        for (text, floor, ceil, round) in
            [("1.2", 1, 2, 1), ("-1.2", -2, -1, -1), ("1.5", 1, 2, 2), ("-1.5", -2, -1, -2)]
        {
            let number = number(text);
            let rounded = [number.floor(), number.ceil(), number.round()];
            assert_eq!(rounded, [floor, ceil, round].map(Number::Int), "{text}");
        }
        assert_eq!(number("2.888").truncate(2).to_string(), "2.88");
    }

    #[test]
    fn ints_and_decimals_compare_by_value() {
        assert!(number("1.5") > number("1"));
        assert!(number("-1e500") < number("0"));
        assert!(number("1e34") > number("9999999999999999999999999999999999"));
    }
}
