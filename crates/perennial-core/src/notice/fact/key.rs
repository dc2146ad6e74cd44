//! What a fact is known by: the key that folds it with others, and the key that tells it from every
//! other.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Fact;
use crate::{
    ids::RuleName,
    notice::Kind,
    rotation::{Cancellation, Failure},
};

/// What folds facts into one notice. Of each kind there are as many as there are reasons, spans,
/// schedules, actions of rules or notice topics: never one a device.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FoldKey(String);

/// What tells a fact from every other: the same fact, told twice, counts once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FactKey(String);

impl Fact {
    /// What folds it with others.
    pub fn fold_key(&self) -> FoldKey {
        let kind = self.kind().name();
        let which = match self {
            Self::AuditCompleted { schedule, .. } => {
                schedule.clone().unwrap_or_else(|| "on-demand".to_owned())
            }
            Self::RotationFailed { reason, .. } => because(reason),
            Self::RotationStuck { waits_for, .. } => {
                waits_for.trim_start_matches("the ").to_owned()
            }
            Self::DeviceUnreachable { left, .. } => left.0.to_string(),
            Self::AuthorityEnding { certificate_id, left, .. } => {
                format!("{certificate_id}/{}", left.0)
            }
            Self::ServerCertificateEnding { left, .. } => left.0.to_string(),
            Self::Unauthorized { what, .. } => what.name().to_owned(),
            Self::RuleFailing { rule, place, .. } => return FoldKey::rule_failing(rule, place),
            Self::SubscriptionFailing { topic, .. } => {
                return FoldKey::subscription_failing(topic);
            }
            Self::HookFailed { .. }
            | Self::CertificateLeftActive { .. }
            | Self::CertificateLapsed { .. }
            | Self::StoreTrouble { .. }
            | Self::DiskLow { .. } => return FoldKey(kind.to_owned()),
        };
        FoldKey(format!("{kind}/{which}"))
    }

    /// What tells it from every other; `None` where each telling counts.
    pub fn key(&self) -> Option<FactKey> {
        let kind = self.kind().name();
        let which = match self {
            Self::AuditCompleted { task, .. } => task.to_string(),
            // A rotation fails once, and by the second telling it may be known otherwise why.
            Self::RotationFailed { rotation_id, .. } => {
                return Some(FactKey(format!("rotation_ended/{rotation_id}")));
            }
            Self::RotationStuck { rotation_id, waits_for, .. } => {
                format!("{rotation_id}/{waits_for}")
            }
            Self::HookFailed { rotation_id, .. } => rotation_id.to_string(),
            Self::CertificateLeftActive { certificate_id, .. } => certificate_id.to_string(),
            Self::CertificateLapsed { thing, certificate_id, .. } => {
                format!("{certificate_id}/{thing}")
            }
            Self::DeviceUnreachable { certificate_id, left, .. }
            | Self::AuthorityEnding { certificate_id, left, .. } => {
                format!("{certificate_id}/{}", left.0)
            }
            Self::ServerCertificateEnding { ends_at, left } => {
                format!("{}/{}", ends_at.as_millis(), left.0)
            }
            Self::StoreTrouble { .. }
            | Self::DiskLow { .. }
            | Self::Unauthorized { .. }
            | Self::RuleFailing { .. }
            | Self::SubscriptionFailing { .. } => return None,
        };
        Some(FactKey(format!("{kind}/{which}")))
    }
}

/// A failure's name, with what it has of codes: there are few of each.
fn because(reason: &Failure) -> String {
    let name = reason.name();
    match reason {
        Failure::DeviceRefused { code, .. } => format!("{name}/{}", code.as_str()),
        Failure::Cancelled { by: Cancellation::Operator } => format!("{name}/operator"),
        Failure::Cancelled { by: Cancellation::OutgoingWithdrawn } => {
            format!("{name}/outgoing_withdrawn")
        }
        Failure::CsrRefused { .. }
        | Failure::Unreachable
        | Failure::Expired
        | Failure::NoAnswer
        | Failure::IssuingFailed { .. }
        | Failure::EnrollingFailed { .. }
        | Failure::NoAck
        | Failure::RetiringFailed { .. } => name.to_owned(),
    }
}

impl FoldKey {
    /// Of what an action of a rule cannot deliver.
    pub fn rule_failing(rule: &RuleName, place: &str) -> Self {
        Self(format!("{}/{rule}/{place}", Kind::RuleFailing.name()))
    }

    /// Of a notice topic's subscribers who get nothing.
    pub fn subscription_failing(topic: &str) -> Self {
        Self(format!("{}/{topic}", Kind::SubscriptionFailing.name()))
    }
}

macro_rules! text {
    ($($name:ident),+) => {
        $(impl $name {
            /// Its text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<String> for $name {
            /// As it was written once.
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        })+
    };
}

text!(FoldKey, FactKey);
