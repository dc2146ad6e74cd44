//! A command that cannot be meant: exit code 2.

/// Why not, and what would.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);
