//! The parser: from an SQL text to a statement, or to what was expected where.

mod call;
mod expression;
mod selection;

use super::{
    error::SqlError,
    lexer::{self, Kind, Token},
    limits::{MAX_NESTING, MAX_SQL_LEN},
    statement::{Expression, Statement},
};
use crate::topic;

/// Takes a whole statement apart.
pub(super) fn statement(text: &str) -> Result<Statement, SqlError> {
    if text.len() > MAX_SQL_LEN {
        let problem =
            format!("a statement has at most {MAX_SQL_LEN} bytes, and this one {}", text.len());
        return Err(SqlError::at(text, 0, problem));
    }
    let mut parser = Parser::new(text, 0)?;
    if parser.current.is_word("SET") {
        return Err(parser.problem("variables (SET) are not offered here"));
    }
    parser.keyword("SELECT")?;
    let selection = parser.selection()?;
    parser.keyword("FROM")?;
    let filter = parser.filter()?;
    let condition = parser.condition()?;
    match parser.current.kind {
        Kind::End => Ok(Statement { selection, filter, condition }),
        Kind::Word(_) | Kind::Number(_) | Kind::Text(_) | Kind::Symbol(_) => {
            Err(parser.expected(if condition.is_some() { "the end" } else { "WHERE or the end" }))
        }
    }
}

/// The expression of `text` from `start` on, up to a `}`; and where it goes on behind that.
pub(super) fn in_braces(text: &str, start: usize) -> Result<(Expression, usize), SqlError> {
    let mut parser = Parser::new(text, start)?;
    let expression = parser.expression()?;
    if !parser.current.is_symbol("}") {
        return Err(parser.expected("}"));
    }
    Ok((expression, parser.current.end))
}

struct Parser<'t> {
    text: &'t str,
    /// What comes next.
    current: Token<'t>,
    /// How deep expressions are nested where it stands.
    depth: usize,
}

impl<'t> Parser<'t> {
    fn new(text: &'t str, at: usize) -> Result<Self, SqlError> {
        Ok(Self { text, current: lexer::token(text, at)?, depth: 0 })
    }

    /// Passes over what comes next.
    fn advance(&mut self) -> Result<Token<'t>, SqlError> {
        let next = lexer::token(self.text, self.current.end)?;
        Ok(std::mem::replace(&mut self.current, next))
    }

    /// What comes after what comes next.
    fn following(&self) -> Result<Token<'t>, SqlError> {
        lexer::token(self.text, self.current.end)
    }

    fn problem(&self, problem: impl Into<String>) -> SqlError {
        SqlError::at(self.text, self.current.start, problem)
    }

    fn expected(&self, what: &str) -> SqlError {
        self.problem(format!("expected {what}, found {}", self.current.kind))
    }

    /// Passes over `word`, if it comes next.
    fn skip_word(&mut self, word: &str) -> Result<bool, SqlError> {
        let found = self.current.is_word(word);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    /// Passes over `symbol`, if it comes next.
    fn skip(&mut self, symbol: &str) -> Result<bool, SqlError> {
        let found = self.current.is_symbol(symbol);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn keyword(&mut self, word: &str) -> Result<(), SqlError> {
        if self.skip_word(word)? { Ok(()) } else { Err(self.expected(word)) }
    }

    fn symbol(&mut self, symbol: &str) -> Result<(), SqlError> {
        if self.skip(symbol)? { Ok(()) } else { Err(self.expected(symbol)) }
    }

    /// A name after a point or AS, where keywords are names too.
    fn name(&mut self) -> Result<Box<str>, SqlError> {
        let Kind::Word(word) = self.current.kind else { return Err(self.expected("a name")) };
        self.advance()?;
        Ok(word.into())
    }

    /// `parse` one level deeper.
    fn deeper<T>(
        &mut self,
        parse: impl FnOnce(&mut Self) -> Result<T, SqlError>,
    ) -> Result<T, SqlError> {
        if self.depth >= MAX_NESTING {
            return Err(self.problem(format!("nested deeper than {MAX_NESTING} levels")));
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    /// Things with commas between them, up to the symbol `close`.
    fn list<T>(
        &mut self,
        close: &str,
        mut parse: impl FnMut(&mut Self) -> Result<T, SqlError>,
    ) -> Result<Vec<T>, SqlError> {
        let mut list = Vec::new();
        if self.skip(close)? {
            return Ok(list);
        }
        loop {
            list.push(parse(self)?);
            if self.skip(close)? {
                return Ok(list);
            }
            if !self.skip(",")? {
                return Err(self.expected(&format!(", or {close}")));
            }
        }
    }

    /// The topic filter in quotes.
    fn filter(&mut self) -> Result<Box<str>, SqlError> {
        let Kind::Text(filter) = &self.current.kind else {
            return Err(self.expected("a topic filter in quotes"));
        };
        topic::check_filter(filter).map_err(|error| self.problem(error.to_string()))?;
        let filter = filter.as_ref().into();
        self.advance()?;
        Ok(filter)
    }

    fn condition(&mut self) -> Result<Option<Expression>, SqlError> {
        self.skip_word("WHERE")?.then(|| self.expression()).transpose()
    }
}
