//! What people are to be told of: facts, each with the key that folds it and the key that tells it
//! from every other.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Kind, Severity};
use crate::{
    audit::TaskStatus,
    ids::{AuditTaskId, CertificateId, RotationId, RuleName, ThingName},
    message::HookResult,
    rotation::{Cancellation, Failure},
    time::{Timestamp, days},
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

/// How many days are left at most: one of the spans at which people are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Days(u16);

/// What somebody tried who may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attempts {
    /// To be let in: the TLS handshake failed.
    Handshakes,
    /// To connect.
    Connects,
    /// To publish, subscribe or leave a will.
    Actions,
}

/// Something that people are to be told of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum Fact {
    /// An audit ended.
    AuditCompleted {
        /// The task.
        task: AuditTaskId,
        /// The schedule that started it, if one did.
        schedule: Option<String>,
        /// How it ended.
        status: TaskStatus,
        /// How many checks found something.
        non_compliant_checks: usize,
        /// How many checks could not run.
        failed_checks: usize,
        /// How many checks there were.
        total_checks: usize,
    },
    /// A rotation ended without a new certificate in use.
    RotationFailed {
        /// The rotation.
        rotation_id: RotationId,
        /// Its thing.
        thing: ThingName,
        /// Why.
        reason: Failure,
        /// Whether a certificate had been issued and was withdrawn again.
        rolled_back: bool,
        /// When the certificate in use ends.
        ends_at: Timestamp,
    },
    /// A rotation waits for something that does not work.
    RotationStuck {
        /// The rotation.
        rotation_id: RotationId,
        /// Its thing.
        thing: ThingName,
        /// Whose work it waits for.
        waits_for: String,
        /// Why that does not work.
        reason: String,
        /// When the certificate in use ends.
        ends_at: Timestamp,
    },
    /// A certificate was rotated, but what its device ran afterwards failed.
    HookFailed {
        /// The rotation.
        rotation_id: RotationId,
        /// Its thing.
        thing: ThingName,
        /// How it ended.
        hook: HookResult,
    },
    /// A certificate that should be inactive could not be made so.
    CertificateLeftActive {
        /// The rotation.
        rotation_id: RotationId,
        /// Its thing.
        thing: ThingName,
        /// The certificate.
        certificate_id: CertificateId,
    },
    /// A device came back after its certificate's recovery was over.
    CertificateLapsed {
        /// Its thing.
        thing: ThingName,
        /// The certificate.
        certificate_id: CertificateId,
        /// When it ended.
        ended_at: Timestamp,
    },
    /// A device is away and its certificate ends soon.
    DeviceUnreachable {
        /// Its thing.
        thing: ThingName,
        /// The certificate.
        certificate_id: CertificateId,
        /// When it ends.
        ends_at: Timestamp,
        /// How many days are left at most.
        left: Days,
    },
    /// A CA certificate ends soon.
    AuthorityEnding {
        /// The certificate.
        certificate_id: CertificateId,
        /// Which, in words.
        name: String,
        /// When it ends.
        ends_at: Timestamp,
        /// How many days are left at most.
        left: Days,
    },
    /// The server's own certificate ends soon, though it is renewed when a third is left.
    ServerCertificateEnding {
        /// When it ends.
        ends_at: Timestamp,
        /// How many days are left at most.
        left: Days,
    },
    /// The store cannot be written or read.
    StoreTrouble {
        /// What could not be done, and why.
        reason: String,
    },
    /// The disk is nearly full.
    DiskLow {
        /// How many bytes are free.
        free: u64,
        /// How many there are.
        total: u64,
    },
    /// Somebody tried what they may not.
    Unauthorized {
        /// What.
        what: Attempts,
        /// How often since the last time that this was told.
        count: u64,
    },
    /// What an action of a topic rule delivers is given up.
    RuleFailing {
        /// The rule.
        rule: RuleName,
        /// Which of its actions: `actions[0]`, `errorAction`.
        place: String,
        /// Where the first of them was to go.
        resource: String,
        /// Why that was given up.
        reason: String,
        /// How many since the last time that this was told.
        count: u64,
    },
    /// What is published to a notice topic does not reach one of its subscribers any more.
    SubscriptionFailing {
        /// The notice topic.
        topic: String,
        /// The subscription.
        subscription: String,
        /// How the subscriber is reached.
        protocol: String,
        /// Why the first message was given up.
        reason: String,
    },
}

