//! Kinds of notice.

use serde::{Deserialize, Serialize};

/// What a notice is about. There is none for campaigns: there are no campaigns yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An audit ended.
    AuditCompleted,
    /// A rotation ended without a certificate having been issued and withdrawn.
    RotationFailed,
    /// A rotation ended and its incoming certificate was withdrawn.
    RotationRolledBack,
    /// A rotation does not get on.
    RotationStuck,
    /// What a device ran after its rotation failed.
    HookFailed,
    /// A certificate that should be inactive could not be made so.
    CertificateLeftActive,
    /// A device came back after its certificate's recovery was over.
    CertificateLapsed,
    /// A device is away and its certificate ends soon.
    DeviceUnreachable,
    /// A CA certificate ends soon.
    AuthorityEnding,
    /// The server's own certificate ends soon.
    ServerCertificateEnding,
    /// The store cannot be written or read.
    StoreTrouble,
    /// The disk is nearly full.
    DiskLow,
    /// Somebody tried what they may not.
    Unauthorized,
    /// A topic rule's deliveries fail.
    RuleFailing,
    /// A notice topic's subscribers get nothing.
    SubscriptionFailing,
}

impl Kind {
    /// All.
    pub const ALL: [Self; 15] = [
        Self::AuditCompleted,
        Self::RotationFailed,
        Self::RotationRolledBack,
        Self::RotationStuck,
        Self::HookFailed,
        Self::CertificateLeftActive,
        Self::CertificateLapsed,
        Self::DeviceUnreachable,
        Self::AuthorityEnding,
        Self::ServerCertificateEnding,
        Self::StoreTrouble,
        Self::DiskLow,
        Self::Unauthorized,
        Self::RuleFailing,
        Self::SubscriptionFailing,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AuditCompleted => "audit_completed",
            Self::RotationFailed => "rotation_failed",
            Self::RotationRolledBack => "rotation_rolled_back",
            Self::RotationStuck => "rotation_stuck",
            Self::HookFailed => "hook_failed",
            Self::CertificateLeftActive => "certificate_left_active",
            Self::CertificateLapsed => "certificate_lapsed",
            Self::DeviceUnreachable => "device_unreachable",
            Self::AuthorityEnding => "authority_ending",
            Self::ServerCertificateEnding => "server_certificate_ending",
            Self::StoreTrouble => "store_trouble",
            Self::DiskLow => "disk_low",
            Self::Unauthorized => "unauthorized",
            Self::RuleFailing => "rule_failing",
            Self::SubscriptionFailing => "subscription_failing",
        }
    }

    /// In words, of one or many.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::AuditCompleted => "audit completed",
            Self::RotationFailed => "rotation failed",
            Self::RotationRolledBack => "rotation rolled back",
            Self::RotationStuck => "rotation stuck",
            Self::HookFailed => "device's hook failed",
            Self::CertificateLeftActive => "certificate left active",
            Self::CertificateLapsed => "device came back too late",
            Self::DeviceUnreachable => "device unreachable",
            Self::AuthorityEnding => "CA certificate ends soon",
            Self::ServerCertificateEnding => "server certificate ends soon",
            Self::StoreTrouble => "store in trouble",
            Self::DiskLow => "disk nearly full",
            Self::Unauthorized => "unauthorised attempts",
            Self::RuleFailing => "rule's deliveries fail",
            Self::SubscriptionFailing => "subscriber gets nothing",
        }
    }

    /// Whether it is about deliveries that fail. People are not told that a message of such a notice
    /// could not be delivered: it would lead to the next.
    pub const fn is_about_deliveries(self) -> bool {
        match self {
            Self::RuleFailing | Self::SubscriptionFailing => true,
            Self::AuditCompleted
            | Self::RotationFailed
            | Self::RotationRolledBack
            | Self::RotationStuck
            | Self::HookFailed
            | Self::CertificateLeftActive
            | Self::CertificateLapsed
            | Self::DeviceUnreachable
            | Self::AuthorityEnding
            | Self::ServerCertificateEnding
            | Self::StoreTrouble
            | Self::DiskLow
            | Self::Unauthorized => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_written_by_its_name() {
        for kind in Kind::ALL {
            assert_eq!(serde_json::json!(kind), kind.name());
        }
    }
}
