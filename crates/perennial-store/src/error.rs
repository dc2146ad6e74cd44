//! What can go wrong in the store, and whether it may go away by itself.

use perennial_core::{
    certificate::UnlawfulTransition,
    ids::{ResourceId, RotationId},
    notice_topic::SettingError,
    registry::{
        AttachmentRefused, AttributeError, CaRefused, GroupError, PolicyRefused, TagError,
        TypeError,
    },
    rule::RuleInvalid,
};
use perennial_orchestrator::port::PortError;
use rusqlite::ErrorCode;

/// A read or write that did not work; nothing of a failed write is kept.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// SQLite's own error.
    #[error("the database: {0}")]
    Database(std::sync::Arc<rusqlite::Error>),
    /// A row that cannot be what this version wrote.
    #[error("a stored {what} cannot be read: {reason}")]
    Corrupt {
        /// What the row holds.
        what: &'static str,
        /// Why it cannot be read.
        reason: String,
    },
    /// Something named does not exist: ResourceNotFoundException.
    #[error("there is no {what} {name}")]
    NotFound {
        /// Its kind.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// Something of that name exists, and is different: ResourceAlreadyExistsException.
    #[error("{what} {name} exists already")]
    Exists {
        /// Its kind.
        what: &'static str,
        /// Its name.
        name: String,
        /// Its id, where that is another than its name.
        id: Option<ResourceId>,
    },
    /// It has another version than the caller expected: VersionConflictException.
    #[error("{what} {name} has version {found}, not {expected}: read it again and decide anew")]
    VersionConflict {
        /// Its kind.
        what: &'static str,
        /// Its name.
        name: String,
        /// The version that was expected.
        expected: u64,
        /// The version it has.
        found: u64,
    },
    /// Something hangs on it: DeleteConflictException.
    #[error("{0}")]
    DeleteConflict(String),
    /// There are as many as there may be: LimitExceededException.
    #[error("{0}")]
    LimitExceeded(String),
    /// A policy has as many versions as it may: VersionsLimitExceededException.
    #[error("{0}")]
    VersionsLimitExceeded(String),
    /// What was asked for breaks a rule: InvalidRequestException.
    #[error("{0}")]
    Invalid(String),
    /// It contradicts what is there: ConflictException.
    #[error("{0}")]
    Conflict(String),
    /// The certificate's status does not allow it: CertificateStateException.
    #[error("{0}")]
    StateConflict(String),
    /// It is not in a state in which this can be done.
    #[error("{0}")]
    Refused(String),
    /// A certificate's status cannot change that way: CertificateStateException.
    #[error(transparent)]
    Unlawful(#[from] UnlawfulTransition),
    /// A topic rule that cannot be: SqlParseException, or InvalidRequestException.
    #[error(transparent)]
    Rule(#[from] RuleInvalid),
    /// Somebody else stepped the rotation since it was loaded.
    #[error("rotation {rotation_id} was stepped by somebody else since version {version}")]
    Outdated {
        /// The rotation.
        rotation_id: RotationId,
        /// The version that was loaded.
        version: u64,
    },
    /// The transaction was undone because of another job's trouble with the disk.
    #[error("the transaction was undone: the disk is full or failing")]
    Undone,
    /// The store is shutting down.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    /// Whether there is no room on the disk.
    pub fn is_disk_full(&self) -> bool {
        matches!(self, Self::Database(error) if is_full(error))
    }
}

/// Whether SQLite found no room.
pub(crate) fn is_full(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DiskFull)
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(std::sync::Arc::new(error))
    }
}

macro_rules! invalid {
    ($($error:ty),+) => {
        $(impl From<$error> for StoreError {
            fn from(error: $error) -> Self {
                Self::Invalid(error.to_string())
            }
        })+
    };
}

invalid!(SettingError, AttachmentRefused, AttributeError, GroupError, TypeError);

impl From<TagError> for StoreError {
    fn from(error: TagError) -> Self {
        match error {
            TagError::TooMany(_) => Self::LimitExceeded(error.to_string()),
            TagError::Key(_) | TagError::Value(_) | TagError::Twice(_) => {
                Self::Invalid(error.to_string())
            }
        }
    }
}

impl From<PolicyRefused> for StoreError {
    fn from(refused: PolicyRefused) -> Self {
        let why = refused.to_string();
        match refused {
            PolicyRefused::Attached(_)
            | PolicyRefused::HasVersions(_)
            | PolicyRefused::IsDefault { .. } => Self::DeleteConflict(why),
            PolicyRefused::TooManyVersions(_) => Self::VersionsLimitExceeded(why),
            PolicyRefused::TooManyAttached => Self::LimitExceeded(why),
            PolicyRefused::NoTarget(_) | PolicyRefused::Arn(_) => Self::Invalid(why),
        }
    }
}

impl From<CaRefused> for StoreError {
    fn from(refused: CaRefused) -> Self {
        let why = refused.to_string();
        match refused {
            CaRefused::StillActive(_) | CaRefused::NotActive(_) => Self::StateConflict(why),
            CaRefused::TooManySameSubject => Self::LimitExceeded(why),
            CaRefused::Config | CaRefused::Unknown(_) => Self::Invalid(why),
        }
    }
}

impl StoreError {
    /// `VersionConflict` unless `expected`, if it matters, is what was `found`.
    pub(crate) fn unless_version(
        what: &'static str,
        name: &dyn std::fmt::Display,
        expected: Option<u64>,
        found: u64,
    ) -> Result<(), Self> {
        match expected {
            Some(expected) if expected != found => {
                Err(Self::VersionConflict { what, name: name.to_string(), expected, found })
            }
            Some(_) | None => Ok(()),
        }
    }

    pub(crate) fn corrupt(what: &'static str, reason: impl ToString) -> Self {
        Self::Corrupt { what, reason: reason.to_string() }
    }

    pub(crate) fn limit(max: usize, what: &str) -> Self {
        Self::LimitExceeded(format!("there may be at most {max} {what}"))
    }

    pub(crate) fn not_found(what: &'static str, name: impl ToString) -> Self {
        Self::NotFound { what, name: name.to_string() }
    }

    /// Whether the same may work later: the disk was full or slow, or the database busy.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Closed | Self::Undone => true,
            Self::Database(error) => matches!(
                error.sqlite_error_code(),
                Some(
                    ErrorCode::DatabaseBusy
                        | ErrorCode::DatabaseLocked
                        | ErrorCode::DiskFull
                        | ErrorCode::SystemIoFailure
                        | ErrorCode::OutOfMemory
                        | ErrorCode::CannotOpen
                )
            ),
            Self::Corrupt { .. }
            | Self::NotFound { .. }
            | Self::Exists { .. }
            | Self::VersionConflict { .. }
            | Self::DeleteConflict(_)
            | Self::LimitExceeded(_)
            | Self::VersionsLimitExceeded(_)
            | Self::Invalid(_)
            | Self::Conflict(_)
            | Self::StateConflict(_)
            | Self::Refused(_)
            | Self::Unlawful(_)
            | Self::Rule(_)
            | Self::Outdated { .. } => false,
        }
    }
}

impl From<StoreError> for PortError {
    fn from(error: StoreError) -> Self {
        if error.is_retryable() { Self::retryable(error) } else { Self::permanent(error) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_full_disk_is_told_as_one() {
        let failure = |code| rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None);

        let full = StoreError::from(failure(rusqlite::ffi::SQLITE_FULL));
        let busy = StoreError::from(failure(rusqlite::ffi::SQLITE_BUSY));

        assert!(full.is_disk_full() && !busy.is_disk_full());
    }
}
