//! What can happen to a device: facts, in the past tense.

use super::Slot;
use crate::{
    ids::{CertificateId, RotationId},
    message::{ErrorCode, HookResult, RefusalCode},
    topic::Kind,
};

/// What came of checking a delivered certificate.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Checked {
    /// It is the candidate's, it chains, it names this device, it is valid, and it is stored.
    Good(CertificateId),
    /// It cannot be used.
    Bad {
        /// Why.
        code: ErrorCode,
        /// In words.
        text: String,
    },
}

/// Why no connection came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConnectFailure {
    /// The broker answered and refused the credential.
    Rejected,
    /// No broker, or not one this device trusts, answered.
    Unreachable,
}

/// One fact. A `draw` is a random number, uniform over all of `u32`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Input {
    /// The device started.
    Booted,
    /// A session is up with the credential that is in `slot`; another session, if any, is over.
    /// Only for the latest [`Command::Connect`](super::Command::Connect), and only while its
    /// generation still is in `slot`; any other session that comes about is to be closed.
    Connected {
        /// The credential.
        slot: Slot,
    },
    /// Connecting with `slot` failed; a session that was up still is.
    ConnectFailed {
        /// The credential.
        slot: Slot,
        /// Why.
        failure: ConnectFailure,
        /// Jitter for the next try.
        draw: u32,
    },
    /// The session that was up is over.
    Disconnected {
        /// Jitter for the next try.
        draw: u32,
    },
    /// A `csr_req` arrived.
    CsrRequested {
        /// The rotation.
        rotation_id: Option<RotationId>,
        /// Whether a new key is wanted.
        rekey: bool,
        /// Whether it says that the candidate's own CSR was refused.
        refused: bool,
    },
    /// The candidate key or its CSR could not be made.
    CsrFailed {
        /// Why.
        code: ErrorCode,
        /// In words.
        text: String,
    },
    /// A `crt` arrived and was checked, against the candidate if there is one.
    CertificateReceived {
        /// The rotation.
        rotation_id: Option<RotationId>,
        /// What came of it.
        checked: Checked,
    },
    /// A `refused` arrived.
    Refused {
        /// The message it is about.
        about: Kind,
        /// Why.
        code: RefusalCode,
        /// The rotation.
        rotation_id: Option<RotationId>,
    },
    /// The broker acknowledged (PUBACK) the message of this kind that was sent last.
    Delivered {
        /// The kind.
        kind: Kind,
    },
    /// The hook ended.
    HookEnded {
        /// How.
        hook: HookResult,
    },
    /// The time asked for by [`Command::Wake`](super::Command::Wake) has come.
    Woke,
}

impl Input {
    /// The fact's name, for logs and tables.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Booted => "Booted",
            Self::Connected { .. } => "Connected",
            Self::ConnectFailed { .. } => "ConnectFailed",
            Self::Disconnected { .. } => "Disconnected",
            Self::CsrRequested { .. } => "CsrRequested",
            Self::CsrFailed { .. } => "CsrFailed",
            Self::CertificateReceived { .. } => "CertificateReceived",
            Self::Refused { .. } => "Refused",
            Self::Delivered { .. } => "Delivered",
            Self::HookEnded { .. } => "HookEnded",
            Self::Woke => "Woke",
        }
    }
}
