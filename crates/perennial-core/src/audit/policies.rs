//! The checks of policies: what a default version allows too broadly, or fails to deny.

use super::{NonCompliance, PolicyVersion, ReasonCode, ResourceIdentifier};
use crate::policy::{Document, Misconfiguration};

/// `IOT_POLICY_OVERLY_PERMISSIVE_CHECK` of a policy's default version.
pub fn overly_permissive(version: &PolicyVersion, document: &Document) -> Option<NonCompliance> {
    let actions = document.broad_access();
    let resource = ResourceIdentifier::PolicyVersionIdentifier(version.clone());
    let mut finding =
        NonCompliance::new(resource, ReasonCode::AllowsBroadAccessToIotDataPlaneActions);
    finding.reason =
        format!("Policy allows broad access to IoT data plane actions: [{}].", actions.join(", "));
    (!actions.is_empty()).then_some(finding)
}

/// `IOT_POLICY_POTENTIAL_MISCONFIGURATION_CHECK` of a policy's default version: one finding, with
/// the first of its reasons.
pub fn misconfigured(version: &PolicyVersion, document: &Document) -> Option<NonCompliance> {
    let reason = match document.misconfigurations().first()? {
        Misconfiguration::MqttWildcardsInDeny => ReasonCode::PolicyContainsMqttWildcardsInDeny,
        Misconfiguration::DenyGoneAround => ReasonCode::TopicFiltersIntendedToDenyAllowed,
    };
    let resource = ResourceIdentifier::PolicyVersionIdentifier(version.clone());
    Some(NonCompliance::new(resource, reason))
}
