//! The witness: what happened in a world, in order, for invariants to be held against.

use std::sync::Arc;

use parking_lot::Mutex;
use perennial_core::{
    ids::{CertificateId, ClientId, RotationId, ThingName},
    rotation::{Command, Notice, Rotation, State},
};

use super::Verb;
use crate::port::Publication;

/// One thing that happened.
#[derive(Debug, Clone)]
pub enum Seen {
    /// A certificate was registered by other hands than a rotation's, ACTIVE.
    Registered {
        /// The thing that it is attached to.
        thing: ThingName,
        /// The certificate.
        certificate_id: CertificateId,
    },
    /// A rotation was opened, durably.
    Opened(Rotation),
    /// A step was committed.
    Stepped {
        /// The rotation.
        rotation_id: RotationId,
        /// Its state from then on.
        to: State,
        /// What is to be done.
        commands: Vec<Command>,
    },
    /// The ring asked for something on behalf of a rotation, whatever came of it.
    Asked {
        /// For what.
        verb: Verb,
        /// The rotation.
        rotation_id: RotationId,
    },
    /// A certificate was issued and stored.
    Issued {
        /// The rotation it was issued for.
        rotation_id: RotationId,
        /// The certificate.
        certificate_id: CertificateId,
    },
    /// A certificate became ACTIVE.
    Activated {
        /// The thing it was attached to.
        thing: ThingName,
        /// The certificate.
        certificate_id: CertificateId,
    },
    /// A certificate stopped being ACTIVE, by a rotation or by other hands.
    Deactivated {
        /// The certificate.
        certificate_id: CertificateId,
        /// The rotation that retired it, if one did.
        by: Option<RotationId>,
    },
    /// A message was given to the broker.
    Published(Publication),
    /// People were told.
    Notified {
        /// The rotation.
        rotation_id: RotationId,
        /// What happened.
        notice: Notice,
    },
    /// A device connected.
    Connected {
        /// The device.
        client_id: ClientId,
        /// The certificate it connected with.
        principal: CertificateId,
    },
    /// The server's process ended.
    Crashed,
}

/// Remembers what happened. Cheap to clone.
#[derive(Clone, Default)]
pub struct Witness(Arc<Mutex<Vec<Seen>>>);

impl Witness {
    /// All that happened so far, in order.
    pub fn seen(&self) -> Vec<Seen> {
        self.0.lock().clone()
    }

    pub(super) fn saw(&self, seen: Seen) {
        self.0.lock().push(seen);
    }
}
