//! One condition of a statement: an operator, a key, and the values to compare with.
//!
//! Source: IAM user guide, "Condition operators" and "Multivalued context keys".

mod date;
mod key;
mod matcher;
mod operator;
mod resolved;

pub(super) use self::{key::ConnectFeatures, resolved::Resolved};
use self::{key::Key, matcher::Matcher, operator::Operator};
use super::{
    error::{PolicyError, Problem},
    json::Json,
    variable::Variable,
};

/// How many of a key's values have to pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quantifier {
    /// The key has one value: that one.
    One,
    /// `ForAnyValue:`.
    Any,
    /// `ForAllValues:`; holds when there are no values.
    All,
}

/// A condition as its document says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Condition {
    key: Key,
    quantifier: Quantifier,
    if_exists: bool,
    negated: bool,
    matcher: Matcher,
}

impl Condition {
    /// The conditions of a statement's `Condition` member, all of which have to hold.
    pub(super) fn parse_all(
        json: &Json,
        path: &str,
        variables: bool,
    ) -> Result<Vec<Self>, PolicyError> {
        let mut all = Vec::new();
        for (name, keys) in json.object(path)? {
            let path = &format!("{path}.{name}");
            let operator = Operator::parse(name).map_err(|problem| problem.at(path))?;
            for (key, values) in keys.object(path)? {
                let path = &format!("{path}[{key:?}]");
                all.push(Self::parse(operator, key, values, path, variables)?);
            }
        }
        Ok(all)
    }

    /// The variables that it draws on: its key, if it is one, and those in its values.
    pub(super) fn variables(&self) -> impl Iterator<Item = &Variable> {
        self.key.variable().into_iter().chain(self.matcher.variables())
    }

    fn parse(
        operator: Operator,
        name: &str,
        values: &Json,
        path: &str,
        variables: bool,
    ) -> Result<Self, PolicyError> {
        let key = Key::parse(name).map_err(|problem| problem.at(path))?;
        let Operator { quantifier, if_exists, negated, test } = operator;
        if key.is_many_valued() && quantifier == Quantifier::One && !test.asks_presence() {
            return Err(Problem::NeedsQuantifier(name.to_owned()).at(path));
        }
        let matcher = Matcher::parse(test, values, path, variables)?;
        Ok(Self { key, quantifier, if_exists, negated, matcher })
    }
}
