//! Events: what is to happen in the world at some virtual time, and the messages on their way.

use std::cmp::Ordering;

use perennial_core::{
    ids::{CertificateId, Digest, RotationId},
    message::{ErrorCode, HookResult, Phase, RefusalCode},
    rotation,
    time::Timestamp,
    topic::Kind,
};

/// A session between device and broker; numbers are never used again.
pub(crate) type SessionNo = u64;

/// What the server says.
#[derive(Debug, Clone)]
pub(crate) enum ToDevice {
    CsrReq { rotation: RotationId, refused_csr: Option<Digest> },
    Crt { rotation: RotationId, certificate: CertificateId },
    Refused { about: Kind, code: RefusalCode, rotation: Option<RotationId> },
}

/// What the device says.
#[derive(Debug, Clone)]
pub(crate) enum FromDevice {
    Csr {
        rotation: Option<RotationId>,
        csr: rotation::Csr,
        proven: Option<CertificateId>,
    },
    Ack {
        rotation: Option<RotationId>,
        certificate: CertificateId,
        hook: Option<HookResult>,
    },
    Err {
        rotation: Option<RotationId>,
        code: ErrorCode,
        text: String,
        phase: Phase,
        device_time: Timestamp,
    },
}

impl FromDevice {
    pub(crate) const fn kind(&self) -> Kind {
        match self {
            Self::Csr { .. } => Kind::CsrRes,
            Self::Ack { .. } => Kind::CrtAck,
            Self::Err { .. } => Kind::CrtErr,
        }
    }
}

/// Something that happens.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// The ring takes the next fact or command.
    Work,
    /// The timer that was armed under this number fires.
    Deadline(u64),
    /// The server is back.
    ServerUp,
    /// The broker is back.
    BrokerUp,
    /// A fact arrives that was held up.
    LateFact(Option<RotationId>, rotation::Input),
    /// A server's message reaches the device over this session.
    AtDevice(SessionNo, ToDevice),
    /// A server's message that was held up reaches whatever session is up.
    StragglerAtDevice(ToDevice),
    /// A device's message reaches the broker.
    AtBroker { session: SessionNo, number: u64, message: FromDevice },
    /// A PUBACK reaches the device.
    PubAck { session: SessionNo, number: u64, kind: Kind },
    /// A dial comes to its end.
    Dialed(u64),
    /// The device starts.
    DeviceUp,
    /// The device's network is back.
    NetworkUp,
    /// The wish for a `Woke` under this number comes true.
    Wake(u64),
    /// The hook of the process with this number ends.
    HookEnds(u64),
    /// The device subscribes.
    Subscribed(SessionNo),
    /// The device notices that this session is over.
    LostAtDevice(SessionNo),
    /// The broker notices that this session is over.
    LostAtBroker(SessionNo),
    /// The certificate of this session ends, or the grace that let it in.
    StandingEnds(SessionNo),
    /// The device says something that is no part of a rotation.
    Telemetry,
    /// The daily audit.
    Audit,
    /// A moment at which anything may break.
    Mischief,
    /// An operator cleans up what a notice told of.
    CleanUp(CertificateId),
    /// Faults stop.
    Calm,
}

/// An event and its time; earlier ones, and among equals those planned first, are greater.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) at: Timestamp,
    pub(crate) number: u64,
    pub(crate) event: Event,
}

impl PartialEq for Planned {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Planned {}
impl PartialOrd for Planned {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Planned {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}
