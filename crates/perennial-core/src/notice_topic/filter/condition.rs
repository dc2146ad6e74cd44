//! Conditions: what may be wanted of one value.

use std::net::IpAddr;

use serde_json::Value;

use crate::network::Network;

/// What is wanted of a member's values. But for the last, it holds of one of them.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Condition {
    Is(Literal),
    IsNone(Vec<Literal>),
    BeginsWith(String),
    BeginsNotWith(String),
    EndsWith(String),
    /// A text in lower case.
    EqualsIgnoringCase(String),
    /// All of these.
    Numeric(Vec<(Comparison, Decimal)>),
    InNetwork(Network),
    /// Whether there is one at all.
    Exists(bool),
}

/// A value to compare with.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Literal {
    Text(String),
    Number(Decimal),
    Other(Value),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A number to five digits behind the point, within ±10⁹, as policies compare them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Decimal(i64);

impl Decimal {
    pub(super) fn of(value: &Value) -> Option<Self> {
        let number = value.as_f64().filter(|it| it.abs() <= 1e9)?;
        #[expect(clippy::cast_possible_truncation, reason = "at most 1e14")]
        let scaled = (number * 1e5).round() as i64;
        Some(Self(scaled))
    }
}

impl Literal {
    /// A value that is no array and no object.
    pub(super) fn of(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => Some(Self::Text(text.clone())),
            Value::Number(_) => Decimal::of(value).map(Self::Number),
            Value::Bool(_) | Value::Null => Some(Self::Other(value.clone())),
            Value::Array(_) | Value::Object(_) => None,
        }
    }

    fn is(&self, value: &Value) -> bool {
        match self {
            Self::Text(text) => value.as_str() == Some(text),
            Self::Number(number) => value.is_number() && Decimal::of(value) == Some(*number),
            Self::Other(other) => other == value,
        }
    }
}

impl Condition {
    /// Whether it holds for a member that has these values.
    pub(super) fn holds(&self, found: &[&Value]) -> bool {
        match self {
            Self::Exists(wanted) => found.is_empty() != *wanted,
            Self::Is(_)
            | Self::IsNone(_)
            | Self::BeginsWith(_)
            | Self::BeginsNotWith(_)
            | Self::EndsWith(_)
            | Self::EqualsIgnoringCase(_)
            | Self::Numeric(_)
            | Self::InNetwork(_) => found.iter().any(|value| self.holds_of(value)),
        }
    }

    fn holds_of(&self, value: &Value) -> bool {
        let text = value.as_str();
        match self {
            Self::Is(literal) => literal.is(value),
            Self::IsNone(literals) => !literals.iter().any(|literal| literal.is(value)),
            Self::BeginsWith(start) => text.is_some_and(|text| text.starts_with(start)),
            Self::BeginsNotWith(start) => text.is_some_and(|text| !text.starts_with(start)),
            Self::EndsWith(end) => text.is_some_and(|text| text.ends_with(end)),
            Self::EqualsIgnoringCase(lower) => {
                text.is_some_and(|text| text.to_lowercase() == *lower)
            }
            Self::Numeric(all) => value.is_number() && in_range(value, all),
            Self::InNetwork(network) => {
                let address = text.and_then(|text| text.parse::<IpAddr>().ok());
                address.is_some_and(|address| network.contains(address))
            }
            Self::Exists(wanted) => *wanted,
        }
    }
}

fn in_range(value: &Value, all: &[(Comparison, Decimal)]) -> bool {
    let Some(number) = Decimal::of(value) else { return false };
    all.iter().all(|(comparison, bound)| match comparison {
        Comparison::Equal => number == *bound,
        Comparison::Less => number < *bound,
        Comparison::LessOrEqual => number <= *bound,
        Comparison::Greater => number > *bound,
        Comparison::GreaterOrEqual => number >= *bound,
    })
}
