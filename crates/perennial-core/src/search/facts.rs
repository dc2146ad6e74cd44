//! Facts: what a query asks about one thing.

use super::{Field, Query};
use crate::{ids::ThingGroupName, registry::Thing, time::Timestamp};

/// Whether a thing's device is connected: the client whose id is the thing's name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Connectivity {
    /// Whether it is.
    pub connected: bool,
    /// Since when it is, or is not; `None` if it never was.
    pub since: Option<Timestamp>,
    /// Why it was disconnected last.
    pub disconnect_reason: Option<String>,
}

/// One thing, as far as queries ask.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The registry's entry.
    pub thing: &'a Thing,
    /// The groups it is in itself.
    pub groups: &'a [ThingGroupName],
    /// Whether its device is connected.
    pub connectivity: &'a Connectivity,
    /// When its ACTIVE certificates end.
    pub certificates_end_at: &'a [Timestamp],
}

/// What must be known of a thing, beside the registry's entry, to tell whether it is meant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are what they are called")]
pub struct Needs {
    pub groups: bool,
    pub connectivity: bool,
    pub certificates: bool,
}

impl Query {
    /// What must be known of a thing.
    pub fn needs(&self) -> Needs {
        let mut needs = Needs::default();
        self.note(&mut needs);
        needs
    }

    fn note(&self, needs: &mut Needs) {
        match self {
            Self::And(all) | Self::Or(all) => all.iter().for_each(|one| one.note(needs)),
            Self::Not(one) => one.note(needs),
            Self::Term(term) => match &term.field {
                None | Some(Field::ThingGroupNames) => needs.groups = true,
                Some(Field::Connected | Field::ConnectivityTimestamp | Field::DisconnectReason) => {
                    needs.connectivity = true
                }
                Some(Field::CertificateNotAfter) => needs.certificates = true,
                Some(
                    Field::ThingName | Field::ThingId | Field::ThingTypeName | Field::Attribute(_),
                ) => {}
            },
        }
    }
}
