//! Reading a filter policy: JSON becomes conditions, within SNS's limits.

use serde_json::{Map, Value};

use super::{
    FilterError, FilterScope, Wanted,
    condition::{Comparison, Condition, Decimal, Literal},
};
use crate::network::Network;

/// The longest policy, in bytes; the most names in it; the most combinations of values.
const MAX_LEN: usize = 256 * 1024;
const MAX_NAMES: usize = 5;
const MAX_COMBINATIONS: usize = 150;
/// How deep objects may lie in each other.
const MAX_DEPTH: usize = 32;
/// What stands for "one of these".
const OR: &str = "$or";

pub(super) fn parse(text: &str, scope: FilterScope) -> Result<Wanted, FilterError> {
    if text.len() > MAX_LEN {
        return Err(FilterError::Limit(format!("it is longer than {MAX_LEN} bytes")));
    }
    let read: Map<String, Value> =
        serde_json::from_str(text).map_err(|error| FilterError::Json(error.to_string()))?;
    let mut reading = Reading { scope, names: 0 };
    let wanted = reading.object(&read, "$", 1)?;
    if reading.names > MAX_NAMES {
        return Err(FilterError::Limit(format!("there may be at most {MAX_NAMES} names")));
    }
    if combinations(&wanted, 1) > MAX_COMBINATIONS {
        let reason = format!("there may be at most {MAX_COMBINATIONS} combinations of values");
        return Err(FilterError::Limit(reason));
    }
    Ok(wanted)
}

struct Reading {
    scope: FilterScope,
    names: usize,
}

fn wrong<T>(place: &str, reason: impl Into<String>) -> Result<T, FilterError> {
    Err(FilterError::Place { place: place.to_owned(), reason: reason.into() })
}

impl Reading {
    fn object(
        &mut self,
        members: &Map<String, Value>,
        place: &str,
        depth: usize,
    ) -> Result<Wanted, FilterError> {
        if depth > MAX_DEPTH {
            return wrong(place, format!("objects lie more than {MAX_DEPTH} deep"));
        }
        if members.is_empty() && depth > 1 {
            return wrong(place, "the object is empty");
        }
        let read = members.iter().map(|(name, value)| self.member(name, value, place, depth));
        Ok(Wanted::All(read.collect::<Result<_, _>>()?))
    }

    fn member(
        &mut self,
        name: &str,
        value: &Value,
        place: &str,
        depth: usize,
    ) -> Result<Wanted, FilterError> {
        let place = format!("{place}.{name}");
        match value {
            Value::Array(choices)
                if name == OR && choices.len() > 1 && choices.iter().all(Value::is_object) =>
            {
                let objects = choices.iter().filter_map(Value::as_object);
                let read = objects.map(|object| self.object(object, &place, depth + 1));
                Ok(Wanted::Any(read.collect::<Result<_, _>>()?))
            }
            Value::Array(values) if values.is_empty() => wrong(&place, "the list is empty"),
            Value::Array(values) => {
                self.names += 1;
                let read = values.iter().map(|value| condition(value, &place));
                Ok(Wanted::Member(name.to_owned(), read.collect::<Result<_, _>>()?))
            }
            Value::Object(members) => {
                if self.scope == FilterScope::MessageAttributes {
                    return wrong(
                        &place,
                        "attributes have no members: use FilterPolicyScope MessageBody",
                    );
                }
                let within = self.object(members, &place, depth + 1)?;
                Ok(Wanted::Within(name.to_owned(), Box::new(within)))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                wrong(&place, "a list of values is expected")
            }
        }
    }
}

