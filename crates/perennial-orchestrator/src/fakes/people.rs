//! The small ports in memory: people who are told, a clock that tests may move, dice that repeat.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use parking_lot::Mutex;
use perennial_core::{
    ids::{AuditTaskId, RotationId},
    time::Timestamp,
};
use tokio::time::Instant;

use super::{Seen, Verb, Witness, fault::Gate};
use crate::port::{Clock, Entropy, Notification, Notifier, PortError};

/// People, as one process reaches them.
#[derive(Clone)]
pub struct FakeNotifier {
    pub(super) told: Arc<Mutex<Vec<Notification>>>,
    pub(super) witness: Witness,
    pub(super) gate: Gate,
}

impl FakeNotifier {
    /// All that people were told.
    pub fn told(&self) -> Vec<Notification> {
        self.told.lock().clone()
    }
}

#[async_trait]
impl Notifier for FakeNotifier {
    async fn notify(
        &self,
        batch: Vec<Notification>,
        _now: Timestamp,
    ) -> Vec<Result<(), PortError>> {
        for &Notification { rotation_id, .. } in &batch {
            self.witness.saw(Seen::Asked { verb: Verb::Notify, rotation_id });
        }
        let write = || {
            for Notification { rotation_id, notice, .. } in &batch {
                let (rotation_id, notice) = (*rotation_id, notice.clone());
                self.witness.saw(Seen::Notified { rotation_id, notice });
            }
            self.told.lock().extend(batch.iter().cloned());
            batch.iter().map(|_| Ok(())).collect()
        };
        self.gate.call_each(Verb::Notify, batch.len(), write).await
    }
}

/// A clock that goes with tokio's: in a paused runtime, months pass at once.
#[derive(Clone)]
pub struct FakeClock {
    began: Instant,
    began_at: Timestamp,
    ahead_ms: Arc<AtomicU64>,
}

impl FakeClock {
    pub(super) fn new(began_at: Timestamp) -> Self {
        Self { began: Instant::now(), began_at, ahead_ms: Arc::default() }
    }

    /// Puts the clock forward.
    pub fn advance(&self, by: Duration) {
        let millis = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.ahead_ms.fetch_add(millis, Ordering::Relaxed);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        let ahead = Duration::from_millis(self.ahead_ms.load(Ordering::Relaxed));
        self.began_at + self.began.elapsed() + ahead
    }
}

/// Dice that fall the same way in every run.
#[derive(Clone, Default)]
pub struct FakeEntropy {
    drawn: Arc<AtomicU64>,
}

impl FakeEntropy {
    fn next(&self) -> u64 {
        // SplitMix64 (Steele, Lea and Flood 2014): one value for each number, never twice.
        let number = self.drawn.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        let mut z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn octets(&self) -> [u8; 16] {
        let mut octets = [0; 16];
        octets[..8].copy_from_slice(&self.next().to_be_bytes());
        octets[8..].copy_from_slice(&self.next().to_be_bytes());
        octets
    }
}

impl Entropy for FakeEntropy {
    fn rotation_id(&self) -> RotationId {
        RotationId::from_bytes(self.octets())
    }

    fn audit_task_id(&self) -> AuditTaskId {
        AuditTaskId::from_bytes(self.octets())
    }

    fn draw(&self) -> u32 {
        // The upper half is the better mixed one.
        u32::try_from(self.next() >> 32).unwrap_or(u32::MAX)
    }
}
