//! Whether an action's deliveries arrive: said and told once when they begin to fail, and once when
//! they arrive again.

use std::time::Duration;

use parking_lot::Mutex;
use perennial_core::{
    ids::RuleName,
    notice::{self, Fact, FoldKey, Turn, kind_of_topic},
    time::Timestamp,
};
use tracing::{info, warn};

use crate::{noticing::Noticing, parcel::Parcel};

/// One action of a rule, as people are told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) rule: RuleName,
    /// `actions[0]`, `errorAction`.
    pub(crate) action: String,
}

/// How an action is doing.
pub(crate) struct Health {
    noticing: Noticing,
    calm_for: Duration,
    state: Mutex<State>,
}

struct State {
    /// Of whom people are told; of nobody once the rule is gone, and of what is tried again by hand.
    place: Option<Place>,
    health: notice::Health,
    failed: u64,
}

impl Health {
    pub(crate) fn new(place: Option<Place>, noticing: Noticing, calm_for: Duration) -> Self {
        let state = State { place, health: notice::Health::default(), failed: 0 };
        Self { noticing, calm_for, state: Mutex::new(state) }
    }

    /// Something arrived.
    pub(crate) fn arrived(&self, parcel: &Parcel, now: Timestamp) {
        let mut state = self.state.lock();
        if state.health.arrived(self.calm_for, now) != Some(Turn::ForTheBetter) {
            return;
        }
        if let Some(place) = &state.place {
            self.noticing.is_over(place.key());
        }
        let failed = std::mem::take(&mut state.failed);
        if failed > 0 {
            let (rule, delivery) = (parcel.rule.as_str(), &parcel.delivery);
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
    pub(crate) fn gave_up(&self, parcel: &Parcel, reason: &str, now: Timestamp) {
        let mut state = self.state.lock();
        state.failed += 1;
        let turn = state.health.gave_up(now);
        let (rule, delivery) = (parcel.rule.as_str(), &parcel.delivery);
        if turn == Some(Turn::ForTheWorse) {
            warn!(
                rule.name = rule,
                action = delivery.action(),
                resource = delivery.resource(),
                reason,
                "deliveries fail and are kept as dead letters; more of the same is not logged"
            );
        }
        // That a notice of such a failure does not arrive is no news: it would lead to the next.
        let is_told =
            kind_of_topic(&parcel.origin.topic).is_none_or(|kind| !kind.is_about_deliveries());
        if let Some(place) = state.place.as_ref().filter(|_| is_told) {
            self.noticing.failed(place.key(), place.fact(delivery.resource(), reason));
        }
    }

    /// The rule is gone: whatever still waits, it is no longer anybody's concern that it fails.
    pub(crate) fn retire(&self) {
        let mut state = self.state.lock();
        if let Some(place) = state.place.take() {
            self.noticing.is_over(place.key());
        }
    }
}

impl Place {
    fn key(&self) -> FoldKey {
        FoldKey::rule_failing(&self.rule, &self.action)
    }

    fn fact(&self, resource: &str, reason: &str) -> Fact {
        Fact::RuleFailing {
            rule: self.rule.clone(),
            place: self.action.clone(),
            resource: resource.to_owned(),
            reason: reason.to_owned(),
            count: 1,
        }
    }
}
