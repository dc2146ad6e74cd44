//! The functions of AWS IoT SQL: their names, how many arguments they take, and what they do.

mod collection;
mod encoding;
mod math;
mod message;
mod regular;
mod text;
mod time;

use std::{fmt, ops::RangeInclusive, sync::Arc};

pub(super) use encoding::base64;

use super::{
    error::RunError, evaluate::Run, number::Number, statement::Prepared, time::Dialect,
    value::Value,
};

/// A function.
#[derive(Clone, Copy)]
pub struct Function(&'static Row);

/// What is known of a function.
pub(super) struct Row {
    name: &'static str,
    least: usize,
    most: usize,
    pattern: Option<Pattern>,
    run: fn(&Call<'_>) -> Result<Value, RunError>,
}

/// An argument, by its index, that is worth reading once and for all when it is a literal.
#[derive(Debug, Clone, Copy)]
pub(super) enum Pattern {
    /// A regular expression.
    Regex(usize),
    /// A date and time pattern.
    Layout(usize, Dialect),
    /// The word `base64`, which must be a literal.
    Base64(usize),
}

/// How many arguments at most where any number is fine.
const ANY: usize = usize::MAX;

const GROUPS: [&[Row]; 7] = [
    collection::ROWS,
    encoding::ROWS,
    math::ROWS,
    message::ROWS,
    regular::ROWS,
    text::ROWS,
    time::ROWS,
];

/// AWS's functions that are absent, and why.
const ABSENT: [(&str, &str); 10] = [
    ("aws_lambda", "give the rule a lambda action"),
    ("get_dynamodb", "a rule reads nothing but its message"),
    ("get_mqtt_property", "a rule does not see a message's properties"),
    ("get_registry_data", "a rule reads nothing but its message"),
    ("get_secret", "a rule reads nothing but its message"),
    ("get_thing_shadow", "a rule reads nothing but its message"),
    ("get_user_properties", "a rule does not see a message's properties"),
    ("machinelearning_predict", "a rule reads nothing but its message"),
    ("md2", "use sha256()"),
    ("sourceip", "a rule does not see the sender's address"),
];

/// Why the function of this name is not offered, if it is one of AWS's.
pub(super) fn refusal(name: &str) -> Option<&'static str> {
    let absent = ABSENT.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    absent.map(|(_, why)| *why)
}

impl Function {
    /// The function of this name, in any case.
    pub(super) fn named(name: &str) -> Option<Self> {
        let mut rows = GROUPS.into_iter().flatten();
        rows.find(|row| row.name.eq_ignore_ascii_case(name)).map(Self)
    }

    /// Every function.
    pub fn all() -> impl Iterator<Item = Self> {
        GROUPS.into_iter().flatten().map(Self)
    }

    /// Its name, as AWS writes it.
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// How many arguments it takes.
    pub fn arity(self) -> RangeInclusive<usize> {
        self.0.least..=self.0.most
    }

    /// The same in words.
    pub(super) fn arguments(self) -> String {
        match (self.0.least, self.0.most) {
            (0, 0) => "no arguments".to_owned(),
            (1, 1) => "1 argument".to_owned(),
            (least, ANY) => format!("{least} arguments or more"),
            (least, most) if least == most => format!("{most} arguments"),
            (least, most) => format!("{least} to {most} arguments"),
        }
    }

    pub(super) fn pattern(self) -> Option<Pattern> {
        self.0.pattern
    }

    pub(super) fn call(self, call: &Call<'_>) -> Result<Value, RunError> {
        (self.0.run)(call)
    }
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Row {
    const fn new(
        name: &'static str,
        arguments: RangeInclusive<usize>,
        run: fn(&Call<'_>) -> Result<Value, RunError>,
    ) -> Self {
        Self { name, least: *arguments.start(), most: *arguments.end(), pattern: None, run }
    }

    const fn with(mut self, pattern: Pattern) -> Self {
        self.pattern = Some(pattern);
        self
    }
}

type TwoTexts = (Arc<str>, Arc<str>);

/// A function's arguments, and what else it may look at.
pub(super) struct Call<'c> {
    pub(super) arguments: &'c [Value],
    pub(super) prepared: &'c Prepared,
    pub(super) run: &'c Run<'c>,
}

impl Call<'_> {
    /// The argument at `index`; Undefined when it was not given.
    fn value(&self, index: usize) -> &Value {
        self.arguments.get(index).unwrap_or(&Value::Undefined)
    }

    fn number(&self, index: usize) -> Option<Number> {
        self.value(index).to_number()
    }

    fn int(&self, index: usize) -> Option<i64> {
        self.value(index).to_int()
    }

    fn text(&self, index: usize) -> Result<Option<Arc<str>>, RunError> {
        self.run.text(self.value(index))
    }

    /// The first two arguments as texts; nothing when either has none.
    fn two_texts(&self) -> Result<Option<TwoTexts>, RunError> {
        Ok(self.text(0)?.zip(self.text(1)?))
    }

    /// `make` of the first argument as a text; Undefined when it has none.
    fn of_text(&self, make: impl FnOnce(&str) -> Value) -> Result<Value, RunError> {
        let Some(text) = self.text(0)? else { return Ok(Value::Undefined) };
        self.run.spend_bytes(text.len())?;
        Ok(make(&text))
    }
}
