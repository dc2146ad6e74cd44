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
use crate::port::{Audit, Clock, Fact, PortError, ToRotate};

/// Certificates with less than this left are found, as Device Defender does by default.
const THRESHOLD: std::time::Duration = days(30);

/// Tasks, and what they found.
#[derive(Default)]
pub(super) struct Tasks {
    started_at: Option<Timestamp>,
    in_progress: BTreeSet<AuditTaskId>,
    findings: HashMap<AuditTaskId, Vec<CertificateId>>,
}

/// The audit as one process has it.
#[derive(Clone)]
pub struct FakeAudit {
    pub(super) tasks: Arc<Mutex<Tasks>>,
    pub(super) certificates: Arc<Mutex<Certificates>>,
    pub(super) journal: Arc<Mutex<Durable>>,
    pub(super) gate: Gate,
}

impl FakeAudit {
    /// Starts a task, as an operator does.
    pub fn start(&self, task: AuditTaskId) {
        self.tasks.lock().in_progress.insert(task);
    }

    fn end(&self, task: AuditTaskId, now: Timestamp) {
        let ends_soon = |row: &&Row| {
            row.certificate.status == CertificateStatus::Active
                && row.certificate.validity.not_after <= now + THRESHOLD
        };
        let certificates = self.certificates.lock();
        let found = certificates.rows.values().filter(ends_soon);
        let found: BTreeSet<_> = found.map(|row| row.certificate.certificate_id).collect();
        let mut tasks = self.tasks.lock();
        tasks.findings.insert(task, found.into_iter().collect());
        self.journal.lock().accept(vec![Fact::AuditCompleted { task }]);
    }
}

#[async_trait]
impl Audit for FakeAudit {
    async fn start_due(
        &self,
        draw: &(dyn Fn() -> AuditTaskId + Sync),
        now: Timestamp,
    ) -> Result<(), PortError> {
        let start = || {
            let mut tasks = self.tasks.lock();
            if tasks.started_at.is_none_or(|last| now.since(last) >= days(1)) {
                tasks.started_at = Some(now);
                tasks.in_progress.insert(draw());
            }
            Ok(())
        };
        self.gate.call(Verb::StartDue, 1, start).await
    }

    async fn next_task(&self) -> Result<Option<AuditTaskId>, PortError> {
        let next = || Ok(self.tasks.lock().in_progress.first().copied());
        self.gate.call(Verb::NextTask, 1, next).await
    }

    async fn run(&self, task: AuditTaskId, clock: &dyn Clock) -> Result<(), PortError> {
        let run = || {
            if self.tasks.lock().in_progress.remove(&task) {
                self.end(task, clock.now());
            }
            Ok(())
        };
        self.gate.call(Verb::RunTask, 1, run).await
    }

    async fn to_rotate(
        &self,
        task: AuditTaskId,
        after: i64,
        limit: usize,
    ) -> Result<Vec<ToRotate>, PortError> {
        let read = || {
            let tasks = self.tasks.lock();
            let found = tasks.findings.get(&task).into_iter().flatten();
            let placed =
                (1..).zip(found).map(|(place, id)| ToRotate { place, certificate_id: *id });
            Ok(placed.filter(|it| it.place > after).take(limit).collect::<Vec<_>>())
        };
        let page = self.gate.call(Verb::ToRotate, 0, read).await?;
        self.gate.answered(Verb::ToRotate, page.len());
        Ok(page)
    }
}
