//! Faults: what may go wrong, how often in this schedule, and how often it did.

use fastrand::Rng;

/// One kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The connection drops with what was on its way.
    Loss,
    /// A message or fact comes twice.
    Duplication,
    /// A message takes minutes, so that others overtake it.
    Delay,
    /// A copy of a message turns up hours or days later, in another session.
    Straggler,
    /// The server dies just before a durable write.
    ServerCrashBeforeWrite,
    /// The server dies just after a durable write.
    ServerCrashAfterWrite,
    /// The server dies just before it carries a command out.
    ServerCrashBeforeSend,
    /// The server dies just after it carried a command out.
    ServerCrashAfterSend,
    /// The device dies just before a durable write.
    DeviceCrashBeforeWrite,
    /// The device dies just after a durable write.
    DeviceCrashAfterWrite,
    /// The device dies just before it carries a command out.
    DeviceCrashBeforeSend,
    /// The device dies just after it carried a command out.
    DeviceCrashAfterSend,
    /// The broker restarts and drops every session.
    BrokerRestart,
    /// The server's clock jumps.
    ClockJump,
    /// The device is off for hours or days.
    DeviceOff,
    /// The device has no network for a while.
    NetworkOut,
    /// A store does not commit.
    StoreFails,
    /// The ring stands still for minutes while facts still come in.
    RingStalls,
    /// The device's disk does not write.
    DiskFails,
    /// A verb fails and may work later.
    VerbRetryable,
    /// A verb fails for good.
    VerbPermanent,
    /// The broker refuses a good certificate for a minute or so.
    FalseRejection,
    /// The broker accepts, but the device does not learn of it.
    LostConnack,
    /// A presence event is lost.
    PresenceLost,
    /// Somebody else speaks on the device's topics.
    Forgery,
    /// An operator wants the rotation to begin now.
    OperatorStart,
    /// An operator cancels the rotation.
    OperatorCancel,
    /// An operator withdraws the outgoing certificate.
    OperatorWithdraw,
}

impl FaultKind {
    /// How many kinds there are.
    pub const COUNT: usize = Self::OperatorWithdraw as usize + 1;
    /// Every kind.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Loss,
        Self::Duplication,
        Self::Delay,
        Self::Straggler,
        Self::ServerCrashBeforeWrite,
        Self::ServerCrashAfterWrite,
        Self::ServerCrashBeforeSend,
        Self::ServerCrashAfterSend,
        Self::DeviceCrashBeforeWrite,
        Self::DeviceCrashAfterWrite,
        Self::DeviceCrashBeforeSend,
        Self::DeviceCrashAfterSend,
        Self::BrokerRestart,
        Self::ClockJump,
        Self::DeviceOff,
        Self::NetworkOut,
        Self::StoreFails,
        Self::RingStalls,
        Self::DiskFails,
        Self::VerbRetryable,
        Self::VerbPermanent,
        Self::FalseRejection,
        Self::LostConnack,
        Self::PresenceLost,
        Self::Forgery,
        Self::OperatorStart,
        Self::OperatorCancel,
        Self::OperatorWithdraw,
    ];

    /// How often at most it happens where it can, per thousand.
    const fn ceiling(self) -> u32 {
        match self {
            Self::OperatorWithdraw => 40,
            Self::VerbPermanent => 60,
            Self::OperatorCancel => 80,
            Self::BrokerRestart | Self::DeviceOff | Self::NetworkOut | Self::ClockJump => 250,
            Self::Forgery => 250,
            Self::FalseRejection => 300,
            Self::Loss
            | Self::Duplication
            | Self::Delay
            | Self::Straggler
            | Self::ServerCrashBeforeWrite
            | Self::ServerCrashAfterWrite
            | Self::ServerCrashBeforeSend
            | Self::ServerCrashAfterSend
            | Self::DeviceCrashBeforeWrite
            | Self::DeviceCrashAfterWrite
            | Self::DeviceCrashBeforeSend
            | Self::DeviceCrashAfterSend
            | Self::StoreFails
            | Self::RingStalls
            | Self::DiskFails
            | Self::VerbRetryable
            | Self::LostConnack
            | Self::OperatorStart
            | Self::PresenceLost => 150,
        }
    }
}

/// How likely each fault is in one schedule, and how often it happened.
#[derive(Debug, Clone)]
pub(crate) struct Faults {
    per_mille: [u32; FaultKind::COUNT],
    pub(crate) counts: [u64; FaultKind::COUNT],
    calm: bool,
}

impl Faults {
    /// Draws how likely each fault is; most schedules leave most faults out, so that those that
    /// are in meet rarely enough to be survived and often enough to be seen together.
    pub(crate) fn draw(rng: &mut Rng) -> Self {
        let kinds_in = rng.u32(0..100);
        let per_mille = FaultKind::ALL
            .map(|kind| if rng.u32(0..100) < kinds_in { rng.u32(0..=kind.ceiling()) } else { 0 });
        Self { per_mille, counts: [0; FaultKind::COUNT], calm: false }
    }

    /// No more faults from now on.
    pub(crate) fn calm(&mut self) {
        self.calm = true;
    }

    /// Whether this fault happens here and now.
    pub(crate) fn strikes(&mut self, kind: FaultKind, rng: &mut Rng) -> bool {
        let index = kind as usize;
        let strikes =
            !self.calm && self.per_mille[index] > 0 && rng.u32(0..1000) < self.per_mille[index];
        self.counts[index] += u64::from(strikes);
        strikes
    }
}
