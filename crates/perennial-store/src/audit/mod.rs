//! Audits: checks walked along indexes, page by page, so that other writers get their turn; what
//! they find, what mutes it, and what is done about it.

mod account;
mod findings;
mod look;
mod mitigation;
mod run;
mod schedules;
mod suppressions;
mod sweep;
mod tasks;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use async_trait::async_trait;
use parking_lot::Mutex;
use perennial_core::{
    audit::{Blocklist, CheckName, Schedule, Threshold, revocation::AuthorityFacts},
    ids::AuditTaskId,
    time::Timestamp,
};
use perennial_orchestrator::port::{Audit, Clock, PortError, ToRotate};

pub use account::{AuditFile, DAILY};
pub use findings::{FindingCursor, FindingFilter};
pub use mitigation::{
    Execution, ExecutionStatus, FindingCounts, MitigationAction, MitigationRequest,
    MitigationStatus, MitigationTask, Remedies, RemedyError,
};
pub use schedules::ScheduledAudit;
pub use suppressions::SuppressionPlace;
pub use tasks::TaskFilter;

use crate::Store;

/// What audits are told once.
#[derive(Debug, Clone)]
pub struct AuditSettings {
    /// The account's id, as findings and messages name it.
    pub account: String,
    /// Thresholds where the account's configuration has no days.
    pub thresholds: BTreeMap<CheckName, Threshold>,
    /// The checks whose findings open rotations.
    pub rotate: BTreeSet<CheckName>,
    /// When the audit [`DAILY`] runs while its frequency is DAILY.
    pub daily: Schedule,
}

impl Default for AuditSettings {
    /// Device Defender's thresholds; what is about to end, or too old, is rotated.
    fn default() -> Self {
        let rotate = [CheckName::DeviceCertificateExpiring, CheckName::DeviceCertificateAge];
        Self {
            account: "000000000000".to_owned(),
            thresholds: BTreeMap::new(),
            rotate: rotate.into(),
            daily: Schedule::default(),
        }
    }
}

/// What audits examine that is not in the store.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// The server's own authorities.
    pub authorities: Vec<AuthorityFacts>,
    /// The customer's CAs, as far as they are registered.
    pub registered: Vec<AuthorityFacts>,
    /// Keys known to be weak.
    pub blocklist: Blocklist,
}

impl Surroundings {
    /// Every authority whose certificates devices have, or could have.
    pub(crate) fn all_authorities(&self) -> impl Iterator<Item = &AuthorityFacts> {
        self.authorities.iter().chain(&self.registered)
    }
}

/// What is only in memory: what runs, and what is around.
#[derive(Default)]
pub(crate) struct Audits {
    running: Mutex<BTreeSet<AuditTaskId>>,
    mitigating: Mutex<BTreeSet<String>>,
    surroundings: Mutex<Arc<Surroundings>>,
}

impl Store {
    /// Tells audits what is around them, from the next one on.
    pub fn surround_audits(&self, surroundings: Surroundings) {
        *self.audits.surroundings.lock() = Arc::new(surroundings);
    }

    /// Changes what audits are told is around them, from the next one on.
    pub fn change_audit_surroundings(&self, change: impl FnOnce(&mut Surroundings)) {
        change(Arc::make_mut(&mut *self.audits.surroundings.lock()));
    }
}

#[async_trait]
impl Audit for Store {
    async fn start_due(
        &self,
        draw: &(dyn Fn() -> AuditTaskId + Sync),
        now: Timestamp,
    ) -> Result<(), PortError> {
        Ok(self.start_due_audits(draw, now).await?)
    }

    async fn next_task(&self) -> Result<Option<AuditTaskId>, PortError> {
        Ok(self.next_audit_task().await?)
    }

    async fn run(&self, task: AuditTaskId, clock: &dyn Clock) -> Result<(), PortError> {
        Ok(self.run_audit_task(task, clock).await.map(drop)?)
    }

    async fn to_rotate(
        &self,
        task: AuditTaskId,
        after: i64,
        limit: usize,
    ) -> Result<Vec<ToRotate>, PortError> {
        Ok(self.findings_to_rotate(task, after, limit).await?)
    }
}
