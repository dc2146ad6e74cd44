//! Whether an action's deliveries arrive: said once when they begin to fail, and once when they
//! arrive again.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use perennial_core::rule::action::Delivery;
use tracing::{info, warn};

/// How an action is doing.
#[derive(Debug, Default)]
pub(crate) struct Health {
    failing: AtomicBool,
    failed: AtomicU64,
}

impl Health {
    /// Something arrived.
    pub(crate) fn arrived(&self, rule: &str, delivery: &Delivery) {
        if self.failing.load(Ordering::Relaxed) && self.failing.swap(false, Ordering::Relaxed) {
            let failed = self.failed.swap(0, Ordering::Relaxed);
            info!(
                rule.name = rule,
                action = delivery.action(),
                resource = delivery.resource(),
                failed,
                "deliveries arrive again; what failed is kept: perennial rule dead-letters"
            );
        }
    }

    /// Something was given up.
    pub(crate) fn given_up(&self, rule: &str, delivery: &Delivery, reason: &str) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        if !self.failing.swap(true, Ordering::Relaxed) {
            warn!(
                rule.name = rule,
                action = delivery.action(),
                resource = delivery.resource(),
                reason,
                "deliveries fail and are kept as dead letters; more of the same is not logged"
            );
        }
    }
}
