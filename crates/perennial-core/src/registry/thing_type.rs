//! Thing types: named once, deprecated before they may go.

use std::{collections::BTreeSet, time::Duration};

use serde::Serialize;

use crate::{
    ids::{ResourceId, ThingTypeName},
    time::Timestamp,
};

/// How long a type must have been deprecated before it may be deleted.
pub const DELETABLE_AFTER: Duration = Duration::from_secs(300);
/// The most searchable attributes of a type. Here every attribute can be searched for; the list
/// is kept because AWS IoT shows it.
pub const MAX_SEARCHABLE: usize = 3;
/// The longest description, in characters.
const MAX_DESCRIPTION: usize = 2028;

/// A type of things.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ThingType {
    /// Its name.
    pub name: ThingTypeName,
    /// Tells it from a type that had its name before.
    pub type_id: ResourceId,
    /// What is said of it.
    pub properties: TypeProperties,
    /// When it was made.
    pub created_at: Timestamp,
    /// Since when no thing may take it.
    pub deprecated_at: Option<Timestamp>,
}

/// What is said of a type.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TypeProperties {
    /// For people.
    pub description: Option<String>,
    /// Attributes that AWS IoT would search by.
    pub searchable_attributes: BTreeSet<String>,
}

/// Why something about a type is refused: InvalidRequestException.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TypeError {
    /// The description may not be.
    #[error("a description has at most {MAX_DESCRIPTION} printable characters")]
    Description,
    /// The searchable attributes may not be.
    #[error(
        "at most {MAX_SEARCHABLE} searchable attributes, each of 1 to 128 letters, digits and any \
         of _ . , @ / : # -"
    )]
    Searchable,
    /// No new thing may take it.
    #[error("thing type {0} is deprecated: use another, or undo its deprecation")]
    Deprecated(ThingTypeName),
    /// It is not deprecated.
    #[error("thing type {0} must be deprecated before it may be deleted")]
    NotDeprecated(ThingTypeName),
    /// Deprecated too short a time ago. Terraform tries again for as long as AWS's words say so.
    #[error(
        "thing type {0} is not deleted: Please wait for 5 minutes after deprecation and then retry"
    )]
    TooEarly(ThingTypeName),
    /// Things have it.
    #[error("thing type {0} is the type of some thing: change those things first")]
    InUse(ThingTypeName),
}

/// Whether a description may be.
pub fn check_description(text: &str) -> bool {
    let printable = |c: char| c == ' ' || !c.is_whitespace() && !c.is_control();
    text.chars().count() <= MAX_DESCRIPTION && text.chars().all(printable)
}

impl TypeProperties {
    /// Whether they keep to the limits.
    ///
    /// # Errors
    /// [`TypeError`] names the first that does not.
    pub fn check(&self) -> Result<(), TypeError> {
        if !self.description.as_deref().is_none_or(check_description) {
            return Err(TypeError::Description);
        }
        let names = &self.searchable_attributes;
        let allowed = |c: char| c.is_ascii_alphanumeric() || "_.,@/:#-".contains(c);
        let fine = |name: &String| (1..=128).contains(&name.len()) && name.chars().all(allowed);
        if names.len() > MAX_SEARCHABLE || !names.iter().all(fine) {
            return Err(TypeError::Searchable);
        }
        Ok(())
    }
}

impl ThingType {
    /// Whether a thing may take it.
    ///
    /// # Errors
    /// [`TypeError::Deprecated`].
    pub fn check_usable(&self) -> Result<(), TypeError> {
        match self.deprecated_at {
            Some(_) => Err(TypeError::Deprecated(self.name.clone())),
            None => Ok(()),
        }
    }

    /// Whether it may be deleted `now`, given whether some thing has it.
    ///
    /// # Errors
    /// [`TypeError`] says what has to be done before.
    pub fn check_deletable(&self, in_use: bool, now: Timestamp) -> Result<(), TypeError> {
        let name = self.name.clone();
        match self.deprecated_at {
            None => Err(TypeError::NotDeprecated(name)),
            Some(at) if now < at + DELETABLE_AFTER => Err(TypeError::TooEarly(name)),
            Some(_) if in_use => Err(TypeError::InUse(name)),
            Some(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pump(deprecated_at: Option<Timestamp>) -> ThingType {
        ThingType {
            name: ThingTypeName::new("pump").unwrap(),
            type_id: ResourceId::from_random([1; 16]),
            properties: TypeProperties::default(),
            created_at: Timestamp::EPOCH,
            deprecated_at,
        }
    }

    #[test]
    fn a_type_goes_five_minutes_after_its_deprecation_and_only_unused() {
        let at = Timestamp::from_secs(1000);
        let (early, late) = (Timestamp::from_secs(1299), Timestamp::from_secs(1300));
        let name = pump(None).name;

        let asked = |deprecated, in_use, now| pump(deprecated).check_deletable(in_use, now);

        assert_eq!(asked(None, false, late), Err(TypeError::NotDeprecated(name.clone())));
        assert_eq!(asked(Some(at), false, early), Err(TypeError::TooEarly(name.clone())));
        assert_eq!(asked(Some(at), true, late), Err(TypeError::InUse(name)));
        assert_eq!(asked(Some(at), false, late), Ok(()));
    }

    #[test]
    fn properties_keep_to_the_limits() {
        let with = |description: &str, names: &[&str]| TypeProperties {
            description: Some(description.to_owned()),
            searchable_attributes: names.iter().map(|name| (*name).to_owned()).collect(),
        };

        assert_eq!(with("Pumpe für Öl", &["a", "b", "c"]).check(), Ok(()));
        assert_eq!(with("two\nlines", &[]).check(), Err(TypeError::Description));
        assert_eq!(with(&"x".repeat(2029), &[]).check(), Err(TypeError::Description));
        assert_eq!(with("", &["a", "b", "c", "d"]).check(), Err(TypeError::Searchable));
        assert_eq!(with("", &["a b"]).check(), Err(TypeError::Searchable));
    }
}
