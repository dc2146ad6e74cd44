//! Mitigation: what may be done about a finding, and what would do more harm than good.
//!
//! Deactivating an expiring certificate cuts the device off before it can rotate. So what would
//! leave a thing without a proven certificate is refused, unless it is forced.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{CheckName, Finding, PolicyVersion, ReasonCode, ResourceIdentifier};
use crate::{
    ids::{AuditTaskId, CertificateId, FindingId, ThingName},
    logging::LogLevel,
};

/// A kind of mitigation action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "AWS's names say it")]
pub enum ActionType {
    UpdateDeviceCertificate,
    UpdateCaCertificate,
    AddThingsToThingGroup,
    ReplaceDefaultPolicyVersion,
    EnableIotLogging,
    PublishFindingToSns,
}

/// The only thing that is done to a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CertificateAction {
    /// `DEACTIVATE`.
    Deactivate,
}

/// The only policy that replaces another: one that allows nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PolicyTemplate {
    /// `BLANK_POLICY`.
    BlankPolicy,
}

/// What an action does: `MitigationActionParams`, in which exactly one member is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum ActionParams {
    /// Makes the certificate INACTIVE.
    #[serde(rename = "updateDeviceCertificateParams")]
    UpdateDeviceCertificate {
        /// What is done.
        action: CertificateAction,
    },
    /// Makes the CA certificate INACTIVE.
    #[serde(rename = "updateCACertificateParams")]
    UpdateCaCertificate {
        /// What is done.
        action: CertificateAction,
    },
    /// Adds the certificate's things to groups.
    #[serde(rename = "addThingsToThingGroupParams", rename_all = "camelCase")]
    AddThingsToThingGroup {
        /// The groups, 1 to 10.
        thing_group_names: Vec<String>,
        /// Whether dynamic groups give way.
        #[serde(default)]
        override_dynamic_groups: bool,
    },
    /// Gives the policy a default version that allows nothing.
    #[serde(rename = "replaceDefaultPolicyVersionParams", rename_all = "camelCase")]
    ReplaceDefaultPolicyVersion {
        /// With what.
        template_name: PolicyTemplate,
    },
    /// Has things logged.
    #[serde(rename = "enableIoTLoggingParams", rename_all = "camelCase")]
    EnableIotLogging {
        /// The role to log with.
        role_arn_for_logging: String,
        /// How much.
        log_level: LogLevel,
    },
    /// Tells people.
    #[serde(rename = "publishFindingToSnsParams", rename_all = "camelCase")]
    PublishFindingToSns {
        /// Where.
        topic_arn: String,
    },
}

impl ActionParams {
    /// Its kind.
    pub const fn action_type(&self) -> ActionType {
        match self {
            Self::UpdateDeviceCertificate { .. } => ActionType::UpdateDeviceCertificate,
            Self::UpdateCaCertificate { .. } => ActionType::UpdateCaCertificate,
            Self::AddThingsToThingGroup { .. } => ActionType::AddThingsToThingGroup,
            Self::ReplaceDefaultPolicyVersion { .. } => ActionType::ReplaceDefaultPolicyVersion,
            Self::EnableIotLogging { .. } => ActionType::EnableIotLogging,
            Self::PublishFindingToSns { .. } => ActionType::PublishFindingToSns,
        }
    }
}

/// Which findings a mitigation task is about: `AuditMitigationActionsTaskTarget`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MitigationTarget {
    /// Those of this task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit_task_id: Option<AuditTaskId>,
    /// These, 1 to 25.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub finding_ids: Vec<FindingId>,
    /// Of the task's, only those of these checks with these reasons (all, for an empty list).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub audit_check_to_reason_code_filter: BTreeMap<CheckName, Vec<ReasonCode>>,
}

impl MitigationTarget {
    /// Whether it names findings in exactly one way.
    pub fn is_lawful(&self) -> bool {
        let by_task = self.audit_task_id.is_some();
        let by_id = (1..=25).contains(&self.finding_ids.len());
        by_task != by_id
            && (by_task || self.audit_check_to_reason_code_filter.is_empty())
            && (by_id || self.finding_ids.is_empty())
    }

    /// Whether the finding is meant, as far as check and reason go.
    pub fn selects(&self, finding: &Finding) -> bool {
        let filter = &self.audit_check_to_reason_code_filter;
        filter.is_empty()
            || filter
                .get(&finding.check_name)
                .is_some_and(|codes| codes.is_empty() || codes.contains(&finding.reason_code))
    }
}

