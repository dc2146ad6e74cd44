//! A policy document: its text as it was given, and what it says.

use super::{
    error::{PolicyError, Problem},
    json::Json,
    statement::Statement,
};

/// The most characters besides white space that a document may have (AWS IoT's limit).
pub const MAX_DOCUMENT_CHARS: usize = 2048;
/// The most bytes that a document may have with its white space (`PolicyDocument` of AWS's API).
pub const MAX_DOCUMENT_LEN: usize = 404_600;

/// The version of the policy language from which on `${…}` is a variable.
const WITH_VARIABLES: &str = "2012-10-17";
const WITHOUT_VARIABLES: &str = "2008-10-17";

/// A document that says nothing.
const BLANK: &str = r#"{"Version":"2012-10-17","Statement":[]}"#;

/// A policy document that has been understood whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    text: String,
    statements: Vec<Statement>,
}

impl Document {
    /// Reads a document.
    ///
    /// # Errors
    /// [`PolicyError`] says what is wrong and where. Nothing is skipped or guessed: a document
    /// with a member, key, operator or variable that is not known here is refused.
    pub fn parse(json: &str) -> Result<Self, PolicyError> {
        check_len(json)?;
        let root: Json =
            serde_json::from_str(json).map_err(|error| PolicyError::NotJson(error.to_string()))?;
        let members = root.object("$")?;
        let mut version = None;
        let mut statements = None;
        for (name, value) in members {
            match name.as_str() {
                "Version" => version = Some(value.text("$.Version")?),
                "Id" => drop(value.text("$.Id")?),
                "Statement" => statements = Some(value),
                other => return Err(Problem::UnknownMember(other.to_owned()).at("$")),
            }
        }
        let variables = has_variables(version.ok_or_else(|| Problem::Missing("Version").at("$"))?)?;
        let statements = statements.ok_or_else(|| Problem::Missing("Statement").at("$"))?;
        // No statement at all is understood whole too: it allows nothing.
        let statements = statements
            .maybe_entries("$.Statement")
            .into_iter()
            .map(|(value, path)| Statement::parse(value, &path, variables))
            .collect::<Result<_, _>>()?;
        Ok(Self { text: json.to_owned(), statements })
    }

    /// The one without any statement, which allows nothing.
    pub fn blank() -> Self {
        Self { text: BLANK.to_owned(), statements: Vec::new() }
    }

    /// Whether it has no statement.
    pub const fn is_blank(&self) -> bool {
        self.statements.is_empty()
    }

    /// The text it was read from, unchanged.
    pub fn as_json(&self) -> &str {
        &self.text
    }

    pub(super) fn statements(&self) -> &[Statement] {
        &self.statements
    }
}

fn check_len(json: &str) -> Result<(), PolicyError> {
    if json.len() > MAX_DOCUMENT_LEN {
        let (len, max) = (json.len(), MAX_DOCUMENT_LEN);
        return Err(PolicyError::TooLong { len, max, unit: "bytes" });
    }
    let len = json.chars().filter(|c| !c.is_whitespace()).count();
    if len > MAX_DOCUMENT_CHARS {
        let unit = "characters besides white space";
        return Err(PolicyError::TooLong { len, max: MAX_DOCUMENT_CHARS, unit });
    }
    Ok(())
}

fn has_variables(version: &str) -> Result<bool, PolicyError> {
    match version {
        WITH_VARIABLES => Ok(true),
        WITHOUT_VARIABLES => Ok(false),
        other => Err(Problem::Version(other.to_owned()).at("$.Version")),
    }
}
