//! Expressions by rank: OR, AND, NOT, comparisons, sums, products, signs, points.

use std::sync::Arc;

use super::{
    super::{
        error::SqlError,
        lexer::Kind,
        number::Number,
        statement::{Expression, Operator, Type},
    },
    Parser,
};

/// Words that are no names, except after a point or AS.
const RESERVED: [&str; 13] = [
    "SELECT", "FROM", "WHERE", "AS", "AND", "OR", "NOT", "IN", "CASE", "WHEN", "THEN", "ELSE",
    "END",
];

/// Something that stands on one rank: its operand, and the operator that comes next, if any.
type Next = fn(&Parser<'_>) -> Option<Operator>;

impl Parser<'_> {
    pub(super) fn expression(&mut self) -> Result<Expression, SqlError> {
        self.deeper(|parser| parser.chain(|p| p.word_operator("OR", Operator::Or), Self::all_of))
    }

    fn all_of(&mut self) -> Result<Expression, SqlError> {
        self.chain(|parser| parser.word_operator("AND", Operator::And), Self::negation)
    }

    fn negation(&mut self) -> Result<Expression, SqlError> {
        if self.skip_word("NOT")? {
            let of = self.deeper(Self::negation)?;
            return Ok(Expression::Not(Box::new(of)));
        }
        self.comparison()
    }

    /// A comparison, which has no other beside it: `a < b < c` is refused.
    fn comparison(&mut self) -> Result<Expression, SqlError> {
        let first = self.sum()?;
        let Some(operator) = self.comparing() else { return Ok(first) };
        self.advance()?;
        let rest = vec![(operator, self.sum()?)];
        if self.comparing().is_some() {
            return Err(self.expected("AND, OR or parentheses around the comparison before"));
        }
        Ok(Expression::Chain { first: Box::new(first), rest })
    }

    fn comparing(&self) -> Option<Operator> {
        self.word_operator("IN", Operator::In).or(match self.current.kind {
            Kind::Symbol("=") => Some(Operator::Equal),
            Kind::Symbol("<>" | "!=") => Some(Operator::NotEqual),
            Kind::Symbol("<") => Some(Operator::Less),
            Kind::Symbol("<=") => Some(Operator::LessOrEqual),
            Kind::Symbol(">") => Some(Operator::Greater),
            Kind::Symbol(">=") => Some(Operator::GreaterOrEqual),
            Kind::Symbol(_) | Kind::Word(_) | Kind::Number(_) | Kind::Text(_) | Kind::End => None,
        })
    }

    fn sum(&mut self) -> Result<Expression, SqlError> {
        self.chain(
            |parser| match parser.current.kind {
                Kind::Symbol("+") => Some(Operator::Add),
                Kind::Symbol("-") => Some(Operator::Subtract),
                Kind::Symbol(_) | Kind::Word(_) | Kind::Number(_) | Kind::Text(_) | Kind::End => {
                    None
                }
            },
            Self::product,
        )
    }

    fn product(&mut self) -> Result<Expression, SqlError> {
        self.chain(
            |parser| match parser.current.kind {
                Kind::Symbol("*") => Some(Operator::Multiply),
                Kind::Symbol("/") => Some(Operator::Divide),
                Kind::Symbol("%") => Some(Operator::Remainder),
                Kind::Symbol(_) | Kind::Word(_) | Kind::Number(_) | Kind::Text(_) | Kind::End => {
                    None
                }
            },
            Self::signed,
        )
    }

    /// Operands of the rank below, as long as an operator of this one comes next.
    fn chain(
        &mut self,
        next: Next,
        operand: fn(&mut Self) -> Result<Expression, SqlError>,
    ) -> Result<Expression, SqlError> {
        let first = operand(self)?;
        let mut rest = Vec::new();
        while let Some(operator) = next(self) {
            self.advance()?;
            rest.push((operator, operand(self)?));
        }
        if rest.is_empty() {
            return Ok(first);
        }
        Ok(Expression::Chain { first: Box::new(first), rest })
    }

    fn word_operator(&self, word: &str, operator: Operator) -> Option<Operator> {
        self.current.is_word(word).then_some(operator)
    }

    fn signed(&mut self) -> Result<Expression, SqlError> {
        if !self.skip("-")? {
            return self.postfix();
        }
        if let Kind::Number(_) = self.current.kind {
            return self.number("-");
        }
        let of = self.deeper(Self::signed)?;
        Ok(Expression::Negated(Box::new(of)))
    }

    /// What stands by itself, and the members of it that are reached by points.
    pub(super) fn postfix(&mut self) -> Result<Expression, SqlError> {
        let mut of = self.primary()?;
        while self.skip(".")? {
            let name = self.name()?;
            if let Expression::Path { names, .. } = &mut of {
                names.push(name);
            } else {
                of = Expression::Path { of: Box::new(of), names: vec![name] };
            }
        }
        Ok(of)
    }

    fn primary(&mut self) -> Result<Expression, SqlError> {
        match self.current.kind.clone() {
            Kind::Number(_) => self.number(""),
            Kind::Text(text) => {
                self.advance()?;
                Ok(Expression::Text(text.into()))
            }
            Kind::Symbol("(") => self.in_parentheses(),
            Kind::Symbol("[") => {
                self.advance()?;
                Ok(Expression::Array(self.list("]", Self::expression)?))
            }
            Kind::Symbol("{") => {
                self.advance()?;
                Ok(Expression::Object(self.list("}", Self::member)?))
            }
            Kind::Word(word) => self.word(word),
            Kind::Symbol(_) | Kind::End => Err(self.expected("an expression")),
        }
    }

    fn number(&mut self, sign: &str) -> Result<Expression, SqlError> {
        let Kind::Number(digits) = self.current.kind else {
            return Err(self.expected("a number"));
        };
        let number = Number::parse(&format!("{sign}{digits}"));
        let number = number.ok_or_else(|| self.expected("a number below 1E1000"))?;
        self.advance()?;
        Ok(Expression::Number(number))
    }

    fn in_parentheses(&mut self) -> Result<Expression, SqlError> {
        self.advance()?;
        if self.current.is_word("SELECT") {
            return Ok(Expression::Query(Box::new(self.deeper(Self::query)?)));
        }
        let inner = self.expression()?;
        self.symbol(")")?;
        Ok(inner)
    }

    fn member(&mut self) -> Result<(Arc<str>, Expression), SqlError> {
        let Kind::Text(name) = self.current.kind.clone() else {
            return Err(self.expected("a member's name in quotes"));
        };
        self.advance()?;
        self.symbol(":")?;
        Ok((name.into(), self.expression()?))
    }

    fn word(&mut self, word: &str) -> Result<Expression, SqlError> {
        if self.current.is_word("CASE") {
            return self.case();
        }
        if RESERVED.iter().any(|reserved| self.current.is_word(reserved)) {
            return Err(self.expected("an expression"));
        }
        for (literal, value) in [
            ("NULL", Expression::Null),
            ("TRUE", Expression::Boolean(true)),
            ("FALSE", Expression::Boolean(false)),
        ] {
            if self.skip_word(literal)? {
                return Ok(value);
            }
        }
        if !self.following()?.is_symbol("(") {
            self.advance()?;
            return Ok(Expression::Name(word.into()));
        }
        if self.current.is_word("CAST") {
            return self.cast();
        }
        if self.current.is_word("EXISTS") {
            self.advance()?;
            self.advance()?;
            return Ok(Expression::Exists(Box::new(self.deeper(Self::query)?)));
        }
        self.call(word)
    }

    fn case(&mut self) -> Result<Expression, SqlError> {
        self.keyword("CASE")?;
        let of = Box::new(self.expression()?);
        let mut arms = Vec::new();
        while self.skip_word("WHEN")? {
            let wanted = self.expression()?;
            self.keyword("THEN")?;
            arms.push((wanted, self.expression()?));
        }
        if arms.is_empty() {
            return Err(self.expected("WHEN"));
        }
        let otherwise = self.skip_word("ELSE")?.then(|| self.expression()).transpose()?;
        if !self.skip_word("END")? {
            let what = if otherwise.is_some() { "END" } else { "WHEN, ELSE or END" };
            return Err(self.expected(what));
        }
        Ok(Expression::Case { of, arms, otherwise: otherwise.map(Box::new) })
    }

    fn cast(&mut self) -> Result<Expression, SqlError> {
        self.advance()?;
        self.symbol("(")?;
        let of = Box::new(self.expression()?);
        self.keyword("AS")?;
        let known = Type::WORDS.into_iter().find(|(word, _)| self.current.is_word(word));
        let Some((_, to)) = known else {
            return Err(self.expected("String, Int, Decimal, Double or Boolean"));
        };
        self.advance()?;
        self.symbol(")")?;
        Ok(Expression::Cast { of, to })
    }
}