/// Who depends on what a finding is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeldBy {
    /// The certificate's things, each with whether it has another ACTIVE certificate that a
    /// device has connected with.
    pub things: Vec<(ThingName, bool)>,
    /// Whether ACTIVE certificates have the policy, themselves or by a group of their things.
    pub policy_in_use: bool,
}

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    /// Make a device certificate INACTIVE.
    DeactivateDeviceCertificate(CertificateId),
    /// Make a CA certificate INACTIVE.
    DeactivateCaCertificate(CertificateId),
    /// Add things to groups.
    AddThingsToGroups {
        /// The things.
        things: Vec<ThingName>,
        /// The groups.
        groups: Vec<String>,
        /// Whether dynamic groups give way.
        override_dynamic_groups: bool,
    },
    /// Give a policy a default version that allows nothing.
    BlankPolicy(PolicyVersion),
    /// Have devices logged.
    EnableLogging {
        /// How much.
        level: LogLevel,
        /// The role that the action names.
        role_arn: String,
    },
    /// Tell people of the finding.
    Publish {
        /// Where.
        topic_arn: String,
    },
}

/// Why an action is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The check does not allow it.
    #[error("{0} allows no {1:?}")]
    NotForCheck(CheckName, ActionType),
    /// The finding is about something else.
    #[error("{0:?} does not go with this kind of resource")]
    WrongResource(ActionType),
    /// It would leave a device without a way in.
    #[error(
        "it would cut {0} off: the thing has no other certificate that its device has connected \
         with. Rotate it first, or force the action"
    )]
    CutsOff(ThingName),
    /// It would leave devices without a policy.
    #[error(
        "it would cut off every device whose certificate or thing group has policy {0}. Give them \
         another first, or force the action"
    )]
    CutsOffHolders(String),
    /// The certificate has no thing to add.
    #[error("the certificate is attached to no thing")]
    NoThings,
}

impl Refusal {
    /// A short code for the execution's record.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotForCheck(..) => "ACTION_NOT_ALLOWED_FOR_CHECK",
            Self::WrongResource(_) => "ACTION_NOT_ALLOWED_FOR_RESOURCE",
            Self::CutsOff(_) | Self::CutsOffHolders(_) => "DEVICE_WOULD_BE_CUT_OFF",
            Self::NoThings => "NO_THINGS",
        }
    }
}

/// What to do, or why not.
pub type Plan = Result<Remedy, Refusal>;

/// What `action` means for a finding of `check` about `resource`.
///
/// # Errors
/// [`Refusal`] when the check or the resource does not allow it, or it would cut devices off and
/// is not `forced`.
pub fn plan(
    check: CheckName,
    resource: &ResourceIdentifier,
    action: &ActionParams,
    held: &HeldBy,
    forced: bool,
) -> Plan {
    let kind = action.action_type();
    if !check.descriptor().mitigations.contains(&kind) {
        return Err(Refusal::NotForCheck(check, kind));
    }
    let wrong = || Refusal::WrongResource(kind);
    match action {
        ActionParams::PublishFindingToSns { topic_arn } => {
            Ok(Remedy::Publish { topic_arn: topic_arn.clone() })
        }
        ActionParams::EnableIotLogging { role_arn_for_logging, log_level } => {
            let (level, role_arn) = (*log_level, role_arn_for_logging.clone());
            Ok(Remedy::EnableLogging { level, role_arn })
        }
        ActionParams::UpdateDeviceCertificate { .. } => {
            deactivate(resource.device_certificate().ok_or_else(wrong)?, held, forced)
        }
        ActionParams::AddThingsToThingGroup { thing_group_names, override_dynamic_groups } => {
            resource.device_certificate().ok_or_else(wrong)?;
            add_things(thing_group_names, *override_dynamic_groups, held)
        }
        ActionParams::UpdateCaCertificate { .. } => {
            resource.ca_certificate().map(Remedy::DeactivateCaCertificate).ok_or_else(wrong)
        }
        ActionParams::ReplaceDefaultPolicyVersion { .. } => {
            let version = resource.policy_version().ok_or_else(wrong)?;
            if held.policy_in_use && !forced {
                return Err(Refusal::CutsOffHolders(version.policy_name.to_string()));
            }
            Ok(Remedy::BlankPolicy(version.clone()))
        }
    }
}

fn deactivate(id: CertificateId, held: &HeldBy, forced: bool) -> Plan {
    match held.things.iter().find(|(_, has_other)| !has_other && !forced) {
        Some((thing, _)) => Err(Refusal::CutsOff(thing.clone())),
        None => Ok(Remedy::DeactivateDeviceCertificate(id)),
    }
}

fn add_things(groups: &[String], override_dynamic_groups: bool, held: &HeldBy) -> Plan {
    let things: Vec<_> = held.things.iter().map(|(thing, _)| thing.clone()).collect();
    if things.is_empty() {
        return Err(Refusal::NoThings);
    }
    Ok(Remedy::AddThingsToGroups { things, groups: groups.to_vec(), override_dynamic_groups })
}
