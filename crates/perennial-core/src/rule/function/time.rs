//! `parse_time`, which writes a time, and `time_to_epoch`, which reads one.

use std::borrow::Cow;

use super::{
    super::{
        error::RunError,
        statement::Prepared,
        time::{Dialect, Layout},
        value::Value,
    },
    Call, Pattern, Row,
};

pub(super) const ROWS: &[Row] = &[
    Row::new("parse_time", 2..=3, parse_time).with(Pattern::Layout(0, Dialect::Joda)),
    Row::new("time_to_epoch", 2..=2, time_to_epoch).with(Pattern::Layout(1, Dialect::Java)),
];

fn parse_time(call: &Call<'_>) -> Result<Value, RunError> {
    let zone = if call.arguments.len() == 3 { call.text(2)? } else { Some("UTC".into()) };
    let Some(layout) = layout(call, 0, Dialect::Joda)? else { return Ok(Value::Undefined) };
    let (Some(millis), Some(zone)) = (call.int(1), zone) else { return Ok(Value::Undefined) };
    Ok(layout.write(millis, &zone, call.run.surroundings().zones).into())
}

fn time_to_epoch(call: &Call<'_>) -> Result<Value, RunError> {
    let Some(layout) = layout(call, 1, Dialect::Java)? else { return Ok(Value::Undefined) };
    call.text(0)?.map_or(Ok(Value::Undefined), |text| {
        call.run.spend_bytes(text.len())?;
        Ok(layout.read(&text, call.run.surroundings().zones).into())
    })
}

/// The pattern, which is at hand when it is a literal.
fn layout<'c>(
    call: &'c Call<'_>,
    index: usize,
    dialect: Dialect,
) -> Result<Option<Cow<'c, Layout>>, RunError> {
    if let Prepared::Layout(layout) = call.prepared {
        return Ok(Some(Cow::Borrowed(layout)));
    }
    let Some(pattern) = call.text(index)? else { return Ok(None) };
    call.run.spend_bytes(pattern.len())?;
    Ok(Layout::parse(&pattern, dialect).ok().map(Cow::Owned))
}
