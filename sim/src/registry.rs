//! The registry and the authority: certificates, their status, what is attached, who they are for.

use std::collections::BTreeMap;

use perennial_core::{
    certificate::CertificateStatus,
    ids::{CertificateId, Digest, RotationId},
    time::Timestamp,
};

use crate::plan::Plan;

/// The policies of every certificate of the thing, as a set of bits.
pub(crate) const POLICIES: u8 = 0b101;

/// What is recorded of a certificate.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) status: CertificateStatus,
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
    pub(crate) policies: u8,
    pub(crate) attached: bool,
    /// The rotation it was issued for; none for the first one.
    pub(crate) rotation: Option<RotationId>,
    /// The CSR it was issued for.
    pub(crate) csr: Digest,
    /// Ground truth: its key was really used against the broker or in a proof.
    pub(crate) used: bool,
    /// When it was deactivated first.
    pub(crate) retired_at: Option<Timestamp>,
    /// An operator withdrew it.
    pub(crate) withdrawn: bool,
    /// People were told that it is active although it should not be.
    pub(crate) told: bool,
}

/// All certificates of the thing.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    pub(crate) records: BTreeMap<CertificateId, Record>,
    drawn: u64,
}

impl Registry {
    /// An id for a certificate to come.
    pub(crate) fn draw_id(&mut self) -> CertificateId {
        self.drawn += 1;
        let mut bytes = [0; 32];
        bytes[0] = u8::try_from(self.drawn % 251).unwrap_or(0);
        bytes[24..].copy_from_slice(&self.drawn.to_be_bytes());
        CertificateId::from_bytes(bytes)
    }

    pub(crate) fn record(&mut self, id: CertificateId, record: Record) {
        self.records.insert(id, record);
    }

    pub(crate) fn find(&self, rotation: RotationId) -> Option<CertificateId> {
        let mut records = self.records.iter();
        records.find(|(_, record)| record.rotation == Some(rotation)).map(|(id, _)| *id)
    }

    pub(crate) fn is_active(&self, id: &CertificateId) -> bool {
        self.records.get(id).is_some_and(|record| record.status == CertificateStatus::Active)
    }

    pub(crate) fn active(&self) -> impl Iterator<Item = (&CertificateId, &Record)> {
        self.records.iter().filter(|(_, record)| record.status == CertificateStatus::Active)
    }

    /// Deactivates and detaches; idempotent.
    pub(crate) fn retire(&mut self, id: &CertificateId, now: Timestamp) {
        if let Some(record) = self.records.get_mut(id) {
            record.retired_at.get_or_insert(now);
            record.status = CertificateStatus::Inactive;
            record.attached = false;
        }
    }
}

impl Record {
    /// The last moment at which it is let in, if only to be rotated.
    pub(crate) fn usable_until(&self, plan: &Plan) -> Timestamp {
        self.not_after + plan.server.recovery_for
    }
}
