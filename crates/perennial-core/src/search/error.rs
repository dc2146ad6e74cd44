//! What is wrong with a query, and where.

use super::query::{MAX_LENGTH, MAX_TERMS};

/// A query that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at character {at}: {wrong}")]
pub struct QueryError {
    /// Where, from 1.
    pub at: usize,
    /// What.
    pub wrong: Wrong,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// Too long.
    #[error("a query has at most {MAX_LENGTH} characters")]
    TooLong,
    /// Too many terms.
    #[error("a query has at most {MAX_TERMS} terms")]
    TooManyTerms,
    /// Too many groups within groups.
    #[error("there are too many groups within groups")]
    TooDeep,
    /// Something else was expected.
    #[error("{0} is expected")]
    Expected(&'static str),
    /// A quote that is not closed.
    #[error("the quote that begins here does not end")]
    Unquoted,
    /// A field that there is not.
    #[error(
        "there is no field {0:?}: use thingName, thingId, thingTypeName, thingGroupNames, \
         attributes.NAME, connectivity.connected, connectivity.timestamp, \
         connectivity.disconnectReason or certificate.notAfter"
    )]
    NoField(String),
    /// `*` elsewhere than at the end.
    #[error("`*` stands at the end of a term; write \\* for the character")]
    Wildcard,
    /// A range of any field.
    #[error("a range needs a field")]
    NoFieldOfRange,
}
