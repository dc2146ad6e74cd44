//! Narrowing: along which index all that a query can mean is found.

use super::{Bound, Facts, Field, Query, Term, Test, evaluate::number};

/// A part of all things, in which all are that a query means. Case makes no difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Narrowing {
    /// All of them.
    Everything,
    /// Those that are called so.
    Named(Wanted),
    /// Those of a type.
    OfType(String),
    /// Those in a group.
    InGroup(String),
    /// Those with an attribute.
    WithAttribute(String, Wanted),
    /// Those with an ACTIVE certificate that ends within these milliseconds since 1970, both
    /// included.
    CertificateEnds {
        /// Not before.
        from: i64,
        /// Not after.
        to: i64,
    },
}

/// Which values will do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// This one.
    Exactly(String),
    /// Those that begin so.
    Beginning(String),
}

impl Query {
    /// The smallest part of all things, as far as can be told without looking, in which all that
    /// it means are.
    pub fn narrowing(&self) -> Narrowing {
        match self {
            Self::And(all) => {
                let narrowings = all.iter().map(Self::narrowing);
                narrowings.min_by_key(Narrowing::breadth).unwrap_or(Narrowing::Everything)
            }
            Self::Or(_) | Self::Not(_) => Narrowing::Everything,
            Self::Term(term) => term.narrowing(),
        }
    }
}

impl Term {
    fn narrowing(&self) -> Narrowing {
        let Some(field) = &self.field else { return Narrowing::Everything };
        match (&self.test, field) {
            (Test::Between(from, to), Field::CertificateNotAfter) => ends(from, to),
            (Test::Between(..), _) => Narrowing::Everything,
            (Test::Is(pattern), field) => {
                let (text, whole) = pattern.beginning();
                of(field, text, whole)
            }
        }
    }
}

fn of(field: &Field, text: String, whole: bool) -> Narrowing {
    let wanted = |text| if whole { Wanted::Exactly(text) } else { Wanted::Beginning(text) };
    match field {
        Field::ThingName if whole || !text.is_empty() => Narrowing::Named(wanted(text)),
        Field::ThingTypeName if whole => Narrowing::OfType(text),
        Field::ThingGroupNames if whole => Narrowing::InGroup(text),
        Field::Attribute(name) => Narrowing::WithAttribute(name.clone(), wanted(text)),
        Field::ThingName
        | Field::ThingTypeName
        | Field::ThingGroupNames
        | Field::ThingId
        | Field::Connected
        | Field::ConnectivityTimestamp
        | Field::DisconnectReason
        | Field::CertificateNotAfter => Narrowing::Everything,
    }
}

/// Ends that are no numbers are met by no certificate: an index need not find that out.
fn ends(from: &Bound, to: &Bound) -> Narrowing {
    let millis = |bound: &Bound, without: f64| match bound {
        Bound::Unbounded => Some(without),
        Bound::Included(value) | Bound::Excluded(value) => number(value),
    };
    match (millis(from, f64::MIN), millis(to, f64::MAX)) {
        #[expect(clippy::cast_possible_truncation, reason = "`as` saturates")]
        (Some(from), Some(to)) => {
            Narrowing::CertificateEnds { from: from.floor() as i64, to: to.ceil() as i64 }
        }
        _ => Narrowing::Everything,
    }
}

impl Narrowing {
    /// The more things it is likely to leave, the more.
    fn breadth(&self) -> u8 {
        match self {
            Self::Named(Wanted::Exactly(_)) => 0,
            Self::WithAttribute(_, Wanted::Exactly(_)) => 1,
            Self::InGroup(_) => 2,
            Self::CertificateEnds { .. } => 3,
            Self::Named(Wanted::Beginning(_)) => 4,
            Self::OfType(_) => 5,
            Self::WithAttribute(_, Wanted::Beginning(_)) => 6,
            Self::Everything => 7,
        }
    }

    /// Whether it leaves this thing.
    pub fn admits(&self, facts: &Facts<'_>) -> bool {
        let thing = facts.thing;
        match self {
            Self::Everything => true,
            Self::Named(wanted) => wanted.is(thing.name.as_str()),
            Self::OfType(wanted) => thing
                .type_name
                .as_ref()
                .is_some_and(|name| name.as_str().eq_ignore_ascii_case(wanted)),
            Self::InGroup(wanted) => {
                facts.groups.iter().any(|name| name.as_str().eq_ignore_ascii_case(wanted))
            }
            Self::WithAttribute(name, wanted) => {
                thing.attributes.as_map().get(name).is_some_and(|value| wanted.is(value))
            }
            Self::CertificateEnds { from, to } => {
                facts.certificates_end_at.iter().any(|at| (*from..=*to).contains(&at.as_millis()))
            }
        }
    }
}

impl Wanted {
    fn is(&self, value: &str) -> bool {
        match self {
            Self::Exactly(wanted) => value.eq_ignore_ascii_case(wanted),
            Self::Beginning(start) => value
                .as_bytes()
                .get(..start.len())
                .is_some_and(|begins| begins.eq_ignore_ascii_case(start.as_bytes())),
        }
    }
}
