//! Where a rotation stands: what is persisted after each step.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    AwaitingAck, AwaitingCsr, Cancellation, ClockSkew, Enrolling, Failed, Issuing, Retiring,
    RollingBack, Rotated,
};
use crate::{
    ids::CertificateId,
    message::{ErrorCode, RefusalCode},
    time::Timestamp,
};

/// The state of one rotation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "state")]
pub enum State {
    /// Waits to ask, or for the device's CSR.
    AwaitingCsr(AwaitingCsr),
    /// Waits for the authority.
    Issuing(Issuing),
    /// Waits for the registry to attach and activate the incoming certificate.
    Enrolling(Enrolling),
    /// Waits for evidence that the device uses the incoming certificate.
    AwaitingAck(AwaitingAck),
    /// Waits for the registry to withdraw the outgoing certificate.
    Retiring(Retiring),
    /// Done: the device proved the incoming certificate, the outgoing one is withdrawn.
    Rotated(Rotated),
    /// Waits for the registry to withdraw the incoming certificate.
    RollingBack(RollingBack),
    /// Ended without the device proving an incoming certificate.
    Failed(Failed),
}

/// How a rotation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The incoming certificate is in use.
    Rotated,
    /// An incoming certificate was issued and withdrawn again.
    RolledBack,
    /// The device was not there.
    Unreachable,
    /// Anything else went wrong.
    Failed,
}

/// Why a rotation failed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "failure", rename_all = "snake_case")]
pub enum Failure {
    /// The device was not connected when the time ran out.
    Unreachable,
    /// The outgoing certificate expired, and its recovery ended, while the device was away.
    Expired,
    /// The device was connected but sent no CSR.
    NoAnswer,
    /// The device's CSRs were refused.
    CsrRefused {
        /// Why the last one was.
        code: RefusalCode,
        /// In words.
        reason: String,
    },
    /// The authority could not issue.
    IssuingFailed {
        /// Why.
        reason: String,
    },
    /// The registry could not attach or activate the incoming certificate.
    EnrollingFailed {
        /// Why.
        reason: String,
    },
    /// The device never proved the incoming certificate.
    NoAck,
    /// The device said it cannot go through with it.
    DeviceRefused {
        /// Its code.
        code: ErrorCode,
        /// Its words.
        text: String,
        /// How far its clock is off, if it said what it shows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        skew: Option<ClockSkew>,
    },
    /// It was called off.
    Cancelled {
        /// By whom.
        by: Cancellation,
    },
    /// The incoming certificate is proven, but the outgoing one could not be withdrawn.
    RetiringFailed {
        /// Why.
        reason: String,
    },
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable => f.write_str("the device was away until the time ran out"),
            Self::Expired => f.write_str(
                "the certificate expired and its recovery ended while the device was away: \
                 enrol the device again",
            ),
            Self::NoAnswer => f.write_str("the device was connected but sent no CSR"),
            Self::CsrRefused { reason, .. } => write!(f, "the device's CSR was refused: {reason}"),
            Self::IssuingFailed { reason } => write!(f, "no certificate could be issued: {reason}"),
            Self::EnrollingFailed { reason } => {
                write!(f, "the incoming certificate could not be enrolled: {reason}")
            }
            Self::NoAck => f.write_str("the device never proved the incoming certificate"),
            Self::DeviceRefused { code, text, skew } => {
                let code = code.as_str();
                match skew.filter(|skew| skew.is_noticeable()) {
                    None => write!(f, "the device gave up: {text} ({code})"),
                    Some(skew) => {
                        write!(f, "the device, whose clock is {skew}, gave up: {text} ({code})")
                    }
                }
            }
            Self::Cancelled { by: Cancellation::Operator } => {
                f.write_str("an operator cancelled it")
            }
            Self::Cancelled { by: Cancellation::OutgoingWithdrawn } => {
                f.write_str("the outgoing certificate was withdrawn while it was open")
            }
            Self::RetiringFailed { reason } => {
                write!(f, "the outgoing certificate could not be withdrawn: {reason}")
            }
        }
    }
}

impl Failure {
    /// The failure's name, as it is stored.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Expired => "expired",
            Self::NoAnswer => "no_answer",
            Self::CsrRefused { .. } => "csr_refused",
            Self::IssuingFailed { .. } => "issuing_failed",
            Self::EnrollingFailed { .. } => "enrolling_failed",
            Self::NoAck => "no_ack",
            Self::DeviceRefused { .. } => "device_refused",
            Self::Cancelled { .. } => "cancelled",
            Self::RetiringFailed { .. } => "retiring_failed",
        }
    }
}

impl State {
    /// The names of all states, in the order in which a rotation goes through them.
    pub const NAMES: [&str; 8] = [
        "AwaitingCsr",
        "Issuing",
        "Enrolling",
        "AwaitingAck",
        "Retiring",
        "Rotated",
        "RollingBack",
        "Failed",
    ];

    /// The state's name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::AwaitingCsr(_) => "AwaitingCsr",
            Self::Issuing(_) => "Issuing",
            Self::Enrolling(_) => "Enrolling",
            Self::AwaitingAck(_) => "AwaitingAck",
            Self::Retiring(_) => "Retiring",
            Self::Rotated(_) => "Rotated",
            Self::RollingBack(_) => "RollingBack",
            Self::Failed(_) => "Failed",
        }
    }

    /// When the state wants a [`DeadlinePassed`](super::Input::DeadlinePassed); `None` once closed.
    pub const fn due_at(&self) -> Option<Timestamp> {
        match self {
            Self::AwaitingCsr(state) => Some(state.due_at),
            Self::Issuing(state) => Some(state.due_at),
            Self::Enrolling(state) => Some(state.due_at),
            Self::AwaitingAck(state) => Some(state.due_at),
            Self::Retiring(state) => Some(state.due_at),
            Self::RollingBack(state) => Some(state.due_at),
            Self::Rotated(_) | Self::Failed(_) => None,
        }
    }

    /// Whether anything can still happen.
    pub const fn is_open(&self) -> bool {
        self.due_at().is_some()
    }

    /// The incoming certificate, once there is one.
    pub const fn incoming(&self) -> Option<&CertificateId> {
        match self {
            Self::AwaitingCsr(_) | Self::Issuing(_) => None,
            Self::Enrolling(state) => Some(&state.incoming),
            Self::AwaitingAck(state) => Some(&state.incoming),
            Self::Retiring(state) => Some(&state.incoming),
            Self::Rotated(state) => Some(&state.incoming),
            Self::RollingBack(state) => Some(&state.incoming),
            Self::Failed(state) => state.incoming.as_ref(),
        }
    }

    /// How it ended; `None` while it is open.
    pub const fn outcome(&self) -> Option<Outcome> {
        match self {
            Self::Rotated(_) => Some(Outcome::Rotated),
            Self::Failed(Failed { rolled_back: true, .. }) => Some(Outcome::RolledBack),
            Self::Failed(Failed { reason: Failure::Unreachable | Failure::Expired, .. }) => {
                Some(Outcome::Unreachable)
            }
            Self::Failed(_) => Some(Outcome::Failed),
            Self::AwaitingCsr(_)
            | Self::Issuing(_)
            | Self::Enrolling(_)
            | Self::AwaitingAck(_)
            | Self::Retiring(_)
            | Self::RollingBack(_) => None,
        }
    }
}
