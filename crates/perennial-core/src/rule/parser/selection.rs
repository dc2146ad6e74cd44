//! What stands behind SELECT, and nested SELECTs.

use super::{
    super::{
        error::SqlError,
        lexer::Kind,
        limits::MAX_NESTING,
        statement::{Expression, Item, Query, Selection},
    },
    Parser,
};

impl Parser<'_> {
    pub(super) fn selection(&mut self) -> Result<Selection, SqlError> {
        if self.value_follows()? {
            self.advance()?;
            let value = self.everything_or_expression()?;
            return Ok(Selection::Value(Box::new(value)));
        }
        let mut items = vec![self.item()?];
        while self.skip(",")? {
            items.push(self.item()?);
        }
        Ok(Selection::Items(items))
    }

    /// Whether VALUE comes next, and not a member that has this name.
    fn value_follows(&self) -> Result<bool, SqlError> {
        if !self.current.is_word("VALUE") {
            return Ok(false);
        }
        let next = self.following()?;
        Ok(match next.kind {
            Kind::Word(_) => {
                !["AS", "FROM", "IN", "AND", "OR"].iter().any(|word| next.is_word(word))
            }
            Kind::Number(_) | Kind::Text(_) => true,
            Kind::Symbol("(" | "[" | "{") => true,
            Kind::Symbol("*") => {
                super::lexer::token(self.text, next.end).is_ok_and(|after| after.is_word("FROM"))
            }
            Kind::Symbol(_) | Kind::End => false,
        })
    }

    fn item(&mut self) -> Result<Item, SqlError> {
        let start = self.current.start;
        let expression = self.everything_or_expression()?;
        let mut alias = Vec::new();
        if self.skip_word("AS")? {
            alias.push(self.name()?);
            while self.skip(".")? {
                alias.push(self.name()?);
            }
            if alias.len() > MAX_NESTING {
                return Err(self.problem(format!("nested deeper than {MAX_NESTING} levels")));
            }
        } else if let Expression::Call { function, .. } = &expression {
            alias.push(function.name().into());
        }
        let item = Item { expression, alias };
        if item.names().is_empty() && !item.is_everything() {
            let problem = "expected AS and a name after this, since it has none of its own";
            return Err(SqlError::at(self.text, start, problem));
        }
        Ok(item)
    }

    fn everything_or_expression(&mut self) -> Result<Expression, SqlError> {
        if self.skip("*")? { Ok(Expression::Everything) } else { self.expression() }
    }

    /// `(SELECT … FROM source AS alias WHERE …)`, from SELECT on.
    pub(super) fn query(&mut self) -> Result<Query, SqlError> {
        self.keyword("SELECT")?;
        let selection = self.selection()?;
        self.keyword("FROM")?;
        let source = self.postfix()?;
        let alias = self.skip_word("AS")?.then(|| self.name()).transpose()?;
        let condition = self.condition()?;
        self.symbol(")")?;
        Ok(Query { selection, source, alias, condition })
    }
}
