//! What must always hold (numbers as in ARCHITECTURE.md), checked against all that was seen.

use std::collections::{BTreeSet, HashMap, HashSet};

use perennial_core::{
    ids::{CertificateId, ClientId, RotationId, ThingName},
    message::{Crt, Message as _},
    rotation::{Command, Notice, Rotation, State},
    topic::Kind,
};
use perennial_orchestrator::fakes::{Seen, Verb, World};

/// What is known at one moment of what was seen.
#[derive(Default)]
struct Known {
    rotations: HashMap<RotationId, Rotation>,
    open: HashMap<ThingName, RotationId>,
    active: HashMap<ThingName, BTreeSet<CertificateId>>,
    owner: HashMap<CertificateId, ThingName>,
    issued: HashMap<RotationId, CertificateId>,
    recorded: HashSet<CertificateId>,
    activated: HashSet<CertificateId>,
    /// Certificates that people know to be wrong, or that other hands withdrew.
    excused: HashSet<ThingName>,
    commanded: HashSet<(RotationId, Verb)>,
    connected: HashSet<(ClientId, CertificateId)>,
}

/// Replays what was seen, and panics with the number of what did not hold.
pub(crate) fn check(world: &World) {
    let mut known = Known::default();
    for seen in world.witness.seen() {
        known.see(seen);
    }
    known.no_orphan_is_active(world);
}

impl Known {
    fn see(&mut self, seen: Seen) {
        match seen {
            Seen::Registered { thing, certificate_id } => self.activate(thing, certificate_id),
            Seen::Opened(rotation) => self.opened(rotation),
            Seen::Stepped { rotation_id, to, commands } => {
                self.stepped(rotation_id, &to, &commands)
            }
            Seen::Asked { verb, rotation_id } => self.asked(verb, rotation_id),
            Seen::Issued { rotation_id, certificate_id } => {
                self.recorded.insert(certificate_id);
                let before = self.issued.insert(rotation_id, certificate_id);
                assert_eq!(before, None, "7: {rotation_id} got two certificates");
            }
            Seen::Activated { thing, certificate_id } => {
                let first = self.activated.insert(certificate_id);
                assert!(first, "7: {certificate_id} was activated twice");
                self.activate(thing, certificate_id);
            }
            Seen::Deactivated { certificate_id, by } => self.deactivated(certificate_id, by),
            Seen::Published(publication) if publication.kind == Kind::Crt => {
                let crt = Crt::from_payload(&publication.payload).unwrap();
                let id = crt.certificate_id.unwrap();
                let recorded = self.recorded.contains(&id);
                assert!(recorded, "11: {id} was delivered before it was recorded");
            }
            Seen::Connected { client_id, principal } => {
                self.connected.insert((client_id, principal));
            }
            Seen::Published(_) | Seen::Notified { .. } | Seen::Crashed => {}
        }
    }

    fn activate(&mut self, thing: ThingName, id: CertificateId) {
        self.owner.insert(id, thing.clone());
        let active = self.active.entry(thing.clone()).or_default();
        active.insert(id);
        assert!(active.len() <= 2, "3: {thing} has {} ACTIVE certificates", active.len());
    }

    fn opened(&mut self, rotation: Rotation) {
        let before = self.open.insert(rotation.thing.clone(), rotation.id);
        assert_eq!(before, None, "3: {} has two open rotations", rotation.thing);
        self.rotations.insert(rotation.id, rotation);
    }

    fn stepped(&mut self, id: RotationId, to: &State, commands: &[Command]) {
        let thing = self.rotations[&id].thing.clone();
        for command in commands {
            self.commanded.insert((id, verb(command)));
            if let Command::Notify { notice: Notice::CertificateLeftActive { .. } } = command {
                self.excused.insert(thing.clone());
            }
        }
        if to.is_open() || self.open.get(&thing) != Some(&id) {
            return;
        }
        self.open.remove(&thing);
        let count = self.active.get(&thing).map_or(0, BTreeSet::len);
        let excused = self.excused.contains(&thing);
        assert!(count == 1 || excused, "3: {thing} is closed with {count} ACTIVE certificates");
    }

    fn asked(&self, verb: Verb, rotation_id: RotationId) {
        let durable = self.commanded.contains(&(rotation_id, verb));
        assert!(durable, "6: {verb:?} of {rotation_id} was asked for before it was durable");
    }

    fn deactivated(&mut self, id: CertificateId, by: Option<RotationId>) {
        let Some(thing) = self.owner.get(&id).cloned() else { return };
        self.active.entry(thing.clone()).or_default().remove(&id);
        let Some(by) = by else {
            self.excused.insert(thing);
            return;
        };
        let rotation = &self.rotations[&by];
        if rotation.outgoing == id {
            let incoming = self.issued[&by];
            let proven = self.connected.contains(&(rotation.client_id.clone(), incoming));
            assert!(proven, "1: {id} of {thing} was deactivated without evidence");
        }
    }

    fn no_orphan_is_active(&self, world: &World) {
        let all_active: HashSet<_> = self.active.values().flatten().collect();
        for row in world.registry().rows() {
            let id = row.certificate.certificate_id;
            let active = all_active.contains(&id);
            assert_eq!(active, world.registry().is_active(&id));
            assert!(!active || !row.things.is_empty(), "7: {id} is ACTIVE and belongs to nothing");
            // Policies of what is in use are the ones of what was in use before.
            assert!(!active || !row.policies.is_empty(), "5: {id} is ACTIVE and has no policies");
        }
    }
}

fn verb(command: &Command) -> Verb {
    match command {
        Command::Issue { .. } => Verb::Issue,
        Command::Enroll { .. } => Verb::Enroll,
        Command::RetireOutgoing | Command::RetireIncoming { .. } => Verb::Retire,
        Command::RequestCsr { .. }
        | Command::DeliverCertificate { .. }
        | Command::Refuse { .. } => Verb::Publish,
        Command::Notify { .. } => Verb::Notify,
    }
}
