//! What the device's machine wants done: commands, in the imperative. Each may be repeated.

use std::time::Duration;

use super::{Generation, Slot};
use crate::{
    ids::{CertificateId, RotationId},
    message::{ErrorCode, HookResult, Phase},
};

/// One thing to do, after the durable part is on disk.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Command {
    /// Connect with a credential; a later one of these replaces an earlier one that still waits.
    /// A session that is up stays up until the new one is.
    Connect {
        /// Its role.
        slot: Slot,
        /// The credential.
        generation: Generation,
        /// How long to wait first.
        after_for: Duration,
    },
    /// Make sure that the generation has a durable key (a copy of the current one's unless
    /// `rekey`) and a CSR that is made once and kept, then publish that as `csr_res`. Outcome on failure: `CsrFailed`.
    SendCsr {
        /// The rotation.
        rotation_id: Option<RotationId>,
        /// The credential in the making.
        generation: Generation,
        /// Whether it gets a key of its own.
        rekey: bool,
    },
    /// Publish `crt_ack`.
    SendAck {
        /// The rotation.
        rotation_id: Option<RotationId>,
        /// The certificate proven; its key signs the proof.
        certificate_id: CertificateId,
        /// How the hook ended, once it has.
        hook: Option<HookResult>,
    },
    /// Publish `crt_err`.
    SendErr {
        /// The rotation.
        rotation_id: Option<RotationId>,
        /// Why.
        code: ErrorCode,
        /// In words.
        text: String,
        /// At which step.
        phase: Phase,
    },
    /// Run the hook. Outcome: `HookEnded`.
    RunHook {
        /// The certificate now in use.
        certificate_id: CertificateId,
    },
    /// Delete a credential that no slot has any more.
    Forget {
        /// The credential.
        generation: Generation,
    },
    /// Put `Woke` in after this time; replaces an earlier wish.
    Wake {
        /// How long.
        after_for: Duration,
    },
}

impl Command {
    /// The command's name, for logs and tables.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Connect { .. } => "Connect",
            Self::SendCsr { .. } => "SendCsr",
            Self::SendAck { .. } => "SendAck",
            Self::SendErr { .. } => "SendErr",
            Self::RunHook { .. } => "RunHook",
            Self::Forget { .. } => "Forget",
            Self::Wake { .. } => "Wake",
        }
    }
}
