//! Filter policies: which of a topic's messages a subscription wants.

mod condition;
mod parse;

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::condition::Condition;
use super::{Message, attribute};

/// A filter policy, read and checked.
#[derive(Debug, Clone, PartialEq)]
pub struct FilterPolicy {
    wanted: Wanted,
    scope: FilterScope,
}

/// What a policy looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum FilterScope {
    /// The attributes beside the message.
    #[default]
    MessageAttributes,
    /// The message itself, as JSON.
    MessageBody,
}

/// What has to hold of an object.
#[derive(Debug, Clone, PartialEq)]
enum Wanted {
    /// All of these.
    All(Vec<Wanted>),
    /// One of these.
    Any(Vec<Wanted>),
    /// The member of this name is an object, or an array with one, of which that holds.
    Within(String, Box<Wanted>),
    /// For the member of this name one of these holds.
    Member(String, Vec<Condition>),
}

/// A policy that may not be: InvalidParameter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// Not a JSON object.
    #[error("FilterPolicy: it is not a JSON object: {0}")]
    Json(String),
    /// Something in it is not as it has to be.
    #[error("FilterPolicy: {place}: {reason}")]
    Place {
        /// Where.
        place: String,
        /// What is wrong.
        reason: String,
    },
    /// Too long, too many members or too many combinations.
    #[error("FilterPolicy: {0}")]
    Limit(String),
}

impl FilterScope {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MessageAttributes => "MessageAttributes",
            Self::MessageBody => "MessageBody",
        }
    }
}

impl fmt::Display for FilterScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FilterPolicy {
    /// Reads a policy.
    ///
    /// # Errors
    /// [`FilterError`] says what of it may not be, and where.
    pub fn parse(text: &str, scope: FilterScope) -> Result<Self, FilterError> {
        Ok(Self { wanted: parse::parse(text, scope)?, scope })
    }

    /// Whether the subscription wants `message`.
    pub fn admits(&self, message: &Message) -> bool {
        let seen = match self.scope {
            FilterScope::MessageAttributes => attribute::as_object(message.attributes()),
            FilterScope::MessageBody => match serde_json::from_str(message.text()) {
                Ok(read) => read,
                // There is nothing in it to look at.
                Err(_) => return false,
            },
        };
        seen.is_object() && self.wanted.holds(&seen)
    }
}

impl Wanted {
    fn holds(&self, object: &Value) -> bool {
        match self {
            Self::All(all) => all.iter().all(|it| it.holds(object)),
            Self::Any(any) => any.iter().any(|it| it.holds(object)),
            Self::Within(name, wanted) => wanted.holds_within(object.get(name)),
            Self::Member(name, conditions) => {
                let mut found = Vec::new();
                if let Some(value) = object.get(name) {
                    leaves(value, &mut found);
                }
                conditions.iter().any(|condition| condition.holds(&found))
            }
        }
    }

    /// The same of a member, which may be an array of objects. One that is not there has no members.
    fn holds_within(&self, value: Option<&Value>) -> bool {
        match value {
            Some(Value::Array(items)) => items.iter().any(|it| self.holds_within(Some(it))),
            Some(value) => self.holds(value),
            None => self.holds(&Value::Null),
        }
    }
}

/// The texts, numbers, booleans and nulls that a member is or has, however deep in arrays.
fn leaves<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
    match value {
        Value::Array(items) => items.iter().for_each(|it| leaves(it, found)),
        Value::Object(_) => {}
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => found.push(value),
    }
}
