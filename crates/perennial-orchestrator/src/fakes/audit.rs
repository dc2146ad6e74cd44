//! The audit in memory: finds ACTIVE certificates that are about to end.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use async_trait::async_trait;
use parking_lot::Mutex;
use perennial_core::{
    certificate::CertificateStatus,
    ids::{AuditTaskId, CertificateId},
    time::{Timestamp, days},
};

use super::{
    Verb,
    fault::Gate,
    journal::Durable,
    registry::{Certificates, Row},
};
use crate::port::{Audit, Fact, PortError};

/// Certificates with less than this left are found, as Device Defender does by default.
const THRESHOLD: std::time::Duration = days(30);

/// What audits found.
#[derive(Default)]
pub(super) struct Tasks {
    last: Option<Timestamp>,
    findings: HashMap<AuditTaskId, BTreeSet<CertificateId>>,
}

/// The audit as one process has it.
#[derive(Clone)]
pub struct FakeAudit {
    pub(super) tasks: Arc<Mutex<Tasks>>,
    pub(super) certificates: Arc<Mutex<Certificates>>,
    pub(super) journal: Arc<Mutex<Durable>>,
    pub(super) gate: Gate,
}

#[async_trait]
impl Audit for FakeAudit {
    async fn run_scheduled(&self, id: AuditTaskId, now: Timestamp) -> Result<(), PortError> {
        let write = || {
            let ends_soon = |row: &&Row| {
                row.certificate.status == CertificateStatus::Active
                    && row.certificate.validity.not_after <= now + THRESHOLD
            };
            let certificates = self.certificates.lock();
            let found = certificates.rows.values().filter(ends_soon);
            let found = found.map(|row| row.certificate.certificate_id).collect();
            let mut tasks = self.tasks.lock();
            tasks.findings.insert(id, found);
            tasks.last = tasks.last.max(Some(now));
            self.journal.lock().accept(vec![Fact::AuditCompleted { task: id }]);
            Ok(())
        };
        self.gate.call(Verb::RunScheduled, 1, write).await
    }

    async fn last_scheduled(&self) -> Result<Option<Timestamp>, PortError> {
        self.gate.call(Verb::LastScheduled, 1, || Ok(self.tasks.lock().last)).await
    }

    async fn to_rotate(
        &self,
        task: AuditTaskId,
        after: Option<CertificateId>,
        limit: usize,
    ) -> Result<Vec<CertificateId>, PortError> {
        let read = || {
            let tasks = self.tasks.lock();
            let above = |id: &&CertificateId| after.is_none_or(|after| **id > after);
            let found = tasks.findings.get(&task).into_iter().flatten();
            Ok(found.filter(above).take(limit).copied().collect::<Vec<_>>())
        };
        let page = self.gate.call(Verb::ToRotate, 0, read).await?;
        self.gate.answered(Verb::ToRotate, page.len());
        Ok(page)
    }
}
