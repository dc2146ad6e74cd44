//! Opening: the daily audit, and a device that comes back with an expired certificate.

use std::time::Duration;

use perennial_core::{
    certificate::{Certificate, CertificateStatus, Validity},
    ids::{CertificateId, RotationId, ThingName},
    rotation::{self, Cause, Opening, Rotation, State, Successor},
    time::Timestamp,
};

use super::Entry;
use crate::{Sabotage, event::Event, plan::THRESHOLD_FOR, world::World};

impl World {
    /// The daily audit: a rotation for the certificate that ends first.
    pub(crate) fn audit(&mut self) {
        self.after(Duration::from_secs(86_400), Event::Audit);
        let open = self.open_rotation().is_some();
        if self.server.down || (open && self.sabotage != Some(Sabotage::OpenTwice)) {
            return;
        }
        let now = self.clock();
        let due = self.registry.active().filter(|(_, record)| {
            let lapsed = now > record.usable_until(&self.plan);
            let expires = record.not_after.since(now) < THRESHOLD_FOR;
            record.attached && !record.told && expires && !lapsed
        });
        let first = due.min_by_key(|(_, record)| record.not_after);
        let Some((id, not_after)) = first.map(|(id, record)| (*id, record.not_after)) else {
            return;
        };
        self.open(certificate(id, not_after), Cause::Operator);
    }

    /// A device is back with an expired certificate.
    pub(crate) fn recover(&mut self, principal: CertificateId) {
        let record = self.registry.records.get(&principal);
        let Some(record) = record.filter(|record| record.attached && !self.server.down) else {
            return;
        };
        let outgoing =
            Certificate { status: record.status, ..certificate(principal, record.not_after) };
        let latest = self.server.order.last().map(|id| &self.server.journal[id]);
        let latest = latest.map(|entry| (&entry.rotation, &entry.state));
        if rotation::may_recover(&outgoing, latest, &self.plan.server, self.clock()) {
            self.open(outgoing, Cause::Recovery);
        }
    }

    /// A rotation is followed by another, in the commit that ends it.
    pub(super) fn follow(&mut self, successor: Successor) {
        if self.sabotage == Some(Sabotage::FollowNone) {
            return;
        }
        let Successor { mut rotation, state } = successor;
        if let (Some(Sabotage::CountNone), Cause::Resolution(resolution)) =
            (self.sabotage, &mut rotation.cause)
        {
            resolution.attempt = 1;
        }
        self.note(|| format!("server opens rotation {}: {:?}", rotation.id, rotation.cause));
        self.begin(rotation, state);
    }

    fn open(&mut self, outgoing: Certificate, cause: Cause) {
        let now = self.clock();
        let Ok(thing) = ThingName::new("pump-1") else { return };
        let mut bytes = [0; 16];
        self.rng.fill(&mut bytes);
        let certificate_id = outgoing.certificate_id;
        let opening = Opening {
            id: RotationId::from_bytes(bytes),
            thing,
            outgoing,
            cause,
            rekey: true,
            draw: self.rng.u32(..),
        };
        let (rotation, state) = rotation::open(opening, &self.plan.server, now);
        self.note(|| format!("server opens rotation {} of {certificate_id}", rotation.id));
        self.begin(rotation, state);
    }

    fn begin(&mut self, rotation: Rotation, state: State) {
        let id = rotation.id;
        let entry = Entry { opened_as: rotation.clone(), rotation, state, version: 0 };
        self.server.journal.insert(id, entry);
        self.server.order.push(id);
        self.arm();
    }
}

fn certificate(certificate_id: CertificateId, not_after: Timestamp) -> Certificate {
    Certificate {
        certificate_id,
        status: CertificateStatus::Active,
        validity: Validity { not_before: Timestamp::EPOCH, not_after },
        created_at: Timestamp::EPOCH,
    }
}
