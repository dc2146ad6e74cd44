//! Whether a thing is meant.

use std::cmp::Ordering;

use super::{Bound, Facts, Field, Query, Term, Test};

impl Query {
    /// Whether this thing is meant.
    pub fn matches(&self, facts: &Facts<'_>) -> bool {
        match self {
            Self::And(all) => all.iter().all(|one| one.matches(facts)),
            Self::Or(all) => all.iter().any(|one| one.matches(facts)),
            Self::Not(one) => !one.matches(facts),
            Self::Term(term) => term.matches(facts),
        }
    }
}

impl Term {
    pub(super) fn matches(&self, facts: &Facts<'_>) -> bool {
        let test = |value: &str| self.test.passes(value);
        match &self.field {
            Some(field) => any(field, facts, &test),
            None => anywhere(facts, &test),
        }
    }
}

/// Whether a value of the field passes.
fn any(field: &Field, facts: &Facts<'_>, test: &dyn Fn(&str) -> bool) -> bool {
    let Facts { thing, groups, connectivity, certificates_end_at } = facts;
    match field {
        Field::ThingName => test(thing.name.as_str()),
        Field::ThingId => test(&thing.thing_id.to_string()),
        Field::ThingTypeName => thing.type_name.as_ref().is_some_and(|name| test(name.as_str())),
        Field::ThingGroupNames => groups.iter().any(|name| test(name.as_str())),
        Field::Attribute(name) => {
            thing.attributes.as_map().get(name).is_some_and(|value| test(value))
        }
        Field::Connected => test(if connectivity.connected { "true" } else { "false" }),
        Field::ConnectivityTimestamp => {
            connectivity.since.is_some_and(|at| test(&at.as_millis().to_string()))
        }
        Field::DisconnectReason => {
            connectivity.disconnect_reason.as_ref().is_some_and(|reason| test(reason))
        }
        Field::CertificateNotAfter => {
            certificates_end_at.iter().any(|at| test(&at.as_millis().to_string()))
        }
    }
}

/// Whether any value of the registry's entry passes.
fn anywhere(facts: &Facts<'_>, test: &dyn Fn(&str) -> bool) -> bool {
    let fields = [Field::ThingName, Field::ThingTypeName, Field::ThingGroupNames];
    fields.iter().any(|field| any(field, facts, test))
        || facts.thing.attributes.as_map().values().any(|value| test(value))
}

impl Test {
    pub(super) fn passes(&self, value: &str) -> bool {
        match self {
            Self::Is(pattern) => pattern.matches(value),
            Self::Between(from, to) => {
                from.admits(value, Ordering::Greater) && to.admits(value, Ordering::Less)
            }
        }
    }
}

impl Bound {
    /// Whether a value is on this side of it.
    fn admits(&self, value: &str, side: Ordering) -> bool {
        match self {
            Self::Unbounded => true,
            Self::Included(bound) => {
                compared(value, bound).is_some_and(|it| it == side || it == Ordering::Equal)
            }
            Self::Excluded(bound) => compared(value, bound) == Some(side),
        }
    }
}

/// How a value compares with a bound: as numbers if the bound is one, else as texts whose case
/// makes no difference. A value that is no number is neither less nor more than one.
fn compared(value: &str, bound: &str) -> Option<Ordering> {
    if let Some(bound) = number(bound) {
        return number(value)?.partial_cmp(&bound);
    }
    let folded = |text: &str| text.to_ascii_lowercase();
    Some(folded(value).cmp(&folded(bound)))
}

pub(super) fn number(text: &str) -> Option<f64> {
    let starts = text.trim_start_matches(['-', '+']).starts_with(|c: char| c.is_ascii_digit());
    text.parse().ok().filter(|number: &f64| starts && number.is_finite())
}
