//! Searching things: AWS IoT's fleet indexing query language, from text to whether a thing is meant.
//!
//! The language is that of the AWS IoT Core Developer Guide, "Query syntax": terms, phrases, fields,
//! prefixes, ranges, AND, OR, NOT, `-`, groups of terms and of fields. [`Query::narrowing`] says
//! along which index what may match is found, so that a store need not look at every thing.

mod error;
mod evaluate;
mod facts;
mod field;
mod lexer;
mod narrowing;
mod parser;
mod pattern;
mod query;

pub use error::{QueryError, Wrong};
pub use facts::{Connectivity, Facts, Needs};
pub use field::Field;
pub use narrowing::{Narrowing, Wanted};
pub use pattern::Pattern;
pub use query::{Bound, MAX_LENGTH, MAX_TERMS, Query, Term, Test};
