//! Condition operators by name: what they test, how many values have to pass, and `IfExists`.

use super::{super::error::Problem, Quantifier};

/// How a value is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Test {
    Text { ignore_case: bool, wildcards: bool },
    Number(Comparison),
    Date(Comparison),
    Bool,
    Ip,
    Arn,
    Null,
}

impl Test {
    pub(super) const fn asks_presence(self) -> bool {
        matches!(self, Self::Null)
    }
}

/// How the key's value has to stand to the policy's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    pub(super) fn holds<T: PartialOrd>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Equal => left == right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Operator {
    pub quantifier: Quantifier,
    pub if_exists: bool,
    pub negated: bool,
    pub test: Test,
}

impl Operator {
    pub(super) fn parse(name: &str) -> Result<Self, Problem> {
        let unknown = || Problem::UnknownOperator(name.to_owned());
        let (quantifier, rest) = match name.split_once(':') {
            None => (Quantifier::One, name),
            Some(("ForAnyValue", rest)) => (Quantifier::Any, rest),
            Some(("ForAllValues", rest)) => (Quantifier::All, rest),
            Some(_) => return Err(unknown()),
        };
        let (base, if_exists) = match rest.strip_suffix("IfExists") {
            Some(base) => (base, true),
            None => (rest, false),
        };
        let (test, negated) = test(base).ok_or_else(unknown)?;
        if test.asks_presence() && (if_exists || quantifier != Quantifier::One) {
            return Err(unknown());
        }
        Ok(Self { quantifier, if_exists, negated, test })
    }
}

/// The test that `base` names, and whether it passes when the values do *not* match.
fn test(base: &str) -> Option<(Test, bool)> {
    use Comparison::*;
    let text = |ignore_case, wildcards| Test::Text { ignore_case, wildcards };
    Some(match base {
        "StringEquals" => (text(false, false), false),
        "StringNotEquals" => (text(false, false), true),
        "StringEqualsIgnoreCase" => (text(true, false), false),
        "StringNotEqualsIgnoreCase" => (text(true, false), true),
        "StringLike" => (text(false, true), false),
        "StringNotLike" => (text(false, true), true),
        "NumericEquals" => (Test::Number(Equal), false),
        "NumericNotEquals" => (Test::Number(Equal), true),
        "NumericLessThan" => (Test::Number(Less), false),
        "NumericLessThanEquals" => (Test::Number(LessOrEqual), false),
        "NumericGreaterThan" => (Test::Number(Greater), false),
        "NumericGreaterThanEquals" => (Test::Number(GreaterOrEqual), false),
        "DateEquals" => (Test::Date(Equal), false),
        "DateNotEquals" => (Test::Date(Equal), true),
        "DateLessThan" => (Test::Date(Less), false),
        "DateLessThanEquals" => (Test::Date(LessOrEqual), false),
        "DateGreaterThan" => (Test::Date(Greater), false),
        "DateGreaterThanEquals" => (Test::Date(GreaterOrEqual), false),
        "Bool" => (Test::Bool, false),
        "IpAddress" => (Test::Ip, false),
        "NotIpAddress" => (Test::Ip, true),
        "ArnEquals" | "ArnLike" => (Test::Arn, false),
        "ArnNotEquals" | "ArnNotLike" => (Test::Arn, true),
        "Null" => (Test::Null, false),
        _ => return None,
    })
}
