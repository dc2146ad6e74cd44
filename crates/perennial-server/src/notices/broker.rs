//! What the broker refused: more of it within a minute than happens by itself is told.

use std::sync::atomic::{AtomicU64, Ordering};

use perennial_broker::BrokerHandle;
use perennial_core::{
    notice::{Attempts, Fact},
    time::Timestamp,
};
use perennial_store::{Store, StoreError};

/// The broker's counters as they were when they were last looked at.
pub(crate) struct Refusals {
    seen: [u64; Attempts::ALL.len()],
    least: u64,
}

impl Refusals {
    /// Begins to look; `least` is how many people are told of.
    pub(crate) fn since_now(broker: &BrokerHandle, least: u64) -> Self {
        Self { seen: counted(broker), least: least.max(1) }
    }

    /// Takes in how many more there are. What cannot be written is told with the next look.
    pub(crate) async fn look(
        &mut self,
        store: &Store,
        broker: &BrokerHandle,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let counted = counted(broker);
        let facts = self.facts(&counted);
        if !facts.is_empty() {
            store.notice(facts, now).await?;
        }
        self.seen = counted;
        Ok(())
    }

    fn facts(&self, counted: &[u64]) -> Vec<Fact> {
        let more = self.seen.iter().zip(counted).map(|(before, now)| now.saturating_sub(*before));
        let more = Attempts::ALL.into_iter().zip(more).filter(|(_, count)| *count >= self.least);
        more.map(|(what, count)| Fact::Unauthorized { what, count }).collect()
    }
}

fn counted(broker: &BrokerHandle) -> [u64; Attempts::ALL.len()] {
    let counters = broker.counters();
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    Attempts::ALL.map(|what| match what {
        Attempts::Handshakes => count(&counters.handshakes_failed),
        Attempts::Connects => count(&counters.connects_refused),
        Attempts::Actions => count(&counters.unauthorized),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_by_itself_is_not_told() {
        let refusals = Refusals { seen: [100, 5, 0], least: 10 };

        let facts = refusals.facts(&[109, 15, 11]);

        let told = |what, count| Fact::Unauthorized { what, count };
        assert_eq!(facts, [told(Attempts::Connects, 10), told(Attempts::Actions, 11)]);
    }
}
