//! A condition on one connection: settled at once, or left for the CONNECT's Last Will topic.

use super::{
    super::{pattern::Glob, statement::Effect, subject::Subject},
    Condition, Quantifier,
    key::{ConnectFeatures, Key},
    matcher::Matcher,
};

/// A condition whose variables have their values.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::policy) struct Resolved {
    /// `None` for `iot:LastWillTopic`, which only the request knows.
    values: Option<Vec<String>>,
    quantifier: Quantifier,
    if_exists: bool,
    negated: bool,
    matcher: Matcher<Glob>,
}

impl Condition {
    /// The condition for `subject`, whose CONNECT uses `features`; `None` when it makes an Allow
    /// void because a value it compares with is not set.
    ///
    /// In a Deny such a value is one that nothing equals, so that `StringNotEquals` still denies.
    pub(in crate::policy) fn resolve(
        &self,
        subject: &Subject,
        features: ConnectFeatures,
        effect: Effect,
    ) -> Option<Resolved> {
        let (matcher, unset) = self.matcher.resolve(subject);
        let Self { quantifier, if_exists, negated, .. } = *self;
        let values = match &self.key {
            Key::Variable(variable) => {
                Some(variable.values(subject).into_iter().map(String::from).collect())
            }
            Key::ConnectAttributes => {
                Some(features.names().into_iter().map(str::to_owned).collect())
            }
            Key::LastWillTopic => None,
        };
        let void = unset && effect == Effect::Allow;
        (!void).then_some(Resolved { values, quantifier, if_exists, negated, matcher })
    }
}

impl Resolved {
    /// Whether it holds; `None` when that depends on the Last Will's topic.
    pub(in crate::policy) fn settled(&self) -> Option<bool> {
        let values: Vec<_> = self.values.as_ref()?.iter().map(String::as_str).collect();
        Some(self.holds(&values))
    }

    /// Whether it holds for a CONNECT whose Last Will has the topic of this ARN.
    pub(in crate::policy) fn holds_for_will(&self, topic_arn: Option<&str>) -> bool {
        match topic_arn {
            Some(arn) => self.holds(&[arn]),
            None => self.holds(&[]),
        }
    }

    fn holds(&self, values: &[&str]) -> bool {
        if let Matcher::Absent(any_of) = &self.matcher {
            return any_of.contains(&values.is_empty());
        }
        if values.is_empty() {
            return self.if_exists || self.holds_without_values();
        }
        let passes = |value: &&str| self.matcher.matches(value) != self.negated;
        match self.quantifier {
            Quantifier::One | Quantifier::Any => values.iter().any(passes),
            Quantifier::All => values.iter().all(passes),
        }
    }

    /// A key without values equals nothing; `ForAllValues` holds of it, `ForAnyValue` does not.
    const fn holds_without_values(&self) -> bool {
        match self.quantifier {
            Quantifier::One => self.negated,
            Quantifier::Any => false,
            Quantifier::All => true,
        }
    }
}
