//! Suppressions: findings that are known and shall trouble nobody.

use serde::{Deserialize, Serialize};

use super::{CheckName, ResourceIdentifier};
use crate::time::Timestamp;

/// The longest description in characters.
const MAX_DESCRIPTION: usize = 1000;

/// Mutes one check's findings about one resource. A muted finding is kept, marked; it is not
/// counted, nothing is done about it, and it opens no rotation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Suppression {
    /// The check.
    pub check_name: CheckName,
    /// The resource.
    pub resource_identifier: ResourceIdentifier,
    /// Until when; `None` for ever.
    pub expires_at: Option<Timestamp>,
    /// Why, in words.
    pub description: String,
}

/// A suppression that is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SuppressionError {
    /// Neither until when nor for ever, or both.
    #[error("give either an expirationDate or suppressIndefinitely, not both and not neither")]
    Expiry,
    /// Over before it begins.
    #[error("the expirationDate must be in the future")]
    Past,
    /// Too long.
    #[error("a description has at most {MAX_DESCRIPTION} characters")]
    Description,
    /// Another kind of resource.
    #[error("{0} does not examine this kind of resource")]
    WrongResource(CheckName),
}

impl Suppression {
    /// Checks what AWS asks of one.
    ///
    /// # Errors
    /// [`SuppressionError`] says what is wrong.
    pub fn new(
        check_name: CheckName,
        resource_identifier: ResourceIdentifier,
        (expires_at, indefinitely): (Option<Timestamp>, bool),
        description: String,
        now: Timestamp,
    ) -> Result<Self, SuppressionError> {
        if expires_at.is_some() == indefinitely {
            return Err(SuppressionError::Expiry);
        }
        if expires_at.is_some_and(|at| at <= now) {
            return Err(SuppressionError::Past);
        }
        if description.chars().count() > MAX_DESCRIPTION {
            return Err(SuppressionError::Description);
        }
        if resource_identifier.resource_type() != check_name.descriptor().resource_type {
            return Err(SuppressionError::WrongResource(check_name));
        }
        Ok(Self { check_name, resource_identifier, expires_at, description })
    }

    /// Whether it mutes at `now`.
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|at| now < at)
    }
}
