//! An SQL statement, taken apart: what the parser makes and the evaluation walks.

use std::{fmt, sync::Arc};

use super::{function::Function, number::Number, time::Layout};

/// `SELECT … FROM 'filter' WHERE …`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Statement {
    /// What comes out.
    pub(super) selection: Selection,
    /// The topic filter.
    pub(super) filter: Box<str>,
    /// When it comes out.
    pub(super) condition: Option<Expression>,
}

/// What a SELECT gives.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Selection {
    /// An object with these members.
    Items(Vec<Item>),
    /// `VALUE`: the value itself.
    Value(Box<Expression>),
}

/// One item of a SELECT list.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Item {
    /// What it is.
    pub(super) expression: Expression,
    /// `AS a.b`: under which name; its own if there is none.
    pub(super) alias: Vec<Box<str>>,
}

/// A nested SELECT over an array or object.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Query {
    /// What it gives for each entry.
    pub(super) selection: Selection,
    /// The array or object.
    pub(super) source: Expression,
    /// The name of the entry at hand.
    pub(super) alias: Option<Box<str>>,
    /// Which entries count.
    pub(super) condition: Option<Expression>,
}

/// Anything that has a value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expression {
    /// `NULL`.
    Null,
    /// `TRUE` or `FALSE`.
    Boolean(bool),
    /// A number.
    Number(Number),
    /// A text in quotes.
    Text(Arc<str>),
    /// `[a, b]`.
    Array(Vec<Self>),
    /// `{'a': b}`.
    Object(Vec<(Arc<str>, Self)>),
    /// `*`: all of the payload or of the entry at hand.
    Everything,
    /// A member of the payload or of the entry at hand, or the entry itself by its alias.
    Name(Box<str>),
    /// `of.a.b`.
    Path {
        /// Where the way begins.
        of: Box<Self>,
        /// The members on the way.
        names: Vec<Box<str>>,
    },
    /// `-a`.
    Negated(Box<Self>),
    /// `NOT a`.
    Not(Box<Self>),
    /// Operators of one rank, from left to right: `a + b - c`.
    Chain {
        /// The leftmost operand.
        first: Box<Self>,
        /// The others, each with the operator before it.
        rest: Vec<(Operator, Self)>,
    },
    /// `CASE of WHEN a THEN b … ELSE c END`.
    Case {
        /// What is compared.
        of: Box<Self>,
        /// What it is compared with, and the result if it is equal.
        arms: Vec<(Self, Self)>,
        /// The result if nothing is.
        otherwise: Option<Box<Self>>,
    },
    /// `CAST(of AS to)`.
    Cast {
        /// The value.
        of: Box<Self>,
        /// The type it is made.
        to: Type,
    },
    /// `EXISTS (SELECT …)`.
    Exists(Box<Query>),
    /// `(SELECT …)`.
    Query(Box<Query>),
    /// `f(a, b)`.
    Call {
        /// The function.
        function: Function,
        /// Its arguments.
        arguments: Vec<Self>,
        /// What was made of a literal argument once and for all.
        prepared: Prepared,
    },
}

/// What a call's literal arguments were made into when the statement was parsed.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) enum Prepared {
    /// Nothing.
    #[default]
    Nothing,
    /// A regular expression.
    Regex(Regex),
    /// A date and time pattern.
    Layout(Layout),
}

/// A compiled regular expression; equal to one of the same text.
#[derive(Debug, Clone)]
pub(super) struct Regex(pub(super) regex::Regex);

impl PartialEq for Regex {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

/// An operator with two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Operator {
    /// As SQL writes it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Or => "OR",
            Self::And => "AND",
            Self::Equal => "=",
            Self::NotEqual => "<>",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::In => "IN",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
        }
    }
}

/// What a value can be cast to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    /// A text.
    Text,
    /// A whole number.
    Int,
    /// A number.
    Decimal,
    /// A number with the precision of a double.
    Double,
    /// True or false.
    Boolean,
}

impl Type {
    /// The types by the words that mean them; the first word of each is how it is printed.
    pub(super) const WORDS: [(&'static str, Self); 11] = [
        ("String", Self::Text),
        ("Nvarchar", Self::Text),
        ("Text", Self::Text),
        ("Ntext", Self::Text),
        ("Varchar", Self::Text),
        ("Int", Self::Int),
        ("Integer", Self::Int),
        ("Decimal", Self::Decimal),
        ("Double", Self::Double),
        ("Boolean", Self::Boolean),
        ("Bool", Self::Boolean),
    ];
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = Self::WORDS.iter().find(|(_, known)| known == self);
        f.write_str(word.map_or("", |(word, _)| word))
    }
}

impl Item {
    /// The names of the member that it becomes; none for a plain `*`, which becomes many.
    pub(super) fn names(&self) -> &[Box<str>] {
        if !self.alias.is_empty() {
            return &self.alias;
        }
        self.expression.own_name()
    }

    /// Whether it is `*` alone.
    pub(super) fn is_everything(&self) -> bool {
        self.alias.is_empty() && self.expression == Expression::Everything
    }
}

impl Expression {
    /// The name that an item without alias gets: the last one of a path. A call's is its
    /// function's, which the parser makes an alias.
    fn own_name(&self) -> &[Box<str>] {
        match self {
            Self::Name(name) => std::slice::from_ref(name),
            Self::Path { names, .. } => &names[names.len().saturating_sub(1)..],
            Self::Null
            | Self::Boolean(_)
            | Self::Number(_)
            | Self::Text(_)
            | Self::Array(_)
            | Self::Object(_)
            | Self::Everything
            | Self::Negated(_)
            | Self::Not(_)
            | Self::Chain { .. }
            | Self::Case { .. }
            | Self::Cast { .. }
            | Self::Exists(_)
            | Self::Query(_)
            | Self::Call { .. } => &[],
        }
    }
}
