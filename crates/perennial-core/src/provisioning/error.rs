//! What is wrong with a template, and where.

/// A template, or parameters, that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {why}")]
pub struct TemplateError {
    /// The member, from the root on, with dots.
    pub at: String,
    /// What is wrong with it.
    pub why: String,
}
