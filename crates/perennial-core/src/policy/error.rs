//! Why a text is not a policy document, and where in it the fault lies.

/// Why a text is not a policy document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// More than [`MAX_DOCUMENT_CHARS`](super::MAX_DOCUMENT_CHARS) characters besides white space,
    /// or more than [`MAX_DOCUMENT_LEN`](super::MAX_DOCUMENT_LEN) bytes in all.
    #[error("the policy is too long: {len} {unit}, and at most {max} are allowed")]
    TooLong {
        /// How many there are.
        len: usize,
        /// How many there may be.
        max: usize,
        /// What was counted.
        unit: &'static str,
    },
    /// Not JSON, or JSON that names a member twice.
    #[error("the policy is not valid JSON: {0}")]
    NotJson(String),
    /// JSON, but not what a policy says at this place.
    #[error("the policy is malformed at {path}: {problem}")]
    At {
        /// The place as a JSON path, such as `$.Statement[0].Effect`.
        path: String,
        /// What is wrong there.
        problem: Problem,
    },
}

/// What is wrong at one place of a policy document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Another type of value than the place takes.
    #[error("expected {0}")]
    Expected(&'static str),
    /// A member that has to be there is not.
    #[error("the member {0:?} is missing")]
    Missing(&'static str),
    /// A member that the language does not have.
    #[error("the member {0:?} is not part of an AWS IoT policy: remove it")]
    UnknownMember(String),
    /// A list without entries.
    #[error("the list is empty: give at least one entry")]
    Empty,
    /// Neither of the two versions of the language.
    #[error(
        "{0:?} is no policy version: use \"2012-10-17\" (or \"2008-10-17\", without variables)"
    )]
    Version(String),
    /// Neither `Allow` nor `Deny`.
    #[error("{0:?} is no effect: use \"Allow\" or \"Deny\"")]
    Effect(String),
    /// Not `service:Action`.
    #[error("{0:?} is no action: write it like \"iot:Publish\", \"iot:*\" or \"*\"")]
    Action(String),
    /// Not an ARN or a wildcard.
    #[error("{0:?} is no resource: write an ARN such as \"arn:aws:iot:*:*:topic/a\", or \"*\"")]
    Resource(String),
    /// A `${` that is never closed.
    #[error("\"${{\" is not closed by \"}}\": write \"${{$}}{{\" for the characters themselves")]
    OpenVariable,
    /// A variable or condition key that this server does not know.
    #[error("{0:?} is no policy variable or condition key known here: correct or remove it")]
    UnknownKey(String),
    /// A variable with many values where one text is needed.
    #[error("{0:?} has many values and stands only as a condition's key: drop \".List\"")]
    ManyValued(String),
    /// A key with many values under an operator for one value.
    #[error("{0:?} has many values: prefix the operator with ForAnyValue: or ForAllValues:")]
    NeedsQuantifier(String),
    /// A condition operator that the language does not have.
    #[error("{0:?} is no condition operator: see IAM's \"Condition operators\"")]
    UnknownOperator(String),
    /// A value that the condition's operator cannot compare with.
    #[error("{value:?} cannot be compared with: expected {expected}")]
    Value {
        /// The value.
        value: String,
        /// What the operator compares with.
        expected: &'static str,
    },
}

impl Problem {
    /// The problem at its place.
    pub(super) fn at(self, path: &str) -> PolicyError {
        PolicyError::At { path: path.to_owned(), problem: self }
    }
}
