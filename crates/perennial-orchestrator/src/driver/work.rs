//! Work: one event, addressed to a rotation and read, ready for a batch.

use std::fmt;

use perennial_core::{
    ids::{CertificateId, ClientId, RotationId, ThingName},
    message::{Proof, RefusalCode},
    rotation::{Cancellation, Input, Presence},
    topic::Kind,
};

use crate::{
    inbox::Arrival,
    port::{Authority, CommandId, Fact, FactId, Stored},
    reading::{Read, read},
    verbs::Outcome,
};

/// Which rotation an event is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Key {
    /// This one.
    Rotation(RotationId),
    /// The latest of the thing whose device speaks.
    Thing(ThingName),
}

/// A device's message that says nothing to the core, and what the device is told.
#[derive(Debug, Clone)]
pub(super) struct Unread {
    pub(super) about: Kind,
    pub(super) code: RefusalCode,
    pub(super) reason: String,
}

/// What the event says.
#[derive(Debug, Clone)]
pub(super) enum Says {
    /// Something for the core.
    Input(Box<Input>),
    /// Nothing; it is only to be marked done.
    Nothing,
    /// Nothing that can be read.
    Unread(Unread),
}

/// One event.
#[derive(Debug, Clone)]
pub(super) struct Work {
    pub(super) key: Option<Key>,
    pub(super) says: Says,
    pub(super) proof: Option<Proof>,
    /// The device behind it, if a device is.
    pub(super) speaker: Option<ClientId>,
    pub(super) fact: Option<FactId>,
    pub(super) command: Option<CommandId>,
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.says {
            Says::Input(input) => f.write_str(input.name())?,
            Says::Nothing => f.write_str("a command that is done")?,
            Says::Unread(unread) => write!(f, "a {} that is refused", unread.about)?,
        }
        match &self.key {
            Some(Key::Rotation(id)) => write!(f, " of rotation {id}"),
            Some(Key::Thing(thing)) => write!(f, " of thing {thing}"),
            None => Ok(()),
        }
    }
}

impl Work {
    fn new(key: Option<Key>, says: Says) -> Self {
        Self { key, says, proof: None, speaker: None, fact: None, command: None }
    }

    fn input(key: Key, input: Input) -> Self {
        Self::new(Some(key), Says::Input(Box::new(input)))
    }

    pub(super) fn outcome(outcome: Outcome) -> Self {
        let says = outcome.input.map_or(Says::Nothing, |input| Says::Input(Box::new(input)));
        let work = Self::new(Some(Key::Rotation(outcome.rotation.id)), says);
        Self { command: Some(outcome.id), ..work }
    }

    pub(super) fn deadline(stored: &Stored, presence: Presence) -> Self {
        Self::input(Key::Rotation(stored.rotation.id), Input::DeadlinePassed { presence })
    }

    /// The certificate that an arrival says was withdrawn.
    pub(super) fn withdrawn_certificate(arrival: &Arrival) -> Option<(FactId, CertificateId)> {
        match arrival {
            Arrival::Fact(id, Fact::CertificateWithdrawn { certificate_id }) => {
                Some((*id, *certificate_id))
            }
            Arrival::Fact(..) | Arrival::Hint(_) => None,
        }
    }

    /// A withdrawal calls off the open rotations that the certificate is part of.
    pub(super) fn withdrawals(
        fact: FactId,
        certificate: CertificateId,
        rotations: Vec<RotationId>,
    ) -> Vec<Self> {
        let _ = certificate;
        let by = Cancellation::OutgoingWithdrawn;
        let cancel = |id| Self::input(Key::Rotation(id), Input::Cancelled { by });
        let mut works: Vec<Self> = rotations.into_iter().map(cancel).collect();
        works.push(Self { fact: Some(fact), ..Self::new(None, Says::Nothing) });
        works
    }

    pub(super) fn arrival(arrival: Arrival, authority: &dyn Authority) -> Self {
        match arrival {
            Arrival::Hint(hint) => {
                let key = thing_of(hint.client_id());
                Self::new(key, Says::Input(Box::new(hint.input())))
            }
            Arrival::Fact(id, fact) => Self { fact: Some(id), ..Self::fact(fact, authority) },
        }
    }

    fn fact(fact: Fact, authority: &dyn Authority) -> Self {
        match fact {
            Fact::Message { client_id, principal, addressee, kind, payload } => {
                let key = thing_of(&client_id);
                let work = if addressee == client_id {
                    Self::message(key, kind, &payload, principal, authority)
                } else {
                    Self::new(key, Says::Unread(foreign_topic(kind, &addressee)))
                };
                Self { speaker: Some(client_id), ..work }
            }
            Fact::StartRequested { rotation_id } => {
                Self::input(Key::Rotation(rotation_id), Input::StartRequested)
            }
            Fact::CancellationRequested { rotation_id } => {
                let by = Cancellation::Operator;
                Self::input(Key::Rotation(rotation_id), Input::Cancelled { by })
            }
            Fact::AuditCompleted { .. }
            | Fact::RotationRequested { .. }
            | Fact::CertificateWithdrawn { .. } => Self::new(None, Says::Nothing),
        }
    }

    fn message(
        key: Option<Key>,
        kind: Kind,
        payload: &[u8],
        principal: CertificateId,
        authority: &dyn Authority,
    ) -> Self {
        match read(kind, payload, principal, authority) {
            Ok(Read { input, proof }) => {
                Self { proof, ..Self::new(key, Says::Input(Box::new(input))) }
            }
            Err(error) => {
                let (code, reason) = (error.code(), error.to_string());
                Self::new(key, Says::Unread(Unread { about: kind, code, reason }))
            }
        }
    }
}

/// Devices connect under their thing's name; a client id that is none belongs to no thing.
fn thing_of(client_id: &ClientId) -> Option<Key> {
    ThingName::new(client_id.as_str()).ok().map(Key::Thing)
}

fn foreign_topic(about: Kind, addressee: &ClientId) -> Unread {
    let code = RefusalCode::ForeignTopic;
    let reason = format!("{}; this was the topic of {addressee}", code.in_words());
    Unread { about, code, reason }
}
