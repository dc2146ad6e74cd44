//! Printing objects: one JSON object a line, or members in words.

use std::{io::Write as _, process::ExitCode};

use serde_json::Value;

/// Prints what a server answered.
pub(crate) fn print(objects: &[Value], json: bool) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    for object in objects {
        if json {
            writeln!(out, "{object}")?;
        } else {
            write_members(&mut out, object, 0)?;
            writeln!(out)?;
        }
    }
    if objects.is_empty() && !json {
        writeln!(out, "nothing to list")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn write_members(
    out: &mut impl std::io::Write,
    value: &Value,
    depth: usize,
) -> std::io::Result<()> {
    let Value::Object(members) = value else { return writeln!(out, "{}", scalar(value)) };
    for (name, member) in members {
        match member {
            Value::Object(_) => {
                writeln!(out, "{:depth$}{name}:", "")?;
                write_members(out, member, depth + 2)?;
            }
            Value::Array(items) if items.iter().any(Value::is_object) => {
                writeln!(out, "{:depth$}{name}:", "")?;
                for item in items {
                    writeln!(out, "{:depth$}  {}", "", in_one_line(item))?;
                }
            }
            Value::Null => {}
            Value::Array(_) | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                writeln!(out, "{:depth$}{name}: {}", "", when(name, member))?;
            }
        }
    }
    Ok(())
}

fn in_one_line(item: &Value) -> String {
    let Value::Object(members) = item else { return scalar(item) };
    let text = |(name, member): (&String, &Value)| format!("{name}={}", when(name, member));
    members.iter().filter(|(_, member)| !member.is_null()).map(text).collect::<Vec<_>>().join(" ")
}

/// A time reads as one; anything else as it is.
fn when(name: &str, value: &Value) -> String {
    let is_time =
        name == "at" || ["At", "After", "Before", "Until"].iter().any(|end| name.ends_with(end));
    match value.as_i64().filter(|_| is_time).map(jiff::Timestamp::from_millisecond) {
        Some(Ok(time)) => time.to_string(),
        Some(Err(_)) | None => scalar(value),
    }
}

fn scalar(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), |text| text.trim_end().to_owned())
}
