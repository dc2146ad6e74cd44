//! Static thing groups: a tree that is not deep, and a thing in few of its places.

use serde::Serialize;

use super::{AttributeError, Attributes};
use crate::{
    ids::{ResourceId, ThingGroupName, ThingName},
    time::Timestamp,
};

/// How many levels a tree of groups has at most, its root included.
pub const MAX_GROUP_DEPTH: usize = 7;
/// How many groups a thing is in at most.
pub const MAX_GROUPS_OF_A_THING: usize = 10;

/// A group of things.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ThingGroup {
    /// Its name.
    pub name: ThingGroupName,
    /// Tells it from a group that had its name before.
    pub group_id: ResourceId,
    /// What is said of it.
    pub properties: GroupProperties,
    /// The groups it lies in, the root first and its parent last.
    pub ancestors: Vec<ThingGroupName>,
    /// One more with each update; 1 at first.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What is said of a group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupProperties {
    /// For people.
    pub description: Option<String>,
    /// Its attributes.
    pub attributes: Attributes,
}

impl GroupProperties {
    /// Whether they keep to the limits.
    ///
    /// # Errors
    /// [`GroupError::Description`].
    pub fn check(&self) -> Result<(), GroupError> {
        let fine = self.description.as_deref().is_none_or(super::check_description);
        if fine { Ok(()) } else { Err(GroupError::Description) }
    }
}

/// Why something about a group is refused: InvalidRequestException.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GroupError {
    /// The description may not be.
    #[error("a description has at most 2028 printable characters")]
    Description,
    /// An attribute may not be.
    #[error(transparent)]
    Attribute(#[from] AttributeError),
    /// Too deep.
    #[error("group {parent} is at the {MAX_GROUP_DEPTH}th level: nothing may lie below it")]
    TooDeep {
        /// The group that was to be its parent.
        parent: ThingGroupName,
    },
    /// It has groups below it. Terraform tries again for as long as AWS's words say so.
    #[error("group {0} is not deleted: there are still child groups attached to it")]
    HasChildren(ThingGroupName),
    /// The thing is in the same tree already.
    #[error(
        "thing {thing} is in group {found}, which is of the same hierarchy: take it out of that \
         one first"
    )]
    SameHierarchy {
        /// The thing.
        thing: ThingName,
        /// Where it is.
        found: ThingGroupName,
    },
    /// The thing is in too many.
    #[error("thing {0} is in {MAX_GROUPS_OF_A_THING} groups, and may not be in more")]
    TooMany(ThingName),
}
