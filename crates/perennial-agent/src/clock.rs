//! The device's time: the system clock, but never before what is known to have passed already.

use std::{
    sync::atomic::{AtomicI64, Ordering::Relaxed},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use perennial_core::{certificate::Validity, time::Timestamp};
use rustls::time_provider::TimeProvider;
use rustls_pki_types::UnixTime;

/// When this agent was written: 2026-11-01T00:00:00Z. A device without a battery-backed clock
/// starts in 1970, where no certificate is valid.
const WRITTEN_AT: Timestamp = Timestamp::from_secs(1_793_491_200);

/// Time with a floor; it stands in for the system clock in TLS as well.
#[derive(Debug)]
pub(crate) struct Clock {
    floor: AtomicI64,
}

impl Clock {
    pub(crate) fn new(heard: Timestamp) -> Self {
        Self { floor: AtomicI64::new(heard.max(WRITTEN_AT).as_millis()) }
    }

    pub(crate) fn now(&self) -> Timestamp {
        let passed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let system = i64::try_from(passed.as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_millis(system.max(self.floor.load(Relaxed)))
    }

    /// Raises the floor to a time that a server told; one outside of `witness`, the validity of
    /// that server's own certificate, is not believed, lest a wrong server clock makes every
    /// certificate look expired for good.
    pub(crate) fn heard(&self, told: Timestamp, witness: Validity) {
        if witness.contains(told) {
            self.floor.fetch_max(told.as_millis(), Relaxed);
        }
    }

    pub(crate) fn floor(&self) -> Timestamp {
        Timestamp::from_millis(self.floor.load(Relaxed))
    }
}

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        let since = self.now().since(Timestamp::EPOCH);
        Some(UnixTime::since_unix_epoch(Duration::from_secs(since.as_secs())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_told_time_outside_the_servers_own_certificate_is_not_believed() {
        let clock = Clock::new(Timestamp::EPOCH);
        let far = clock.now() + perennial_core::time::days(400);
        let witness = Validity { not_before: Timestamp::EPOCH, not_after: clock.now() };

        clock.heard(far, witness);

        assert!(clock.now() < far);
        clock.heard(far, Validity { not_before: Timestamp::EPOCH, not_after: far });
        assert_eq!(clock.now(), far);
    }
}
