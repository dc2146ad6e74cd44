//! Queries, and how they are written.

use std::fmt;

use super::{Field, Pattern, pattern::write_quoted};

/// The most characters of a query.
pub const MAX_LENGTH: usize = 1000;
/// The most terms of a query.
pub const MAX_TERMS: usize = 12;

/// Which things are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// Those that all of these mean.
    And(Vec<Query>),
    /// Those that one of these means.
    Or(Vec<Query>),
    /// Those that this does not mean.
    Not(Box<Query>),
    /// Those that have this.
    Term(Term),
}

/// What a thing must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// Where; anywhere in the registry's entry when there is none.
    pub field: Option<Field>,
    /// What.
    pub test: Test,
}

/// What a value must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// As this says.
    Is(Pattern),
    /// Between these.
    Between(Bound, Bound),
}

/// An end of a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bound {
    /// None.
    Unbounded,
    /// This value is within.
    Included(String),
    /// This value is not.
    Excluded(String),
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(all) => write_all(f, all, " AND "),
            Self::Or(all) => write_all(f, all, " OR "),
            Self::Not(one) => write!(f, "NOT {one}"),
            Self::Term(term) => term.fmt(f),
        }
    }
}

fn write_all(f: &mut fmt::Formatter<'_>, all: &[Query], between: &str) -> fmt::Result {
    for (number, one) in all.iter().enumerate() {
        f.write_str(if number == 0 { "(" } else { between })?;
        write!(f, "{one}")?;
    }
    f.write_str(")")
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(field) = &self.field {
            write!(f, "{field}:")?;
        }
        match &self.test {
            Test::Is(pattern) => pattern.fmt(f),
            Test::Between(from, to) => {
                f.write_str(if matches!(from, Bound::Excluded(_)) { "{" } else { "[" })?;
                from.fmt(f)?;
                f.write_str(" TO ")?;
                to.fmt(f)?;
                f.write_str(if matches!(to, Bound::Excluded(_)) { "}" } else { "]" })
            }
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unbounded => f.write_str("*"),
            Self::Included(value) | Self::Excluded(value) => write_quoted(f, value),
        }
    }
}
