//! What a rotation wants done: commands, in the imperative. Each is idempotent per rotation.

use serde::{Deserialize, Serialize};

use super::{Csr, Failure, RefusedCsr};
use crate::{
    ids::{CertificateId, RotationId},
    message::{HookResult, RefusalCode},
    topic::Kind,
};

/// One thing to do for one rotation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Publish `csr_req`.
    RequestCsr {
        /// The CSR that was refused last: the device must make another.
        refused: Option<RefusedCsr>,
    },
    /// Check the CSR and issue an INACTIVE certificate for it; the same rotation always gets the
    /// same certificate. Outcome: `CertificateIssued`, `IssueRefused` or `IssueFailed`.
    Issue {
        /// The CSR.
        csr: Csr,
    },
    /// Attach the outgoing certificate's policies and thing to the incoming one, then activate it.
    /// Outcome: `Enrolled` or `EnrollFailed`.
    Enroll {
        /// The incoming certificate.
        incoming: CertificateId,
    },
    /// Publish `crt`.
    DeliverCertificate {
        /// The incoming certificate.
        incoming: CertificateId,
    },
    /// Detach and deactivate the outgoing certificate, and delete it after its grace.
    /// Outcome: `OutgoingRetired` or `RetireFailed`.
    RetireOutgoing,
    /// Detach and deactivate the incoming certificate.
    /// Outcome: `IncomingRetired` or `RetireFailed`.
    RetireIncoming {
        /// The incoming certificate.
        incoming: CertificateId,
    },
    /// Publish `refused`: a message of the device's did not count.
    Refuse {
        /// The kind of message.
        about: Kind,
        /// Why.
        code: RefusalCode,
        /// In words, where there is more to say than the code does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// The rotation that the message had named, or that ends for it.
        rotation_id: Option<RotationId>,
    },
    /// Tell people.
    Notify {
        /// What happened.
        notice: Notice,
    },
}

/// What people are told about a rotation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "notice", rename_all = "snake_case")]
pub enum Notice {
    /// It ended without a new certificate in use.
    RotationFailed {
        /// Why.
        reason: Failure,
        /// Whether a certificate had been issued and was withdrawn again.
        #[serde(default)]
        rolled_back: bool,
    },
    /// It does not get on: something was tried often and does not work.
    RotationStuck {
        /// Whose verb it is.
        waits_for: String,
        /// Why it does not work.
        reason: String,
    },
    /// The certificate was rotated, but what the device ran afterwards failed.
    HookFailed {
        /// How it ended.
        hook: HookResult,
    },
    /// A certificate that should be inactive could not be made so.
    CertificateLeftActive {
        /// The certificate.
        certificate_id: CertificateId,
    },
}

impl Command {
    /// The command's name, for histories and tables.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::RequestCsr { .. } => "RequestCsr",
            Self::Issue { .. } => "Issue",
            Self::Enroll { .. } => "Enroll",
            Self::DeliverCertificate { .. } => "DeliverCertificate",
            Self::RetireOutgoing => "RetireOutgoing",
            Self::RetireIncoming { .. } => "RetireIncoming",
            Self::Refuse { .. } => "Refuse",
            Self::Notify { .. } => "Notify",
        }
    }
}