impl Fact {
    /// Its kind.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::AuditCompleted { .. } => Kind::AuditCompleted,
            Self::RotationFailed { rolled_back: true, .. } => Kind::RotationRolledBack,
            Self::RotationFailed { .. } => Kind::RotationFailed,
            Self::RotationStuck { .. } => Kind::RotationStuck,
            Self::HookFailed { .. } => Kind::HookFailed,
            Self::CertificateLeftActive { .. } => Kind::CertificateLeftActive,
            Self::CertificateLapsed { .. } => Kind::CertificateLapsed,
            Self::DeviceUnreachable { .. } => Kind::DeviceUnreachable,
            Self::AuthorityEnding { .. } => Kind::AuthorityEnding,
            Self::ServerCertificateEnding { .. } => Kind::ServerCertificateEnding,
            Self::StoreTrouble { .. } => Kind::StoreTrouble,
            Self::DiskLow { .. } => Kind::DiskLow,
            Self::Unauthorized { .. } => Kind::Unauthorized,
            Self::RuleFailing { .. } => Kind::RuleFailing,
            Self::SubscriptionFailing { .. } => Kind::SubscriptionFailing,
        }
    }

    /// How much it matters by itself; what is about a certificate that ends within days matters
    /// more.
    pub const fn severity(&self) -> Severity {
        match self {
            Self::AuditCompleted { non_compliant_checks: 0, failed_checks: 0, .. }
            | Self::RotationFailed { reason: Failure::Cancelled { .. }, .. } => Severity::Info,
            Self::RotationFailed { reason: Failure::Expired, .. }
            | Self::CertificateLeftActive { .. }
            | Self::CertificateLapsed { .. }
            | Self::StoreTrouble { .. }
            | Self::DiskLow { .. } => Severity::Critical,
            Self::AuditCompleted { .. }
            | Self::RotationFailed { .. }
            | Self::RotationStuck { .. }
            | Self::HookFailed { .. }
            | Self::DeviceUnreachable { .. }
            | Self::AuthorityEnding { .. }
            | Self::ServerCertificateEnding { .. }
            | Self::Unauthorized { .. }
            | Self::RuleFailing { .. }
            | Self::SubscriptionFailing { .. } => Severity::Warning,
        }
    }

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

    /// How many it stands for.
    pub const fn count(&self) -> u64 {
        match self {
            Self::Unauthorized { count, .. } | Self::RuleFailing { count, .. } => *count,
            Self::AuditCompleted { .. }
            | Self::RotationFailed { .. }
            | Self::RotationStuck { .. }
            | Self::HookFailed { .. }
            | Self::CertificateLeftActive { .. }
            | Self::CertificateLapsed { .. }
            | Self::DeviceUnreachable { .. }
            | Self::AuthorityEnding { .. }
            | Self::ServerCertificateEnding { .. }
            | Self::StoreTrouble { .. }
            | Self::DiskLow { .. }
            | Self::SubscriptionFailing { .. } => 1,
        }
    }

    /// When the certificate in use ends that it is about, if it is about one that will.
    pub const fn ends_at(&self) -> Option<Timestamp> {
        match self {
            Self::RotationFailed { reason: Failure::Cancelled { .. }, .. } => None,
            Self::RotationFailed { ends_at, .. }
            | Self::RotationStuck { ends_at, .. }
            | Self::DeviceUnreachable { ends_at, .. }
            | Self::AuthorityEnding { ends_at, .. }
            | Self::ServerCertificateEnding { ends_at, .. } => Some(*ends_at),
            Self::AuditCompleted { .. }
            | Self::HookFailed { .. }
            | Self::CertificateLeftActive { .. }
            | Self::CertificateLapsed { .. }
            | Self::StoreTrouble { .. }
            | Self::DiskLow { .. }
            | Self::Unauthorized { .. }
            | Self::RuleFailing { .. }
            | Self::SubscriptionFailing { .. } => None,
        }
    }

    /// The rotation that it is about, if it is about one: people were told of it when this is told.
    pub const fn rotation_id(&self) -> Option<RotationId> {
        match self {
            Self::RotationFailed { rotation_id, .. }
            | Self::RotationStuck { rotation_id, .. }
            | Self::HookFailed { rotation_id, .. }
            | Self::CertificateLeftActive { rotation_id, .. } => Some(*rotation_id),
            Self::AuditCompleted { .. }
            | Self::CertificateLapsed { .. }
            | Self::DeviceUnreachable { .. }
            | Self::AuthorityEnding { .. }
            | Self::ServerCertificateEnding { .. }
            | Self::StoreTrouble { .. }
            | Self::DiskLow { .. }
            | Self::Unauthorized { .. }
            | Self::RuleFailing { .. }
            | Self::SubscriptionFailing { .. } => None,
        }
    }

    /// What it is about: a thing, a certificate, a task.
    pub fn subject(&self) -> String {
        match self {
            Self::AuditCompleted { task, .. } => format!("audit {task}"),
            Self::RotationFailed { thing, .. }
            | Self::RotationStuck { thing, .. }
            | Self::HookFailed { thing, .. }
            | Self::CertificateLeftActive { thing, .. }
            | Self::CertificateLapsed { thing, .. }
            | Self::DeviceUnreachable { thing, .. } => thing.to_string(),
            Self::AuthorityEnding { name, .. } => name.clone(),
            Self::ServerCertificateEnding { .. } => "the server's certificate".to_owned(),
            Self::StoreTrouble { .. } => "the store".to_owned(),
            Self::DiskLow { .. } => "the disk with the data folder".to_owned(),
            Self::Unauthorized { .. } => "the broker".to_owned(),
            Self::RuleFailing { rule, .. } => format!("rule {rule}"),
            Self::SubscriptionFailing { topic, .. } => format!("notice topic {topic}"),
        }
    }
}

