//! What people are to be told of.

mod key;
mod words;

use serde::{Deserialize, Serialize};

pub use self::key::{FactKey, FoldKey};
use super::{Attempts, Days, Kind, Severity};
use crate::{
    audit::TaskStatus,
    ids::{AuditTaskId, CertificateId, RotationId, RuleName, ThingName},
    message::HookResult,
    rotation::Failure,
    time::Timestamp,
};

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
}
