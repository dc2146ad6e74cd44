//! Attributes of things and groups: names and values within limits, merged or replaced.

use std::collections::BTreeMap;

use serde::Serialize;

/// The most attributes of a thing or group. AWS IoT allows a thing without a type only three;
/// here the type makes no difference.
pub const MAX_ATTRIBUTES: usize = 50;
/// The longest name in characters.
const MAX_NAME: usize = 128;
/// The longest value in characters.
const MAX_VALUE: usize = 800;

/// Attributes that keep to the limits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Attributes(BTreeMap<String, String>);

/// A change of attributes: AWS IoT's `AttributePayload`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AttributeChange {
    /// The attributes; an empty value takes its attribute away.
    pub attributes: BTreeMap<String, String>,
    /// Whether the others stay.
    pub merge: bool,
}

/// Why attributes are refused: InvalidRequestException.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AttributeError {
    /// A name that may not be.
    #[error("attribute name {0:?}: use 1 to {MAX_NAME} letters, digits and any of _ . , @ / : # -")]
    Name(String),
    /// A value that may not be.
    #[error(
        "the value of attribute {0:?}: use at most {MAX_VALUE} letters, digits and any of \
         _ . , @ / : # = [ ] -"
    )]
    Value(String),
    /// Too many.
    #[error("{0} attributes are more than the {MAX_ATTRIBUTES} there may be: remove some")]
    TooMany(usize),
}

impl Attributes {
    /// Checks attributes; those with an empty value are left out.
    ///
    /// # Errors
    /// [`AttributeError`] names the first that may not be.
    pub fn new(attributes: BTreeMap<String, String>) -> Result<Self, AttributeError> {
        Self::default().changed(AttributeChange { attributes, merge: false })
    }

    /// These attributes after `change`.
    ///
    /// # Errors
    /// [`AttributeError`] as for [`new`](Self::new).
    pub fn changed(&self, change: AttributeChange) -> Result<Self, AttributeError> {
        let mut all = if change.merge { self.0.clone() } else { BTreeMap::new() };
        for (name, value) in change.attributes {
            check(&name, &value)?;
            if value.is_empty() {
                all.remove(&name);
            } else {
                all.insert(name, value);
            }
        }
        if all.len() > MAX_ATTRIBUTES {
            return Err(AttributeError::TooMany(all.len()));
        }
        Ok(Self(all))
    }

    /// Each name with its value, by name.
    pub const fn as_map(&self) -> &BTreeMap<String, String> {
        &self.0
    }

    /// Each name with its value, by name.
    pub fn into_map(self) -> BTreeMap<String, String> {
        self.0
    }
}

fn check(name: &str, value: &str) -> Result<(), AttributeError> {
    let named = |c: char| c.is_ascii_alphanumeric() || "_.,@/:#-".contains(c);
    if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(named) {
        return Err(AttributeError::Name(name.chars().take(MAX_NAME).collect()));
    }
    let allowed = |c: char| named(c) || "=[]".contains(c);
    if value.len() > MAX_VALUE || !value.chars().all(allowed) {
        return Err(AttributeError::Value(name.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_merge_keeps_the_others_and_an_empty_value_takes_one_away() {
        let before = Attributes::new(map(&[("a", "1"), ("b", "2")])).unwrap();
        let attributes = map(&[("b", ""), ("c", "3")]);

        let change = AttributeChange { attributes: attributes.clone(), merge: true };
        let merged = before.changed(change).unwrap();
        let replaced = before.changed(AttributeChange { attributes, merge: false }).unwrap();

        assert_eq!(merged.into_map(), map(&[("a", "1"), ("c", "3")]));
        assert_eq!(replaced.into_map(), map(&[("c", "3")]));
    }

    #[test]
    fn names_values_and_their_number_keep_to_aws_limits() {
        let one = |name: &str, value: &str| Attributes::new(map(&[(name, value)]));
        let many: BTreeMap<_, _> = (0..51).map(|n| (format!("a{n}"), "1".to_owned())).collect();

        assert!(one("a_.,@/:#-Z9", "a_.,@/:#=[]-Z9").is_ok());
        assert_eq!(one("a b", "1"), Err(AttributeError::Name("a b".to_owned())));
        assert_eq!(one("", "1"), Err(AttributeError::Name(String::new())));
        assert!(one(&"n".repeat(128), &"v".repeat(800)).is_ok());
        assert!(one(&"n".repeat(129), "1").is_err());
        assert_eq!(one("a", &"v".repeat(801)), Err(AttributeError::Value("a".to_owned())));
        assert_eq!(one("a", "b c"), Err(AttributeError::Value("a".to_owned())));
        assert_eq!(Attributes::new(many), Err(AttributeError::TooMany(51)));
    }
}
