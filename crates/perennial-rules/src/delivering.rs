//! Delivering a parcel: again after pauses that grow, until it arrives or is given up.

use std::sync::Arc;

use perennial_core::{
    rule::{
        Incoming,
        action::Payload,
        failure::{Failure, FailureMessage},
    },
    time::Timestamp,
};
use perennial_store::DeadLetter;
use tokio_util::sync::CancellationToken;

use crate::{
    Settings,
    carrier::{Carriers, Undelivered},
    graveyard::Graveyard,
    health::Health,
    noticing::Noticing,
    parcel::Parcel,
    surroundings,
};

/// Why a delivery is kept that the server had no time for; it is tried again when it starts.
pub(crate) const STOPPED: &str = "the server stopped before it was delivered";

/// Everything that a delivery takes.
pub(crate) struct Post {
    pub(crate) settings: Settings,
    pub(crate) carriers: Carriers,
    pub(crate) graveyard: Graveyard,
    pub(crate) noticing: Noticing,
    pub(crate) now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    pub(crate) stopping: CancellationToken,
}

impl Post {
    /// Delivers a parcel, however long that takes.
    pub(crate) async fn deliver(&self, parcel: Parcel, health: &Health) {
        let mut tries = 0;
        loop {
            let Some(tried) = self.attempt(&parcel).await else {
                // What is a dead letter already stays one.
                if parcel.letter.is_none() {
                    self.graveyard.bury_surely(self.letter(parcel, STOPPED)).await;
                }
                return;
            };
            let Err(Undelivered { reason, may_work_later }) = tried else {
                health.arrived(&parcel, (self.now)());
                if let Some(id) = parcel.letter {
                    self.graveyard.forget(id).await;
                }
                return;
            };
            tries += 1;
            let pause = self.settings.retry.pause_after(tries, fastrand::u32(..));
            let Some(pause) = pause.filter(|_| may_work_later) else {
                let times = if tries == 1 { "once" } else { "several times" };
                self.give_up(parcel, &format!("{reason} (tried {times})"), health);
                return;
            };
            // Stopping is noticed by the next attempt.
            let _ = self.stopping.run_until_cancelled(tokio::time::sleep(pause)).await;
        }
    }

    /// One try; `None` when the server stops first.
    async fn attempt(&self, parcel: &Parcel) -> Option<Result<(), Undelivered>> {
        if self.stopping.is_cancelled() && !parcel.delivery.is_local() {
            return None;
        }
        let late = async {
            self.stopping.cancelled().await;
            tokio::time::sleep(self.settings.stop_for).await;
        };
        tokio::select! {
            tried = self.carriers.carry(parcel) => Some(tried),
            () = late => None,
        }
    }

    /// Tells the error action and people, keeps the dead letter, and says so once.
    pub(crate) fn give_up(&self, parcel: Parcel, reason: &str, health: &Health) {
        health.gave_up(&parcel, reason, (self.now)());
        if let Some(rule) = parcel.answerable.clone() {
            let failure = Failure::of(&parcel.delivery, reason);
            self.tell_error_action(&rule, &parcel.origin, &[failure]);
        }
        if parcel.letter.is_none() {
            let letter = self.letter(parcel, reason);
            self.graveyard.bury(letter);
        }
    }

    /// Lets a rule's error action hear what failed.
    pub(crate) fn tell_error_action(
        &self,
        rule: &Arc<crate::live::LiveRule>,
        origin: &Arc<crate::parcel::Origin>,
        failures: &[Failure],
    ) {
        let Some(queue) = &rule.error_queue else { return };
        let told = FailureMessage::new(rule.name.as_str(), &origin.message(), failures).to_json();
        let message = perennial_core::rule::Message { payload: &told, ..origin.message() };
        let surroundings = surroundings::at(&self.settings.account_id, (self.now)());
        let incoming = Incoming::new(message, surroundings);
        let payload = Payload(told.as_slice().into());
        match rule.ready.on_failure(&incoming, &payload) {
            Some(Ok(delivery)) => {
                let parcel = Parcel {
                    rule: rule.name.clone(),
                    delivery,
                    origin: Arc::clone(origin),
                    answerable: None,
                    letter: None,
                    weight: None,
                };
                if let Err(parcel) = queue.put(parcel) {
                    self.give_up(*parcel, FULL, &queue.health);
                }
            }
            Some(Err(error)) => {
                tracing::debug!(rule.name = %rule.name, %error, "no error action for this message");
            }
            None => {}
        }
    }

    fn letter(&self, parcel: Parcel, reason: &str) -> DeadLetter {
        DeadLetter {
            rule: parcel.rule,
            topic: parcel.origin.topic.to_string(),
            client_id: parcel.origin.client_id.as_deref().map(str::to_owned),
            reason: reason.to_owned(),
            delivery: parcel.delivery,
            died_at: (self.now)(),
        }
    }
}

/// Why a delivery is given up that found no room.
pub(crate) const FULL: &str = "too many deliveries of this action wait";
