//! The plan of one schedule: what kind of device, certificates and span the seed has drawn.

use std::time::Duration;

use fastrand::Rng;
use perennial_core::{device, message::ErrorCode, rotation, time::days};

/// What one schedule is about.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// The device leaves rotation ids and proofs out.
    pub(crate) bare: bool,
    /// How many of the device's CSRs are bad before the first good one.
    pub(crate) bad_csrs: u32,
    /// How many certificates the device refuses before it takes one.
    pub(crate) refusals: u32,
    /// What it says is wrong with them.
    pub(crate) complaint: ErrorCode,
    /// How far the device's clock is behind.
    pub(crate) behind_for: Duration,
    /// Whether a broker that restarts keeps what waits for the device.
    pub(crate) keeps_queue: bool,
    /// Until when the first certificate lives.
    pub(crate) first_life_for: Duration,
    /// How long certificates live that are issued.
    pub(crate) life_for: Duration,
    /// When faults stop.
    pub(crate) calm_after: Duration,
    pub(crate) server: rotation::Timing,
    pub(crate) device: device::Timing,
}

/// Certificates that end sooner than this are findings.
pub(crate) const THRESHOLD_FOR: Duration = days(30);

/// One of each remedy, and one that has none.
const COMPLAINTS: [ErrorCode; 6] = [
    ErrorCode::UntrustedChain,
    ErrorCode::StorageFailed,
    ErrorCode::KeyMismatch,
    ErrorCode::CandidateRefused,
    ErrorCode::WrongName,
    ErrorCode::Unknown,
];

impl Plan {
    pub(crate) fn draw(rng: &mut Rng) -> Self {
        let (refusals, complaint) = match rng.u8(0..10) {
            0 => (rng.u32(1..4), COMPLAINTS[rng.usize(0..COMPLAINTS.len())]),
            // More often than rotations may follow upon each other.
            1 => (rng.u32(7..14), ErrorCode::Unknown),
            _ => (0, ErrorCode::Unknown),
        };
        let hold_for = Duration::from_secs(3600 * rng.u64(6..72));
        Self {
            bare: rng.u8(0..4) == 0,
            bad_csrs: if rng.u8(0..5) == 0 { rng.u32(1..5) } else { 0 },
            refusals,
            complaint,
            behind_for: if rng.u8(0..5) == 0 {
                Duration::from_secs(3600 * rng.u64(1..24 * 29))
            } else {
                Duration::ZERO
            },
            keeps_queue: rng.bool(),
            first_life_for: Duration::from_secs(3600 * rng.u64(1..480)),
            // Short lives make one rotation follow upon the other.
            life_for: if rng.u8(0..3) == 0 { days(rng.u64(12..25)) } else { days(90) },
            calm_after: Duration::from_secs(3600 * rng.u64(2..144)),
            server: rotation::Timing {
                spread_for: Duration::from_secs(1800),
                hold_for,
                recovery_for: days(rng.u64(0..40)),
                ..rotation::Timing::default()
            },
            device: device::Timing {
                has_hook: rng.u8(0..4) == 0,
                max_backoff_for: Duration::from_secs(1800),
                ..device::Timing::default()
            },
        }
    }

    /// How long a rotation may stay open: as long as for a device that is there, and while the
    /// outgoing certificate recovers if that has begun by then.
    pub(crate) fn longest_open_for(&self) -> Duration {
        self.longest_open_while_present() + self.server.recovery_for
    }

    /// The hold, every request, delivery and try of a verb at its slowest, and the time that the
    /// server itself is down.
    pub(crate) fn longest_open_while_present(&self) -> Duration {
        self.server.spread_for + self.server.hold_for + days(4)
    }
}
