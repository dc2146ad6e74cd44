//! A statement as text again; parsed, it gives the same statement. Parentheses stand only where
//! they must, so that what is printed is nested no deeper than what was read.

use std::fmt::{self, Formatter, Result, Write};

use super::statement::{Expression, Item, Operator, Query, Selection, Statement};

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "SELECT {} FROM ", self.selection)?;
        quoted(f, &self.filter)?;
        condition(f, self.condition.as_ref())
    }
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Items(items) => list(f, items, |f, item| write!(f, "{item}")),
            // `VALUE -1` would be a member called value, less 1.
            Self::Value(value) if value.begins_with_sign() => write!(f, "VALUE ({value})"),
            Self::Value(value) => write!(f, "VALUE {value}"),
        }
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}", self.expression)?;
        if self.alias.is_empty() { Ok(()) } else { write!(f, " AS {}", self.alias.join(".")) }
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "(SELECT {} FROM {}", self.selection, self.source.at(Rank::Primary))?;
        if let Some(alias) = &self.alias {
            write!(f, " AS {alias}")?;
        }
        condition(f, self.condition.as_ref())?;
        f.write_char(')')
    }
}

/// How tightly an expression holds together; what is looser than its place needs parentheses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Or,
    And,
    Not,
    Comparison,
    Sum,
    Product,
    Sign,
    Primary,
}

impl Rank {
    const fn of(operator: Operator) -> Self {
        match operator {
            Operator::Or => Self::Or,
            Operator::And => Self::And,
            Operator::Equal
            | Operator::NotEqual
            | Operator::Less
            | Operator::LessOrEqual
            | Operator::Greater
            | Operator::GreaterOrEqual
            | Operator::In => Self::Comparison,
            Operator::Add | Operator::Subtract => Self::Sum,
            Operator::Multiply | Operator::Divide | Operator::Remainder => Self::Product,
        }
    }

    /// What the operands of an operator of this rank must hold together as.
    const fn tighter(self) -> Self {
        match self {
            Self::Or => Self::And,
            Self::And => Self::Not,
            Self::Not => Self::Comparison,
            Self::Comparison => Self::Sum,
            Self::Sum => Self::Product,
            Self::Product => Self::Sign,
            Self::Sign | Self::Primary => Self::Primary,
        }
    }
}

/// An expression at a place that asks for a rank.
struct At<'e>(&'e Expression, Rank);

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Self(expression, rank) = self;
        if expression.rank() < *rank { write!(f, "({expression})") } else { expression.fmt(f) }
    }
}

impl Expression {
    const fn at(&self, rank: Rank) -> At<'_> {
        At(self, rank)
    }

    fn rank(&self) -> Rank {
        match self {
            Self::Chain { rest, .. } => {
                rest.first().map_or(Rank::Primary, |(operator, _)| Rank::of(*operator))
            }
            Self::Not(_) => Rank::Not,
            Self::Negated(_) => Rank::Sign,
            Self::Number(number) if number.is_negative() => Rank::Sign,
            Self::Null
            | Self::Boolean(_)
            | Self::Number(_)
            | Self::Text(_)
            | Self::Array(_)
            | Self::Object(_)
            | Self::Everything
            | Self::Name(_)
            | Self::Path { .. }
            | Self::Case { .. }
            | Self::Cast { .. }
            | Self::Exists(_)
            | Self::Query(_)
            | Self::Call { .. } => Rank::Primary,
        }
    }

    /// Whether it is printed with a `-` in front.
    fn begins_with_sign(&self) -> bool {
        if let Self::Chain { first, rest } = self {
            let operands = rest.first().map_or(Rank::Primary, |(o, _)| Rank::of(*o).tighter());
            return first.rank() >= operands && first.begins_with_sign();
        }
        self.rank() == Rank::Sign
    }

    /// Whether it is printed with a digit in front, which would take a `-` for its own.
    fn begins_with_digit(&self) -> bool {
        if let Self::Path { of, .. } = self {
            return of.begins_with_digit();
        }
        matches!(self, Self::Number(number) if !number.is_negative())
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Null => f.write_str("NULL"),
            Self::Boolean(true) => f.write_str("TRUE"),
            Self::Boolean(false) => f.write_str("FALSE"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => quoted(f, text),
            Self::Everything => f.write_char('*'),
            Self::Name(name) => f.write_str(name),
            Self::Path { of, names } => {
                write!(f, "{}.{}", of.at(Rank::Primary), names.join("."))
            }
            Self::Negated(of) if of.begins_with_digit() => write!(f, "-({of})"),
            Self::Negated(of) => write!(f, "-{}", of.at(Rank::Sign)),
            Self::Not(of) => write!(f, "NOT {}", of.at(Rank::Not)),
            Self::Cast { of, to } => write!(f, "CAST({of} AS {to})"),
            Self::Exists(query) => write!(f, "EXISTS {query}"),
            Self::Query(query) => write!(f, "{query}"),
            Self::Array(entries) => {
                f.write_char('[')?;
                list(f, entries, |f, entry| write!(f, "{entry}"))?;
                f.write_char(']')
            }
            Self::Object(members) => {
                f.write_char('{')?;
                list(f, members, |f, (name, value)| {
                    quoted(f, name)?;
                    write!(f, ": {value}")
                })?;
                f.write_char('}')
            }
            Self::Call { function, arguments, .. } => {
                write!(f, "{}(", function.name())?;
                list(f, arguments, |f, argument| write!(f, "{argument}"))?;
                f.write_char(')')
            }
            Self::Chain { first, rest } => chain(f, first, rest),
            Self::Case { of, arms, otherwise } => case(f, of, arms, otherwise.as_deref()),
        }
    }
}

fn chain(f: &mut Formatter<'_>, first: &Expression, rest: &[(Operator, Expression)]) -> Result {
    let Some((operator, _)) = rest.first() else { return write!(f, "{first}") };
    let operands = Rank::of(*operator).tighter();
    write!(f, "{}", first.at(operands))?;
    for (operator, operand) in rest {
        write!(f, " {} {}", operator.as_str(), operand.at(operands))?;
    }
    Ok(())
}

fn case(
    f: &mut Formatter<'_>,
    of: &Expression,
    arms: &[(Expression, Expression)],
    otherwise: Option<&Expression>,
) -> Result {
    write!(f, "CASE {of}")?;
    for (wanted, result) in arms {
        write!(f, " WHEN {wanted} THEN {result}")?;
    }
    if let Some(result) = otherwise {
        write!(f, " ELSE {result}")?;
    }
    f.write_str(" END")
}

fn condition(f: &mut Formatter<'_>, condition: Option<&Expression>) -> Result {
    condition.map_or(Ok(()), |condition| write!(f, " WHERE {condition}"))
}

fn list<T>(
    f: &mut Formatter<'_>,
    entries: &[T],
    write: impl Fn(&mut Formatter<'_>, &T) -> Result,
) -> Result {
    for (index, entry) in entries.iter().enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        write(f, entry)?;
    }
    Ok(())
}

fn quoted(f: &mut Formatter<'_>, text: &str) -> Result {
    write!(f, "'{}'", text.replace('\'', "''"))
}
