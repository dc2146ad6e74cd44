//! The values that a condition compares with, read for its operator.

use super::{
    super::{
        error::{PolicyError, Problem},
        json::Json,
        pattern::Glob,
        subject::Subject,
        template::{Reading, Template},
        variable::Variable,
    },
    date,
    operator::{Comparison, Test},
};
use crate::network::Network;

/// How many parts an ARN has: `arn:partition:service:region:account:resource`.
const ARN_PARTS: usize = 6;

/// Values to compare with; one of them has to match.
///
/// `T` is a text: a [`Template`] as the document has it, a [`Glob`] for one connection.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Matcher<T = Template> {
    Text {
        ignore_case: bool,
        any_of: Vec<T>,
    },
    Number(Comparison, Vec<f64>),
    Date(Comparison, Vec<i128>),
    Bool(Vec<bool>),
    Ip(Vec<Network>),
    /// Each part of an ARN on its own.
    Arn(Vec<Vec<T>>),
    /// Whether the key is to be absent.
    Absent(Vec<bool>),
}

/// No number here is a NaN: [`number`] takes only finite ones.
impl Eq for Matcher {}

impl Matcher {
    pub(super) fn parse(
        test: Test,
        values: &Json,
        path: &str,
        variables: bool,
    ) -> Result<Self, PolicyError> {
        let values = values
            .maybe_entries(path)
            .into_iter()
            .map(|(value, path)| Ok((scalar(value, &path)?, path)))
            .collect::<Result<Vec<_>, PolicyError>>()?;
        let reading = |wildcards| Reading { wildcards, variables };
        match test {
            Test::Text { ignore_case, wildcards } => {
                let any_of = each(&values, |text| Template::parse(text, reading(wildcards)))?;
                Ok(Self::Text { ignore_case, any_of })
            }
            Test::Number(comparison) => Ok(Self::Number(
                comparison,
                each(&values, |text| number(text).ok_or_else(|| wrong(text, "a number")))?,
            )),
            Test::Date(comparison) => Ok(Self::Date(
                comparison,
                each(&values, |text| {
                    date::parse(text).ok_or_else(|| wrong(text, "a date like 2026-01-31T12:00:00Z"))
                })?,
            )),
            Test::Bool => Ok(Self::Bool(each(&values, truth)?)),
            Test::Null => Ok(Self::Absent(each(&values, truth)?)),
            Test::Ip => Ok(Self::Ip(each(&values, |text| {
                Network::parse(text).ok_or_else(|| wrong(text, "an address like 192.0.2.0/24"))
            })?)),
            Test::Arn => Ok(Self::Arn(each(&values, |text| arn(text, reading(true)))?)),
        }
    }

    /// The variables in its values.
    pub(super) fn variables(&self) -> impl Iterator<Item = &Variable> {
        let texts: Vec<&Template> = match self {
            Self::Text { any_of, .. } => any_of.iter().collect(),
            Self::Arn(any_of) => any_of.iter().flatten().collect(),
            Self::Number(..) | Self::Date(..) | Self::Bool(_) | Self::Ip(_) | Self::Absent(_) => {
                Vec::new()
            }
        };
        texts.into_iter().flat_map(Template::variables)
    }