impl fmt::Display for Fact {
    /// What happened, in words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AuditCompleted {
                non_compliant_checks,
                failed_checks,
                total_checks,
                status,
                ..
            } => {
                let ended = match status {
                    TaskStatus::Canceled => "was stopped",
                    TaskStatus::Failed => "failed",
                    TaskStatus::InProgress | TaskStatus::Completed => "ended",
                };
                write!(
                    f,
                    "{ended}: of {total_checks} checks {non_compliant_checks} found something, \
                     {failed_checks} could not run"
                )
            }
            Self::RotationFailed { rotation_id, reason, .. } => {
                write!(f, "{reason} (rotation {rotation_id})")
            }
            Self::RotationStuck { rotation_id, waits_for, reason, .. } => {
                write!(f, "still waits for {waits_for}: {reason} (rotation {rotation_id})")
            }
            Self::HookFailed { hook: HookResult { exit_code }, rotation_id, .. } => match exit_code
            {
                Some(code) => write!(f, "its hook ended with {code} (rotation {rotation_id})"),
                None => write!(f, "its hook did not end by itself (rotation {rotation_id})"),
            },
            Self::CertificateLeftActive { certificate_id, .. } => {
                write!(f, "certificate {certificate_id} is still ACTIVE: deactivate it")
            }
            Self::CertificateLapsed { certificate_id, .. } => {
                write!(f, "certificate {certificate_id} may not recover any more: enrol it again")
            }
            Self::DeviceUnreachable { certificate_id, left, .. } => {
                write!(f, "away, and certificate {certificate_id} ends within {left}")
            }
            Self::AuthorityEnding { certificate_id, left, .. } => {
                write!(f, "its certificate {certificate_id} ends within {left}")
            }
            Self::ServerCertificateEnding { left, .. } => {
                write!(f, "ends within {left} and was not renewed")
            }
            Self::StoreTrouble { reason } => f.write_str(reason),
            Self::DiskLow { free, total } => {
                write!(f, "{} MiB of {} MiB are free", free >> 20, total >> 20)
            }
            Self::Unauthorized { what, count } => write!(f, "{count} {}", what.in_words()),
            Self::RuleFailing { place, resource, reason, count, .. } => {
                write!(f, "{place} gave {count} up, the first for {resource}: {reason}")
            }
            Self::SubscriptionFailing { subscription, protocol, reason, .. } => {
                write!(f, "subscription {subscription} ({protocol}) gets nothing: {reason}")
            }
        }
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

impl Attempts {
    /// All.
    pub const ALL: [Self; 3] = [Self::Handshakes, Self::Connects, Self::Actions];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Handshakes => "handshakes",
            Self::Connects => "connects",
            Self::Actions => "actions",
        }
    }

    const fn in_words(self) -> &'static str {
        match self {
            Self::Handshakes => "TLS handshakes failed",
            Self::Connects => "CONNECTs were refused",
            Self::Actions => "publishes, subscriptions or wills were not allowed",
        }
    }
}

impl Days {
    /// When people are told, unless they say otherwise.
    pub const USUAL: [Self; 5] = [Self(30), Self(14), Self(7), Self(3), Self(1)];

    /// This many days.
    pub const fn new(days: u16) -> Self {
        Self(days)
    }

    /// The shortest of these spans that has not begun later than now.
    pub fn left(ends_at: Timestamp, spans: &[Self], now: Timestamp) -> Option<Self> {
        let begun = spans.iter().filter(|it| ends_at.since(now) <= it.span());
        begun.min().copied()
    }

    /// As a span.
    pub fn span(self) -> Duration {
        days(u64::from(self.0))
    }
}

impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => f.write_str("a day"),
            more => write!(f, "{more} days"),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_span_that_has_begun_counts() {
        let now = Timestamp::from_secs(1_000_000);
        let left = |in_days: u64, more: u64| {
            let ends_at = now + days(in_days) + Duration::from_secs(more);
            Days::left(ends_at, &Days::USUAL, now).map(|it| it.0)
        };

        assert_eq!(left(30, 1), None);
        assert_eq!(left(30, 0), Some(30));
        assert_eq!(left(14, 1), Some(30));
        assert_eq!(left(3, 1), Some(7));
        assert_eq!(left(3, 0), Some(3));
        assert_eq!(left(0, 1), Some(1));
    }
}
