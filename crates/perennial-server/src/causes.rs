//! An error of a command, with its causes in one line.

/// An error and its causes, each told once.
pub fn with_causes(error: &anyhow::Error) -> String {
    perennial_core::causes::with_causes(error.as_ref())
}
