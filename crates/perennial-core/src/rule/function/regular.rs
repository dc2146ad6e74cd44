//! Regular expressions: matched in time linear in the text, compiled once where they are literal.

use std::borrow::Cow;

use regex::{Captures, RegexBuilder};

use super::{
    super::{
        error::RunError,
        limits::{MAX_NESTING, MAX_REGEX_LEN, MAX_REGEX_SIZE, REGEX_STEPS},
        statement::{Prepared, Regex},
        value::Value,
    },
    Call, Pattern, Row,
};

pub(super) const ROWS: &[Row] = &[
    Row::new("regexp_matches", 2..=2, |call| {
        with(call, |regex, text| Ok(regex.0.is_match(text).into()))
    })
    .with(Pattern::Regex(1)),
    Row::new("regexp_replace", 3..=3, |call| {
        let Some(by) = call.text(2)? else { return Ok(Value::Undefined) };
        let Some(by) = Replacement::parse(&by) else { return Ok(Value::Undefined) };
        with(call, |regex, text| replace(call, regex, text, &by))
    })
    .with(Pattern::Regex(1)),
    Row::new("regexp_substr", 2..=2, |call| {
        with(call, |regex, text| Ok(regex.0.find(text).map(|found| found.as_str()).into()))
    })
    .with(Pattern::Regex(1)),
];

impl Regex {
    /// Compiles `pattern`, or says why it is none.
    pub(in super::super) fn compile(pattern: &str) -> Result<Self, String> {
        if pattern.len() > MAX_REGEX_LEN {
            return Err(format!("a regular expression has at most {MAX_REGEX_LEN} bytes"));
        }
        let nesting = u32::try_from(MAX_NESTING).unwrap_or(u32::MAX);
        let mut builder = RegexBuilder::new(pattern);
        builder.size_limit(MAX_REGEX_SIZE).dfa_size_limit(MAX_REGEX_SIZE).nest_limit(nesting);
        builder.build().map(Self).map_err(|error| {
            if matches!(error, regex::Error::CompiledTooBig(_)) {
                return "this regular expression is too large".to_owned();
            }
            reason(&error.to_string())
        })
    }
}

/// The last line of the parser's message; those before draw the pattern.
fn reason(message: &str) -> String {
    let last = message.lines().last().unwrap_or_default();
    let last = last.strip_prefix("error: ").unwrap_or(last);
    format!("expected a regular expression: {last}")
}

/// `run` with the expression and the text; Undefined when either is none.
fn with(
    call: &Call<'_>,
    run: impl Fn(&Regex, &str) -> Result<Value, RunError>,
) -> Result<Value, RunError> {
    let Some((text, pattern)) = call.two_texts()? else { return Ok(Value::Undefined) };
    call.run.spend_bytes(text.len())?;
    let regex = match call.prepared {
        Prepared::Regex(regex) => Cow::Borrowed(regex),
        Prepared::Nothing | Prepared::Layout(_) => {
            call.run.spend(REGEX_STEPS)?;
            let Ok(regex) = Regex::compile(&pattern) else { return Ok(Value::Undefined) };
            Cow::Owned(regex)
        }
    };
    run(&regex, &text)
}

fn replace(
    call: &Call<'_>,
    regex: &Regex,
    text: &str,
    by: &Replacement,
) -> Result<Value, RunError> {
    if by.highest >= regex.0.captures_len() {
        return Ok(Value::Undefined);
    }
    let (mut replaced, mut done) = (String::new(), 0);
    for captures in regex.0.captures_iter(text) {
        let Some(whole) = captures.get(0) else { continue };
        let before = replaced.len();
        replaced.push_str(&text[done..whole.start()]);
        by.expand(&captures, &mut replaced);
        call.run.spend_bytes(replaced.len() - before)?;
        done = whole.end();
    }
    replaced.push_str(&text[done..]);
    Ok(replaced.into())
}

/// A replacement in Java's form: `$1` is a group, `\` takes the next character as it is.
struct Replacement {
    parts: Vec<Part>,
    highest: usize,
}

enum Part {
    Character(char),
    Group(usize),
}

impl Replacement {
    /// `None` when a `$` has no digit behind it, or a `\` nothing.
    fn parse(text: &str) -> Option<Self> {
        let mut parts = Vec::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            parts.push(match c {
                '$' => Part::Group(chars.next()?.to_digit(10)?.try_into().ok()?),
                '\\' => Part::Character(chars.next()?),
                other => Part::Character(other),
            });
        }
        let groups = parts.iter().filter_map(|part| match part {
            Part::Group(group) => Some(*group),
            Part::Character(_) => None,
        });
        let highest = groups.max().unwrap_or(0);
        Some(Self { parts, highest })
    }

    fn expand(&self, captures: &Captures<'_>, into: &mut String) {
        for part in &self.parts {
            match part {
                Part::Character(c) => into.push(*c),
                Part::Group(group) => {
                    into.push_str(captures.get(*group).map_or("", |found| found.as_str()));
                }
            }
        }
    }
}
