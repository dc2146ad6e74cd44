//! A rule's statement, ready to run.

use std::{borrow::Cow, fmt};

use super::{
    context::Incoming,
    error::{RunError, SqlError},
    evaluate::Run,
    limits::MAX_OUTGOING_LEN,
    parser,
    statement::{Expression, Selection, Statement},
};

/// A statement in AWS IoT SQL.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    statement: Statement,
}

impl Rule {
    /// Understands an SQL text.
    ///
    /// # Errors
    /// [`SqlError`]: where it is wrong, and what was expected there.
    pub fn parse(sql: &str) -> Result<Self, SqlError> {
        parser::statement(sql).map(|statement| Self { statement })
    }

    /// The filter of the topics that it wants.
    pub fn filter(&self) -> &str {
        &self.statement.filter
    }

    /// What it makes of a message: the outgoing payload; `None` when its condition is not true.
    ///
    /// Whether the message's topic is one that the rule wants is not asked here; a
    /// [`RuleSet`](super::RuleSet) does.
    ///
    /// # Errors
    /// [`RunError`] when it cannot be run on this message.
    pub fn run<'m>(&self, incoming: &'m Incoming<'m>) -> Result<Option<Cow<'m, [u8]>>, RunError> {
        let run = Run::new(incoming);
        if !run.passes(self.statement.condition.as_ref())? {
            return Ok(None);
        }
        if self.passes_all_on() {
            return Ok(Some(Cow::Borrowed(incoming.message.payload)));
        }
        let selected = run.selected(&self.statement.selection)?;
        Ok(Some(Cow::Owned(selected.to_json(MAX_OUTGOING_LEN)?.into_bytes())))
    }

    /// Whether the payload goes on octet for octet, JSON or not: `SELECT *`.
    fn passes_all_on(&self) -> bool {
        match &self.statement.selection {
            Selection::Value(value) => **value == Expression::Everything,
            Selection::Items(items) => matches!(items.as_slice(), [item] if item.is_everything()),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.statement.fmt(f)
    }
}
