//! AWS IoT SQL, version 2016-03-23: rules that select messages by topic, decide on them and make
//! others of them.
//!
//! A [`Rule`] is parsed once and run on each message that its topic filter selects; a [`RuleSet`]
//! finds the rules of a topic. [`Template`]s are the parameters of actions; [`loops`] finds rules
//! whose messages would come back to them. What the functions need and the core does
//! not have, random numbers, digests and time zones, comes with the [`Surroundings`].
//!
//! What the text of a rule costs is bounded by [`limits`], what a message costs by a count of
//! steps: neither who writes rules nor who sends messages can hold up the others.
//!
//! Source: AWS IoT developer guide, "AWS IoT SQL reference" and the pages below it. Where an
//! example there contradicts a table, the example was followed.

pub mod action;
mod built_in;
mod context;
mod convert;
mod error;
mod evaluate;
pub mod failure;
mod function;
mod json;
mod lexer;
pub mod limits;
pub mod loops;
mod number;
mod overlap;
mod parser;
mod print;
mod reach;
mod ready;
mod set;
mod statement;
mod template;
mod time;
mod topic_rule;
mod value;

pub use built_in::{BUILT_IN, BuiltIn, INBOX_FUNCTION, built_in, inbox_arn};
pub use context::{Algorithm, Digests, Incoming, Message, Offset, Random, Surroundings, Zones};
pub use error::{RunError, SqlError};
pub use function::Function;
pub use ready::Rule;
pub use set::{Named, RuleSet};
pub use template::Template;
pub use topic_rule::{MAX_ACTIONS, Outcome, ReadyRule, RuleInvalid, TopicRule};

/// The version of the language, as `awsIotSqlVersion` has it.
pub const SQL_VERSION: &str = "2016-03-23";
