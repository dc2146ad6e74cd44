//! Faults that tests and the demo ask for; without the feature `faults` there are none.

use std::{fmt, str::FromStr};

use perennial_core::topic::Kind;

/// A boundary at which an agent can be made to crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrashPoint {
    /// Before the document with this state is written.
    BeforePersist(&'static str),
    /// After it was.
    AfterPersist(&'static str),
    /// Before a message of this kind is sent.
    BeforeSend(Kind),
    /// After it was.
    AfterSend(Kind),
    /// After the candidate's key is durable.
    AfterKeyWritten,
    /// After the candidate's certificate is durable.
    AfterCertificateWritten,
}

const STATES: [&str; 7] = [
    "Steady",
    "AwaitingCertificate",
    "Trying",
    "Acknowledging",
    "RunningHook",
    "ReportingHook",
    "Reporting",
];

impl CrashPoint {
    /// Every boundary.
    pub fn all() -> Vec<Self> {
        let states = STATES.iter().flat_map(|s| [Self::BeforePersist(s), Self::AfterPersist(s)]);
        let kinds = Kind::FROM_DEVICE.into_iter();
        let sends = kinds.flat_map(|kind| [Self::BeforeSend(kind), Self::AfterSend(kind)]);
        states.chain(sends).chain([Self::AfterKeyWritten, Self::AfterCertificateWritten]).collect()
    }
}

impl fmt::Display for CrashPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BeforePersist(state) => write!(f, "before-persist:{state}"),
            Self::AfterPersist(state) => write!(f, "after-persist:{state}"),
            Self::BeforeSend(kind) => write!(f, "before-send:{kind}"),
            Self::AfterSend(kind) => write!(f, "after-send:{kind}"),
            Self::AfterKeyWritten => f.write_str("after-key-written"),
            Self::AfterCertificateWritten => f.write_str("after-certificate-written"),
        }
    }
}

/// A text that names no crash point.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no crash point; one is after-persist:Trying")]
pub struct UnknownCrashPoint(String);

impl FromStr for CrashPoint {
    type Err = UnknownCrashPoint;
    fn from_str(text: &str) -> Result<Self, UnknownCrashPoint> {
        let found = Self::all().into_iter().find(|point| point.to_string() == text);
        found.ok_or_else(|| UnknownCrashPoint(text.to_owned()))
    }
}

/// What is to go wrong.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// Send a CSR that is cut short.
    #[cfg(feature = "faults")]
    pub bad_csr: bool,
    /// Refuse every certificate that is delivered.
    #[cfg(feature = "faults")]
    pub refuse_certificate: bool,
    /// Check certificates by a clock that is this far behind; TLS goes by the right one, as on
    /// devices whose TLS does not look at the time.
    #[cfg(feature = "faults")]
    pub clock_behind: std::time::Duration,
    /// Crash when this boundary is reached.
    #[cfg(feature = "faults")]
    pub crash_at: Option<CrashPoint>,
    /// While this is true, the file system takes nothing more.
    #[cfg(feature = "faults")]
    pub disk_full: std::sync::Arc<std::sync::atomic::AtomicBool>,
    /// Crash after so many further changes of the file system; clones count together.
    #[cfg(feature = "faults")]
    pub crash_after_disk_steps: Option<std::sync::Arc<std::sync::atomic::AtomicU64>>,
}

#[cfg(feature = "faults")]
impl Faults {
    pub(crate) fn spoils_csr(&self) -> bool {
        self.bad_csr
    }
    pub(crate) fn refuses_certificate(&self) -> bool {
        self.refuse_certificate
    }
    pub(crate) fn clock_behind_for(&self) -> std::time::Duration {
        self.clock_behind
    }
    pub(crate) fn crashes_at(&self, point: CrashPoint) -> bool {
        self.crash_at == Some(point)
    }
    pub(crate) fn disk_is_full(&self) -> bool {
        self.disk_full.load(std::sync::atomic::Ordering::SeqCst)
    }
    pub(crate) fn crashes_on_disk(&self) -> bool {
        use std::sync::atomic::Ordering::SeqCst;
        let left = self.crash_after_disk_steps.as_ref();
        left.is_some_and(|left| {
            left.fetch_update(SeqCst, SeqCst, |steps| steps.checked_sub(1)).is_err()
        })
    }
}

#[cfg(not(feature = "faults"))]
#[expect(clippy::unused_self, reason = "the same signatures as with the feature")]
impl Faults {
    pub(crate) fn spoils_csr(&self) -> bool {
        false
    }
    pub(crate) fn refuses_certificate(&self) -> bool {
        false
    }
    pub(crate) fn clock_behind_for(&self) -> std::time::Duration {
        std::time::Duration::ZERO
    }
    pub(crate) fn crashes_at(&self, _: CrashPoint) -> bool {
        false
    }
    pub(crate) fn disk_is_full(&self) -> bool {
        false
    }
    pub(crate) fn crashes_on_disk(&self) -> bool {
        false
    }
}
