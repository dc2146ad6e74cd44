//! Where an SQL text is wrong, and why a rule could not be run on a message.

/// What is wrong with an SQL text, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {problem}")]
pub struct SqlError {
    /// The line, from 1.
    pub line: usize,
    /// The character in that line, from 1.
    pub column: usize,
    /// What was expected there, and what was found.
    pub problem: String,
}

impl SqlError {
    /// The problem at `offset`, in bytes, of `text`.
    pub(super) fn at(text: &str, offset: usize, problem: impl Into<String>) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Self {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            problem: problem.into(),
        }
    }
}

/// Why a rule that is good could not be run on a message: its error action's turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// `*` together with other items, and the payload is no JSON object to add them to.
    #[error(
        "the payload is no JSON object, so nothing can be added to it: \
         select encode(*, 'base64') AS a member instead of *"
    )]
    NotAnObject,
    /// The statement asks for more work than one message may cost.
    #[error("the rule takes more work than one message may cost: make its expressions smaller")]
    TooMuchWork,
    /// What came out is too large.
    #[error("what the rule made of the message is larger than {limit} bytes")]
    TooLarge {
        /// How large it may be.
        limit: usize,
    },
}
