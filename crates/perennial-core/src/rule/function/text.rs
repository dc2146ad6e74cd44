//! Functions on texts. Positions and lengths count characters.

use super::{
    super::{error::RunError, value::Value},
    ANY, Call, Row,
};

pub(super) const ROWS: &[Row] = &[
    Row::new("chr", 1..=1, |call| Ok(character(call.int(0)))),
    Row::new("concat", 0..=ANY, concat),
    Row::new("endswith", 2..=2, |call| {
        Ok(call.two_texts()?.map(|(text, end)| text.ends_with(&*end)).into())
    }),
    Row::new("indexof", 2..=2, |call| {
        Ok(call.two_texts()?.map_or(Value::Undefined, |(text, part)| index_of(&text, &part)))
    }),
    Row::new("length", 1..=1, |call| call.of_text(|text| count(text.chars().count()))),
    Row::new("lower", 1..=1, |call| call.of_text(|text| text.to_lowercase().into())),
    Row::new("lpad", 2..=2, |call| padding(call, |text, spaces| format!("{:spaces$}{text}", ""))),
    Row::new("ltrim", 1..=1, |call| call.of_text(|text| text.trim_start_matches(BLANK).into())),
    Row::new("numbytes", 1..=1, |call| call.of_text(|text| count(text.len()))),
    Row::new("replace", 3..=3, replace),
    Row::new("rpad", 2..=2, |call| padding(call, |text, spaces| format!("{text}{:spaces$}", ""))),
    Row::new("rtrim", 1..=1, |call| call.of_text(|text| text.trim_end_matches(BLANK).into())),
    Row::new("startswith", 2..=2, |call| {
        Ok(call.two_texts()?.map(|(text, start)| text.starts_with(&*start)).into())
    }),
    Row::new("substring", 2..=3, substring),
    Row::new("trim", 1..=1, |call| call.of_text(|text| text.trim().into())),
    Row::new("upper", 1..=1, |call| call.of_text(|text| text.to_uppercase().into())),
];

const BLANK: [char; 2] = [' ', '\t'];
/// The most spaces that a text is padded with.
const MAX_PADDING: i64 = 1_000;

fn count(count: usize) -> Value {
    i64::try_from(count).ok().into()
}

/// The ASCII character of this code.
fn character(code: Option<i64>) -> Value {
    let code = code.and_then(|code| u8::try_from(code).ok()).filter(u8::is_ascii);
    code.map(|code| char::from(code).to_string()).into()
}

/// Where `part` begins in `text`, from 0; -1 where it is not, as everywhere in Java.
fn index_of(text: &str, part: &str) -> Value {
    text.find(part).map_or(Value::from(-1), |at| count(text[..at].chars().count()))
}

/// Arrays and what is beside them become one array; texts and what is beside them one text.
fn concat(call: &Call<'_>) -> Result<Value, RunError> {
    let arguments = call.arguments;
    if arguments.iter().any(|value| matches!(value, Value::Array(_))) {
        return join(call);
    }
    let is_text = |value: &Value| matches!(value, Value::Text(_));
    if arguments.len() != 1 && !arguments.iter().any(is_text) {
        return Ok(Value::Undefined);
    }
    let mut joined = String::new();
    for index in 0..arguments.len() {
        let Some(text) = call.text(index)? else { return Ok(Value::Undefined) };
        call.run.spend_bytes(text.len())?;
        joined.push_str(&text);
    }
    Ok(joined.into())
}

fn join(call: &Call<'_>) -> Result<Value, RunError> {
    let mut joined = Vec::new();
    for value in call.arguments {
        match value {
            Value::Array(entries) => {
                call.run.spend(entries.len())?;
                joined.extend(entries.iter().cloned());
            }
            Value::Undefined => return Ok(Value::Undefined),
            Value::Null
            | Value::Boolean(_)
            | Value::Number(_)
            | Value::Text(_)
            | Value::Object(_) => joined.push(value.clone()),
        }
    }
    Ok(Value::array(joined))
}

fn padding(call: &Call<'_>, pad: fn(&str, usize) -> String) -> Result<Value, RunError> {
    let Some(spaces) = call.int(1) else { return Ok(Value::Undefined) };
    let spaces = usize::try_from(spaces.clamp(0, MAX_PADDING)).unwrap_or(0);
    call.run.spend_bytes(spaces)?;
    call.of_text(|text| pad(text, spaces).into())
}

fn replace(call: &Call<'_>) -> Result<Value, RunError> {
    let (Some((text, part)), Some(by)) = (call.two_texts()?, call.text(2)?) else {
        return Ok(Value::Undefined);
    };
    call.run.spend_bytes(text.len())?;
    let times = text.matches(&*part).count();
    call.run.spend_bytes(times.saturating_mul(by.len()))?;
    Ok(text.replace(&*part, &by).into())
}

/// From the first index up to the second or the end; indices outside are moved to the edge.
fn substring(call: &Call<'_>) -> Result<Value, RunError> {
    let end = if call.arguments.len() == 3 { call.int(2) } else { Some(i64::MAX) };
    let (Some(start), Some(end)) = (call.int(1), end) else { return Ok(Value::Undefined) };
    let index = |index: i64| usize::try_from(index.max(0)).unwrap_or(usize::MAX);
    let (start, end) = (index(start), index(end));
    let taken = end.saturating_sub(start);
    call.of_text(|text| text.chars().skip(start).take(taken).collect::<String>().into())
}
