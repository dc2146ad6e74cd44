//! Functions on numbers.

use std::f64;

use super::{
    super::{error::RunError, number::Number, value::Value},
    ANY, Call, Row,
};

pub(super) const ROWS: &[Row] = &[
    Row::new("abs", 1..=1, |call| Ok(call.number(0).map(|number| number.abs()).into())),
    Row::new("acos", 1..=1, |call| double(call, f64::acos)),
    Row::new("asin", 1..=1, |call| double(call, f64::asin)),
    Row::new("atan", 1..=1, |call| double(call, f64::atan)),
    Row::new("atan2", 2..=2, |call| doubles(call, f64::atan2)),
    Row::new("bitand", 2..=2, |call| bits(call, |a, b| a & b)),
    Row::new("bitnot", 1..=1, |call| Ok(bit_pattern(call, 0).map(|bits| int(!bits)).into())),
    Row::new("bitor", 2..=2, |call| bits(call, |a, b| a | b)),
    Row::new("bitxor", 2..=2, |call| bits(call, |a, b| a ^ b)),
    Row::new("ceil", 1..=1, |call| Ok(call.number(0).map(|number| number.ceil()).into())),
    Row::new("cos", 1..=1, |call| double(call, f64::cos)),
    Row::new("cosh", 1..=1, |call| double(call, f64::cosh)),
    Row::new("exp", 1..=1, |call| double(call, f64::exp)),
    Row::new("floor", 1..=1, |call| Ok(call.number(0).map(|number| number.floor()).into())),
    Row::new("ln", 1..=1, |call| double(call, f64::ln)),
    Row::new("log", 1..=1, |call| double(call, f64::log10)),
    Row::new("max", 1..=ANY, |call| chosen(call, |new, best| new > best)),
    Row::new("min", 1..=ANY, |call| chosen(call, |new, best| new < best)),
    Row::new("mod", 2..=2, remainder),
    Row::new("power", 2..=2, |call| doubles(call, f64::powf)),
    Row::new("remainder", 2..=2, remainder),
    Row::new("round", 1..=1, |call| Ok(call.number(0).map(|number| number.round()).into())),
    Row::new("sign", 1..=1, |call| Ok(call.number(0).map(|number| sign(&number)).into())),
    Row::new("sin", 1..=1, |call| double(call, f64::sin)),
    Row::new("sinh", 1..=1, |call| double(call, f64::sinh)),
    Row::new("sqrt", 1..=1, |call| double(call, f64::sqrt)),
    Row::new("tan", 1..=1, |call| double(call, f64::tan)),
    Row::new("tanh", 1..=1, |call| double(call, f64::tanh)),
    Row::new("trunc", 2..=2, |call| {
        let places = call.int(1).map(|places| places.clamp(0, 34));
        Ok(call.number(0).zip(places).map(|(number, places)| number.truncate(places)).into())
    }),
];

/// A function of one double; Undefined where it has no finite value.
fn double(call: &Call<'_>, function: fn(f64) -> f64) -> Result<Value, RunError> {
    let number = call.number(0);
    Ok(number.and_then(|number| Number::from_f64(function(number.to_f64()))).into())
}

fn doubles(call: &Call<'_>, function: fn(f64, f64) -> f64) -> Result<Value, RunError> {
    let numbers = call.number(0).zip(call.number(1));
    let result = numbers.map(|(a, b)| function(a.to_f64(), b.to_f64()));
    Ok(result.and_then(Number::from_f64).into())
}

fn int(int: i128) -> Number {
    Number::Int(int)
}

/// An argument's bits, as many as there are: two's complement.
fn bit_pattern(call: &Call<'_>, index: usize) -> Option<i128> {
    match call.number(index)?.floor() {
        Number::Int(int) => Some(int),
        Number::Decimal(_) => None,
    }
}

fn bits(call: &Call<'_>, function: fn(i128, i128) -> i128) -> Result<Value, RunError> {
    let patterns = bit_pattern(call, 0).zip(bit_pattern(call, 1));
    // Of two numbers of 34 digits it may take 35, so it is put through the rounding.
    let result = patterns.map(|(a, b)| int(function(a, b)).add(&Number::ZERO));
    Ok(result.flatten().into())
}

/// The number that comes out on top, if all are numbers.
fn chosen(call: &Call<'_>, better: fn(&Number, &Number) -> bool) -> Result<Value, RunError> {
    let mut best: Option<Number> = None;
    for index in 0..call.arguments.len() {
        let Some(number) = call.number(index) else { return Ok(Value::Undefined) };
        if best.as_ref().is_none_or(|best| better(&number, best)) {
            best = Some(number);
        }
    }
    Ok(best.into())
}

fn remainder(call: &Call<'_>) -> Result<Value, RunError> {
    let numbers = call.number(0).zip(call.number(1));
    Ok(numbers.and_then(|(a, b)| a.remainder(&b)).into())
}

fn sign(number: &Number) -> i64 {
    match number.partial_cmp(&Number::ZERO) {
        Some(std::cmp::Ordering::Less) => -1,
        Some(std::cmp::Ordering::Greater) => 1,
        Some(std::cmp::Ordering::Equal) | None => 0,
    }
}
