//! What a device remembers: durably where it stands, and fleetingly how its link is.

use serde::{Deserialize, Serialize};

use super::{Generation, Slot, Slots};
use crate::{
    ids::{CertificateId, RotationId},
    message::{ErrorCode, HookResult, Phase},
};

/// The durable part: one document on disk, replaced as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Device {
    /// Which credential has which role.
    pub slots: Slots,
    /// Where the rotation stands.
    pub state: State,
}

impl Device {
    /// A device that holds one credential and has never rotated.
    pub const fn holding(current: Generation) -> Self {
        Self { slots: Slots::holding(current), state: State::Steady { finished: None } }
    }
}

/// Where a device stands. `rotation_id` is `None` while a server speaks only the bare form.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "state")]
pub enum State {
    /// No rotation is under way.
    Steady {
        /// The rotation that ended last; late messages of it are ignored.
        finished: Option<RotationId>,
    },
    /// A candidate key exists, or is to be made, and its certificate has not come.
    AwaitingCertificate {
        /// The rotation.
        rotation_id: Option<RotationId>,
        /// Whether the candidate has a key of its own.
        rekey: bool,
    },
    /// The candidate's certificate is stored; it is to be connected with.
    Trying {
        /// The rotation.
        rotation_id: Option<RotationId>,
        /// The candidate's certificate.
        certificate_id: CertificateId,
    },
    /// The candidate connected; the server is to know.
    Acknowledging {
        /// The rotation.
        rotation_id: Option<RotationId>,
        /// The candidate's certificate.
        certificate_id: CertificateId,
    },
    /// The candidate was promoted; the hook is to run.
    RunningHook {
        /// The rotation.
        rotation_id: Option<RotationId>,
        /// The certificate now in use.
        certificate_id: CertificateId,
    },
    /// The hook ran; the server is to know.
    ReportingHook {
        /// The rotation.
        rotation_id: Option<RotationId>,
        /// The certificate now in use.
        certificate_id: CertificateId,
        /// How the hook ended.
        hook: HookResult,
    },
    /// The rotation was given up; the server is to know.
    Reporting {
        /// The rotation.
        rotation_id: Option<RotationId>,
        /// The candidate's certificate, if it had come and was good.
        certificate_id: Option<CertificateId>,
        /// Why.
        code: ErrorCode,
        /// In words.
        text: String,
        /// At which step.
        phase: Phase,
    },
}

impl State {
    /// The state's name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Steady { .. } => "Steady",
            Self::AwaitingCertificate { .. } => "AwaitingCertificate",
            Self::Trying { .. } => "Trying",
            Self::Acknowledging { .. } => "Acknowledging",
            Self::RunningHook { .. } => "RunningHook",
            Self::ReportingHook { .. } => "ReportingHook",
            Self::Reporting { .. } => "Reporting",
        }
    }

    /// The rotation under way, or the one that ended last.
    pub const fn rotation_id(&self) -> Option<RotationId> {
        match self {
            Self::Steady { finished } => *finished,
            Self::AwaitingCertificate { rotation_id, .. }
            | Self::Trying { rotation_id, .. }
            | Self::Acknowledging { rotation_id, .. }
            | Self::RunningHook { rotation_id, .. }
            | Self::ReportingHook { rotation_id, .. }
            | Self::Reporting { rotation_id, .. } => *rotation_id,
        }
    }

    /// Whether the candidate, if there is one, has its certificate.
    pub const fn candidate_is_certified(&self) -> bool {
        match self {
            Self::Trying { .. }
            | Self::Acknowledging { .. }
            | Self::Reporting { certificate_id: Some(_), .. } => true,
            Self::Steady { .. }
            | Self::AwaitingCertificate { .. }
            | Self::RunningHook { .. }
            | Self::ReportingHook { .. }
            | Self::Reporting { certificate_id: None, .. } => false,
        }
    }

    /// The credentials worth connecting with, the best first.
    pub const fn preferences(&self) -> &'static [Slot] {
        match self {
            Self::Trying { .. } | Self::Acknowledging { .. } => &[Slot::Candidate, Slot::Current],
            Self::Reporting { certificate_id: Some(_), .. } => &[Slot::Current, Slot::Candidate],
            Self::Reporting { certificate_id: None, .. }
            | Self::Steady { .. }
            | Self::AwaitingCertificate { .. }
            | Self::RunningHook { .. }
            | Self::ReportingHook { .. } => &[Slot::Current, Slot::Previous],
        }
    }
}

/// The fleeting part: gone after a restart, and not missed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Link {
    /// The credential of the session that is up.
    pub online: Option<Slot>,
    /// The credential being connected with.
    pub dialing: Option<Slot>,
    /// How often in a row the broker refused it.
    pub rejections: u32,
    /// How many tries in a row failed in any way.
    pub failures: u32,
    /// How the hook ended, where that could not be made durable yet.
    pub unkept_hook: Option<HookResult>,
}

/// All that the device's machine knows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Machine {
    /// Durable.
    pub device: Device,
    /// Fleeting.
    pub link: Link,
}

impl Machine {
    /// The machine of a device that just started and read `device` from its disk.
    pub fn resume(device: Device) -> Self {
        Self { device, link: Link::default() }
    }
}