    /// The same for one connection. A text whose variable has no value is left out and so matches
    /// nothing; the flag says whether that happened.
    pub(super) fn resolve(&self, subject: &Subject) -> (Matcher<Glob>, bool) {
        match self {
            Self::Text { ignore_case, any_of } => {
                let lower =
                    |glob: Glob| if *ignore_case { glob.to_ascii_lowercase() } else { glob };
                let resolved: Vec<_> =
                    any_of.iter().filter_map(|text| text.resolve(subject).map(lower)).collect();
                let unset = resolved.len() < any_of.len();
                (Matcher::Text { ignore_case: *ignore_case, any_of: resolved }, unset)
            }
            Self::Arn(any_of) => {
                let all =
                    |parts: &Vec<Template>| parts.iter().map(|p| p.resolve(subject)).collect();
                let resolved: Vec<_> = any_of.iter().filter_map(all).collect();
                let unset = resolved.len() < any_of.len();
                (Matcher::Arn(resolved), unset)
            }
            Self::Number(comparison, any_of) => {
                (Matcher::Number(*comparison, any_of.clone()), false)
            }
            Self::Date(comparison, any_of) => (Matcher::Date(*comparison, any_of.clone()), false),
            Self::Bool(any_of) => (Matcher::Bool(any_of.clone()), false),
            Self::Ip(any_of) => (Matcher::Ip(any_of.clone()), false),
            Self::Absent(any_of) => (Matcher::Absent(any_of.clone()), false),
        }
    }
}

impl Matcher<Glob> {
    /// Whether one of the values matches `found`.
    pub(super) fn matches(&self, found: &str) -> bool {
        match self {
            Self::Text { ignore_case: true, any_of } => {
                let found = found.to_ascii_lowercase();
                any_of.iter().any(|wanted| wanted.matches(&found))
            }
            Self::Text { ignore_case: false, any_of } => {
                any_of.iter().any(|wanted| wanted.matches(found))
            }
            Self::Number(comparison, any_of) => number(found)
                .is_some_and(|n| any_of.iter().any(|wanted| comparison.holds(&n, wanted))),
            Self::Date(comparison, any_of) => date::parse(found)
                .is_some_and(|at| any_of.iter().any(|wanted| comparison.holds(&at, wanted))),
            Self::Bool(any_of) => truth(found).is_ok_and(|truth| any_of.contains(&truth)),
            Self::Ip(any_of) => {
                found.parse().is_ok_and(|ip| any_of.iter().any(|network| network.contains(ip)))
            }
            Self::Arn(any_of) => any_of.iter().any(|wanted| arn_matches(wanted, found)),
            Self::Absent(any_of) => any_of.contains(&false),
        }
    }
}

fn arn_matches(wanted: &[Glob], found: &str) -> bool {
    let parts: Vec<_> = found.splitn(ARN_PARTS, ':').collect();
    parts.len() == wanted.len() && wanted.iter().zip(parts).all(|(glob, part)| glob.matches(part))
}

fn each<T>(
    values: &[(String, String)],
    read: impl Fn(&str) -> Result<T, Problem>,
) -> Result<Vec<T>, PolicyError> {
    values.iter().map(|(text, path)| read(text).map_err(|problem| problem.at(path))).collect()
}

/// A value's text; numbers and truth values may be written with or without quotation marks.
fn scalar(value: &Json, path: &str) -> Result<String, PolicyError> {
    match value {
        Json::String(text) | Json::Number(text) => Ok(text.clone()),
        Json::Bool(truth) => Ok(truth.to_string()),
        Json::Null | Json::Array(_) | Json::Object(_) => {
            Err(Problem::Expected("a string, a number, or true or false").at(path))
        }
    }
}

fn wrong(value: &str, expected: &'static str) -> Problem {
    Problem::Value { value: value.to_owned(), expected }
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

fn truth(text: &str) -> Result<bool, Problem> {
    match text {
        _ if text.eq_ignore_ascii_case("true") => Ok(true),
        _ if text.eq_ignore_ascii_case("false") => Ok(false),
        other => Err(wrong(other, "true or false")),
    }
}

/// An ARN pattern by its parts.
fn arn(text: &str, reading: Reading) -> Result<Vec<Template>, Problem> {
    let parts: Vec<_> = text.splitn(ARN_PARTS, ':').collect();
    if parts.len() != ARN_PARTS {
        return Err(wrong(text, "an ARN of six parts, like arn:aws:iot:*:*:topic/a"));
    }
    // Variables belong into the resource: elsewhere their own colon would part them, and they
    // are refused as not closed.
    parts.into_iter().map(|part| Template::parse(part, reading)).collect()
}
