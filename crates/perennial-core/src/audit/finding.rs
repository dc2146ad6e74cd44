//! A finding: one resource that failed one check in one audit task.

use serde::{Deserialize, Serialize};

use super::{CheckName, ReasonCode, Resource, ResourceIdentifier, Severity};
use crate::{
    ids::{AuditTaskId, FindingId},
    time::Timestamp,
};

/// How many related resources a finding names at most.
pub const MAX_RELATED: usize = 100;

/// That a resource fails a check, and why: a finding that no task has yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NonCompliance {
    /// What fails.
    pub resource: Resource,
    /// What has to do with it.
    pub related: Vec<Resource>,
    /// The reason's code.
    pub reason_code: ReasonCode,
    /// The reason in words.
    pub reason: String,
}

impl NonCompliance {
    /// That the resource fails for this reason.
    pub fn new(resource: ResourceIdentifier, reason_code: ReasonCode) -> Self {
        Self {
            resource: Resource::new(resource),
            related: Vec::new(),
            reason_code,
            reason: reason_code.in_words().to_owned(),
        }
    }

    /// The same with something related; the first [`MAX_RELATED`] are kept.
    #[must_use]
    pub fn relating(mut self, related: Resource) -> Self {
        if self.related.len() < MAX_RELATED {
            self.related.push(related);
        }
        self
    }
}

/// One resource that failed one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// Its own id.
    pub finding_id: FindingId,
    /// The task that found it.
    pub task_id: AuditTaskId,
    /// The check that failed.
    pub check_name: CheckName,
    /// When the task started.
    pub task_started_at: Timestamp,
    /// When it was found.
    pub found_at: Timestamp,
    /// How bad that is.
    pub severity: Severity,
    /// What failed.
    pub resource: Resource,
    /// What has to do with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<Resource>,
    /// Why it failed.
    pub reason_code: ReasonCode,
    /// Why it failed, in words.
    pub reason: String,
    /// Whether a suppression mutes it.
    pub is_suppressed: bool,
}
