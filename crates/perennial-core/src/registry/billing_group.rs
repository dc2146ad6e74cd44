//! Billing groups: names that things are put under for whoever pays, one for a thing.

use serde::Serialize;

use crate::{
    ids::{BillingGroupName, ResourceId},
    time::Timestamp,
};

/// A billing group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BillingGroup {
    /// Its name.
    pub name: BillingGroupName,
    /// Tells it from a group that had its name before.
    pub group_id: ResourceId,
    /// For people.
    pub description: Option<String>,
    /// One more with each update; 1 at first.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
}