fn condition(value: &Value, place: &str) -> Result<Condition, FilterError> {
    let Value::Object(members) = value else {
        return literal(value, place).map(Condition::Is);
    };
    let (Some((operator, operand)), 1) = (members.iter().next(), members.len()) else {
        return wrong(place, "an object with one operator is expected");
    };
    let place = format!("{place}.{operator}");
    match operator.as_str() {
        "prefix" => text(operand, &place).map(Condition::BeginsWith),
        "suffix" => text(operand, &place).map(Condition::EndsWith),
        "equals-ignore-case" => {
            text(operand, &place).map(|text| Condition::EqualsIgnoringCase(text.to_lowercase()))
        }
        "anything-but" => anything_but(operand, &place),
        "numeric" => numeric(operand, &place),
        "exists" => match operand.as_bool() {
            Some(wanted) => Ok(Condition::Exists(wanted)),
            None => wrong(&place, "true or false is expected"),
        },
        "cidr" => match Network::parse(&text(operand, &place)?) {
            Some(network) => Ok(Condition::InNetwork(network)),
            None => wrong(&place, "a network such as 10.0.0.0/24 is expected"),
        },
        _ => wrong(
            &place,
            "use prefix, suffix, equals-ignore-case, anything-but, numeric, exists or cidr",
        ),
    }
}

fn literal(value: &Value, place: &str) -> Result<Literal, FilterError> {
    match Literal::of(value) {
        Some(literal) => Ok(literal),
        None => {
            wrong(place, "a string, a number within 10^9 of 0, true, false or null is expected")
        }
    }
}

fn text(value: &Value, place: &str) -> Result<String, FilterError> {
    match value.as_str().filter(|text| !text.is_empty()) {
        Some(text) => Ok(text.to_owned()),
        None => wrong(place, "a string that is not empty is expected"),
    }
}

fn anything_but(operand: &Value, place: &str) -> Result<Condition, FilterError> {
    match operand {
        Value::Object(members) => match (members.get("prefix"), members.len()) {
            (Some(start), 1) => text(start, place).map(Condition::BeginsNotWith),
            _ => wrong(place, "values, or an object with prefix, are expected"),
        },
        Value::Array(values) if values.is_empty() => wrong(place, "the list is empty"),
        Value::Array(values) => {
            let read = values.iter().map(|value| literal(value, place));
            Ok(Condition::IsNone(read.collect::<Result<_, _>>()?))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            Ok(Condition::IsNone(vec![literal(operand, place)?]))
        }
    }
}

/// `["=", 5]`, or one bound or two: `[">", 0, "<=", 150]`.
fn numeric(operand: &Value, place: &str) -> Result<Condition, FilterError> {
    let parts = operand.as_array().map(Vec::as_slice).unwrap_or_default();
    let bounds: Option<Vec<_>> = parts.chunks(2).map(bound).collect();
    match bounds.as_deref() {
        Some([_]) => {}
        Some([(first, low), (second, high)]) if is_range(*first, *second) && low < high => {}
        Some(_) | None => {
            let reason =
                "[\"=\", 5], [\">\", 5] or a range such as [\">=\", 0, \"<\", 10] is expected";
            return wrong(place, reason);
        }
    }
    Ok(Condition::Numeric(bounds.unwrap_or_default()))
}

fn bound(pair: &[Value]) -> Option<(Comparison, Decimal)> {
    let [comparison, number] = pair else { return None };
    let comparison = match comparison.as_str()? {
        "=" => Comparison::Equal,
        "<" => Comparison::Less,
        "<=" => Comparison::LessOrEqual,
        ">" => Comparison::Greater,
        ">=" => Comparison::GreaterOrEqual,
        _ => return None,
    };
    Some((comparison, Decimal::of(number)?))
}

fn is_range(first: Comparison, second: Comparison) -> bool {
    let is_lower = matches!(first, Comparison::Greater | Comparison::GreaterOrEqual);
    is_lower && matches!(second, Comparison::Less | Comparison::LessOrEqual)
}

/// As SNS counts: each list's values, times how deep it lies, multiplied; alternatives added.
fn combinations(wanted: &Wanted, depth: usize) -> usize {
    let each =
        |them: &[Wanted]| -> Vec<usize> { them.iter().map(|it| combinations(it, depth)).collect() };
    match wanted {
        Wanted::All(all) => each(all).into_iter().fold(1, usize::saturating_mul),
        Wanted::Any(any) => each(any).into_iter().fold(0, usize::saturating_add),
        Wanted::Within(_, wanted) => combinations(wanted, depth + 1),
        Wanted::Member(_, conditions) => conditions.len().saturating_mul(depth),
    }
}
