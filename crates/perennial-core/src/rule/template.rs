//! Parameters of actions with `${expressions}` in them.

use std::fmt::{self, Write};

use super::{
    context::Incoming,
    error::{RunError, SqlError},
    evaluate::Run,
    limits::{MAX_OUTGOING_LEN, MAX_TEMPLATE_LEN},
    parser,
    statement::Expression,
    value::Value,
};

/// A text, some of which is worked out for each message.
#[derive(Debug, Clone, PartialEq)]
pub struct Template(Vec<Part>);

/// A piece of a template.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Part {
    /// Text as it is.
    Fixed(Box<str>),
    /// `${…}`.
    Computed(Expression),
}

impl Template {
    /// Takes `text` apart.
    ///
    /// # Errors
    /// [`SqlError`] with the place in `text`, when an expression is none or not closed, or the
    /// text is longer than [`MAX_TEMPLATE_LEN`].
    pub fn parse(text: &str) -> Result<Self, SqlError> {
        if text.len() > MAX_TEMPLATE_LEN {
            let problem = format!("a parameter has at most {MAX_TEMPLATE_LEN} bytes");
            return Err(SqlError::at(text, 0, problem));
        }
        let mut parts = Vec::new();
        let mut at = 0;
        while let Some(found) = text[at..].find("${") {
            let (open, start) = (at, at + found);
            if found > 0 {
                parts.push(Part::Fixed(text[open..start].into()));
            }
            let (expression, behind) = parser::in_braces(text, start + 2)?;
            parts.push(Part::Computed(expression));
            at = behind;
        }
        if at < text.len() {
            parts.push(Part::Fixed(text[at..].into()));
        }
        Ok(Self(parts))
    }

    /// Its pieces.
    pub(super) fn parts(&self) -> &[Part] {
        &self.0
    }

    /// The whole text, if there is nothing to work out.
    pub(super) fn fixed(&self) -> Option<&str> {
        match self.parts() {
            [] => Some(""),
            [Part::Fixed(text)] => Some(text),
            _ => None,
        }
    }

    /// The text for a message. What is Undefined leaves nothing; arrays, objects and Null are
    /// written in JSON.
    ///
    /// # Errors
    /// [`RunError`] when that takes too much work or becomes too long.
    pub fn fill(&self, incoming: &Incoming<'_>) -> Result<String, RunError> {
        let run = Run::new(incoming);
        let mut filled = String::new();
        for part in &self.0 {
            match part {
                Part::Fixed(text) => filled.push_str(text),
                Part::Computed(expression) => {
                    let value = run.value(expression)?;
                    if let Value::Text(text) = value {
                        filled.push_str(&text);
                    } else {
                        filled.push_str(&value.to_json(MAX_OUTGOING_LEN)?);
                    }
                }
            }
            if filled.len() > MAX_OUTGOING_LEN {
                return Err(RunError::TooLarge { limit: MAX_OUTGOING_LEN });
            }
        }
        Ok(filled)
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.0 {
            match part {
                Part::Fixed(text) => f.write_str(text)?,
                Part::Computed(expression) => {
                    write!(f, "${{{expression}")?;
                    f.write_char('}')?;
                }
            }
        }
        Ok(())
    }
}
