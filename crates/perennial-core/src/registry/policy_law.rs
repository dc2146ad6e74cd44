//! Policies as registry entries: their versions, and what they may be attached to.

use serde::{Deserialize, Serialize};

use super::{Resource, resource::ArnError};
use crate::{
    ids::{CertificateId, PolicyName, ThingGroupName},
    policy::Scope,
};

/// The most versions of one policy.
pub const MAX_POLICY_VERSIONS: usize = 5;
/// The most policies attached to one certificate or group.
pub const MAX_POLICIES_ATTACHED: usize = 10;

/// A version's number; never given twice to one policy.
pub type PolicyVersionId = u32;

/// What a policy may be attached to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyTarget {
    /// A certificate.
    Certificate(CertificateId),
    /// Every thing in a group, or in one below it.
    ThingGroup(ThingGroupName),
}

/// Why something about a policy is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyRefused {
    /// DeleteConflictException.
    #[error("policy {0} is attached to something: detach it first")]
    Attached(PolicyName),
    /// DeleteConflictException.
    #[error("policy {0} has other versions than its default one: delete those first")]
    HasVersions(PolicyName),
    /// DeleteConflictException.
    #[error("version {version} of policy {policy} is its default one: make another the default")]
    IsDefault {
        /// The policy.
        policy: PolicyName,
        /// The version.
        version: PolicyVersionId,
    },
    /// VersionsLimitExceededException.
    #[error("policy {0} has {MAX_POLICY_VERSIONS} versions: delete one first")]
    TooManyVersions(PolicyName),
    /// LimitExceededException.
    #[error("it has {MAX_POLICIES_ATTACHED} policies, and may not have more: detach one first")]
    TooManyAttached,
    /// InvalidRequestException.
    #[error("a policy is attached to a certificate or a thing group, not to a {0}")]
    NoTarget(String),
    /// InvalidRequestException.
    #[error(transparent)]
    Arn(#[from] ArnError),
}

impl PolicyTarget {
    /// Reads a target's ARN.
    ///
    /// # Errors
    /// [`PolicyRefused::Arn`] or [`PolicyRefused::NoTarget`].
    pub fn parse(arn: &str, scope: &Scope) -> Result<Self, PolicyRefused> {
        match Resource::parse(arn, scope)? {
            Resource::Certificate(id) => Ok(Self::Certificate(id)),
            Resource::ThingGroup(name) => Ok(Self::ThingGroup(name)),
            other @ (Resource::Thing(_)
            | Resource::ThingType(_)
            | Resource::Policy(_)
            | Resource::CaCertificate(_)
            | Resource::Other { .. }) => Err(PolicyRefused::NoTarget(other.kind().to_owned())),
        }
    }

    /// Its ARN.
    pub fn arn(&self, scope: &Scope) -> String {
        match self {
            Self::Certificate(id) => scope.arn("cert", &id.to_string()),
            Self::ThingGroup(name) => scope.arn("thinggroup", name.as_str()),
        }
    }
}
