//! What can happen to a rotation: facts, in the past tense.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    ids::{CertificateId, Digest, RotationId},
    message::{ErrorCode, HookResult, Phase, RefusalCode},
    time::Timestamp,
    topic::Kind,
};

/// Who is known to have sent a message: never what its payload claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Sender {
    /// The principal of the session that published it, where the broker tells.
    pub session: Option<CertificateId>,
    /// The certificate whose key verifiably signed the message's proof.
    pub proven: Option<CertificateId>,
}

impl Sender {
    /// The sender whose session authenticated as `principal`, with no proof checked.
    pub const fn session(principal: CertificateId) -> Self {
        Self { session: Some(principal), proven: None }
    }

    /// Whether there is evidence that `certificate` sent it.
    pub fn is(&self, certificate: &CertificateId) -> bool {
        self.session.as_ref() == Some(certificate) || self.proven.as_ref() == Some(certificate)
    }
}

/// A CSR as the device sent it, unverified.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Csr {
    /// The PEM text.
    pub pem: Arc<str>,
    /// SHA-256 of that text.
    pub digest: Digest,
}

/// A CSR that did not do.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RefusedCsr {
    /// Which one.
    pub csr: Digest,
    /// Why, for the device.
    pub code: RefusalCode,
    /// In words.
    pub reason: String,
}

/// Whether it makes sense to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// It may work later.
    Retryable,
    /// It will not work.
    Permanent,
}

impl FaultKind {
    /// The same in words.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Retryable => "to be tried again",
            Self::Permanent => "for good",
        }
    }
}

/// A verb that did not work.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Fault {
    /// Whether to try again.
    pub kind: FaultKind,
    /// Why, in words.
    pub reason: String,
}

/// Where the device is when a deadline passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// Not connected.
    Offline,
    /// Connected as this principal.
    Online(CertificateId),
}

/// Who or what called a rotation off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cancellation {
    /// An operator.
    Operator,
    /// The outgoing certificate was deactivated, revoked or deleted by other hands.
    OutgoingWithdrawn,
}

impl Cancellation {
    /// The same in words.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Operator => "by an operator",
            Self::OutgoingWithdrawn => "since the outgoing certificate was withdrawn",
        }
    }
}

/// One fact about one rotation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "input", rename_all = "snake_case")]
pub enum Input {
    /// A `csr_res` arrived.
    CsrReceived {
        /// Who sent it.
        sender: Sender,
        /// The rotation it names, in the full form.
        rotation_id: Option<RotationId>,
        /// The CSR.
        csr: Csr,
    },
    /// A `crt_ack` arrived.
    AckReceived {
        /// Who sent it.
        sender: Sender,
        /// The rotation it names.
        rotation_id: Option<RotationId>,
        /// The certificate it names.
        certificate_id: Option<CertificateId>,
        /// How the device's hook ended, in the second ack of a device that has one.
        hook: Option<HookResult>,
    },
    /// A `crt_err` arrived.
    ErrReceived {
        /// Who sent it.
        sender: Sender,
        /// The rotation it names.
        rotation_id: Option<RotationId>,
        /// What went wrong.
        code: ErrorCode,
        /// In words.
        text: String,
        /// At which step.
        phase: Option<Phase>,
        /// What the device's clock shows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        device_time: Option<Timestamp>,
    },
    /// The device connected.
    DeviceConnected {
        /// The certificate it connected with.
        principal: CertificateId,
    },
    /// The device subscribed to its `csr_req` or `crt` topic: it can be reached.
    DeviceSubscribed {
        /// The certificate it is connected with.
        principal: CertificateId,
    },
    /// The certificate exists, INACTIVE, and is stored.
    CertificateIssued {
        /// The CSR it was issued for.
        csr: Digest,
        /// The certificate.
        incoming: CertificateId,
    },
    /// The CSR was found wanting.
    IssueRefused {
        /// The CSR.
        csr: Digest,
        /// Why, for the device.
        code: RefusalCode,
        /// In words.
        reason: String,
    },
    /// Issuing did not work.
    IssueFailed {
        /// The CSR.
        csr: Digest,
        /// Why.
        fault: Fault,
    },
    /// The incoming certificate has the outgoing one's thing and policies and is ACTIVE.
    Enrolled,
    /// Enrolling did not work.
    EnrollFailed {
        /// Why.
        fault: Fault,
    },
    /// The outgoing certificate is detached and deactivated.
    OutgoingRetired,
    /// The incoming certificate is detached and deactivated.
    IncomingRetired,
    /// Retiring either did not work.
    RetireFailed {
        /// Why.
        fault: Fault,
    },
    /// The time that the state waits for has come.
    DeadlinePassed {
        /// Where the device is.
        presence: Presence,
    },
    /// Somebody wants it to begin now.
    StartRequested,
    /// The rotation was called off.
    Cancelled {
        /// By whom.
        by: Cancellation,
    },
}

impl Input {
    /// The fact's name, for histories and tables.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::CsrReceived { .. } => "CsrReceived",
            Self::AckReceived { .. } => "AckReceived",
            Self::ErrReceived { .. } => "ErrReceived",
            Self::DeviceConnected { .. } => "DeviceConnected",
            Self::DeviceSubscribed { .. } => "DeviceSubscribed",
            Self::CertificateIssued { .. } => "CertificateIssued",
            Self::IssueRefused { .. } => "IssueRefused",
            Self::IssueFailed { .. } => "IssueFailed",
            Self::Enrolled => "Enrolled",
            Self::EnrollFailed { .. } => "EnrollFailed",
            Self::OutgoingRetired => "OutgoingRetired",
            Self::IncomingRetired => "IncomingRetired",
            Self::RetireFailed { .. } => "RetireFailed",
            Self::DeadlinePassed { .. } => "DeadlinePassed",
            Self::StartRequested => "StartRequested",
            Self::Cancelled { .. } => "Cancelled",
        }
    }

    /// Which management message it is, if it is one.
    pub const fn message_kind(&self) -> Option<Kind> {
        match self {
            Self::CsrReceived { .. } => Some(Kind::CsrRes),
            Self::AckReceived { .. } => Some(Kind::CrtAck),
            Self::ErrReceived { .. } => Some(Kind::CrtErr),
            Self::DeviceConnected { .. }
            | Self::DeviceSubscribed { .. }
            | Self::CertificateIssued { .. }
            | Self::IssueRefused { .. }
            | Self::IssueFailed { .. }
            | Self::Enrolled
            | Self::EnrollFailed { .. }
            | Self::OutgoingRetired
            | Self::IncomingRetired
            | Self::RetireFailed { .. }
            | Self::DeadlinePassed { .. }
            | Self::StartRequested
            | Self::Cancelled { .. } => None,
        }
    }

    /// The rotation that a device's message names, if it is one and names one.
    pub const fn named_rotation(&self) -> Option<&RotationId> {
        match self {
            Self::CsrReceived { rotation_id, .. }
            | Self::AckReceived { rotation_id, .. }
            | Self::ErrReceived { rotation_id, .. } => rotation_id.as_ref(),
            Self::DeviceConnected { .. }
            | Self::DeviceSubscribed { .. }
            | Self::CertificateIssued { .. }
            | Self::IssueRefused { .. }
            | Self::IssueFailed { .. }
            | Self::Enrolled
            | Self::EnrollFailed { .. }
            | Self::OutgoingRetired
            | Self::IncomingRetired
            | Self::RetireFailed { .. }
            | Self::DeadlinePassed { .. }
            | Self::StartRequested
            | Self::Cancelled { .. } => None,
        }
    }
}
