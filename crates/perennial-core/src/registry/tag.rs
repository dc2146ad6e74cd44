//! Tags: a few keys with values on a resource.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The most tags of one resource.
pub const MAX_TAGS: usize = 50;
/// The longest key and value, in characters.
const MAX_LEN: (usize, usize) = (128, 256);

/// One tag, spelled as in AWS IoT's API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Tag {
    /// Its key.
    pub key: String,
    /// Its value.
    #[serde(default)]
    pub value: String,
}

/// Tags that keep to the limits, by key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tags(BTreeMap<String, String>);

/// Why tags are refused: InvalidRequestException, and for too many LimitExceededException.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TagError {
    /// The key may not be.
    #[error(
        "tag key {0:?}: use 1 to 128 letters, digits, spaces and any of _ . : / = + - @, not \
         beginning with aws:"
    )]
    Key(String),
    /// The value may not be.
    #[error(
        "the value of tag {0:?}: use at most 256 letters, digits, spaces and any of \
         _ . : / = + - @"
    )]
    Value(String),
    /// The same key twice.
    #[error("tag key {0:?} is there twice")]
    Twice(String),
    /// Too many.
    #[error("{0} tags are more than the {MAX_TAGS} there may be")]
    TooMany(usize),
}

impl Tags {
    /// Checks tags.
    ///
    /// # Errors
    /// [`TagError`] names the first that may not be.
    pub fn new(tags: Vec<Tag>) -> Result<Self, TagError> {
        let mut all = BTreeMap::new();
        for Tag { key, value } in tags {
            if !is_key(&key) {
                return Err(TagError::Key(key.chars().take(MAX_LEN.0).collect()));
            }
            if value.chars().count() > MAX_LEN.1 || !value.chars().all(allowed) {
                return Err(TagError::Value(key));
            }
            if all.insert(key.clone(), value).is_some() {
                return Err(TagError::Twice(key));
            }
        }
        if all.len() > MAX_TAGS {
            return Err(TagError::TooMany(all.len()));
        }
        Ok(Self(all))
    }

    /// Each key with its value, by key.
    pub const fn as_map(&self) -> &BTreeMap<String, String> {
        &self.0
    }
}

fn is_key(key: &str) -> bool {
    let len = key.chars().count();
    let reserved = key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:"));
    (1..=MAX_LEN.0).contains(&len) && key.chars().all(allowed) && !reserved
}

/// AWS's `[\p{L}\p{Z}\p{N}_.:/=+\-@]`.
fn allowed(c: char) -> bool {
    let space = c.is_whitespace() && !c.is_control();
    c.is_alphanumeric() || space || "_.:/=+-@".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(pairs: &[(&str, &str)]) -> Result<Tags, TagError> {
        let tag = |(key, value): &(&str, &str)| Tag { key: (*key).into(), value: (*value).into() };
        Tags::new(pairs.iter().map(tag).collect())
    }

    #[test]
    fn tags_keep_to_aws_limits() {
        let names: Vec<String> = (0..51).map(|n| format!("k{n}")).collect();
        let many: Vec<_> = names.iter().map(|name| (name.as_str(), "")).collect();

        assert!(tags(&[("cost center", "Öl 7"), ("a.b:c/d=e+f-g@h", "")]).is_ok());
        assert!(matches!(tags(&[("", "x")]), Err(TagError::Key(_))));
        assert!(matches!(tags(&[("AWS:x", "x")]), Err(TagError::Key(_))));
        assert!(matches!(tags(&[("a#", "x")]), Err(TagError::Key(_))));
        assert!(matches!(tags(&[("a", "\n")]), Err(TagError::Value(_))));
        assert!(matches!(tags(&[("a", "1"), ("a", "2")]), Err(TagError::Twice(_))));
        assert_eq!(tags(&many), Err(TagError::TooMany(51)));
    }
}
