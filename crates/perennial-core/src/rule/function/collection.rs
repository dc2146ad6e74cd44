//! Functions that reach into values, or tell of what kind they are.

use std::sync::Arc;

use super::{
    super::{
        error::RunError,
        value::{Members, Value},
    },
    Call, Row,
};

pub(super) const ROWS: &[Row] = &[
    Row::new("get", 2..=2, |call| Ok(get(call))),
    Row::new("get_or_default", 1..=2, |call| {
        let missing = matches!(call.value(0), Value::Undefined | Value::Null);
        Ok(call.value(usize::from(missing)).clone())
    }),
    Row::new("isNull", 1..=1, |call| Ok((*call.value(0) == Value::Null).into())),
    Row::new("isUndefined", 1..=1, |call| Ok(call.value(0).is_undefined().into())),
    Row::new("nanvl", 2..=2, |call| {
        let missing = matches!(call.value(0), Value::Undefined | Value::Null);
        Ok(call.value(usize::from(missing)).clone())
    }),
    Row::new("transform", 3..=3, transform),
];

/// The entry of an array, the character of a text, the member of an object.
fn get(call: &Call<'_>) -> Value {
    let index = || call.int(1).and_then(|index| usize::try_from(index).ok());
    match (call.value(0), call.value(1)) {
        (Value::Array(entries), _) => index().and_then(|index| entries.get(index)).cloned().into(),
        (Value::Text(text), _) => {
            index().and_then(|index| text.chars().nth(index)).map(|c| c.to_string()).into()
        }
        (object @ Value::Object(_), Value::Text(name)) => object.member(name),
        _ => Value::Undefined,
    }
}

/// `transform('enrichArray', attributes, values)`: each object of `values` with the attributes.
fn transform(call: &Call<'_>) -> Result<Value, RunError> {
    let enrich = matches!(call.value(0), Value::Text(mode) if &**mode == "enrichArray");
    let (true, Value::Object(attributes), Value::Array(values)) =
        (enrich, call.value(1), call.value(2))
    else {
        return Ok(Value::Undefined);
    };
    let mut enriched = Vec::with_capacity(values.len());
    for value in values.iter() {
        let Value::Object(members) = value else { return Ok(Value::Undefined) };
        call.run.spend(members.len() + attributes.len())?;
        let mut members = Members::clone(members);
        members.extend(attributes.iter().map(|(name, value)| (Arc::clone(name), value.clone())));
        enriched.push(Value::Object(Arc::new(members)));
    }
    Ok(Value::array(enriched))
}
