//! Delivering what is loaded: again after pauses that grow, until it arrives or is given up.

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
    load::Load,
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
    /// Delivers a load, however long that takes.
    pub(crate) async fn deliver(&self, load: Load, health: &Health) {
        let mut tries = 0;
        loop {
            let Some(tried) = self.attempt(&load).await else { return self.put_away(load) };
            let Err(Undelivered { reason, may_work_later }) = tried else {
                return self.arrived(load, health);
            };
            tries += 1;
            let pause = self.settings.retry.pause_after(tries, fastrand::u32(..));
            let Some(pause) = pause.filter(|_| may_work_later) else {
                let times = if tries == 1 { "once".to_owned() } else { format!("{tries} times") };
                self.give_up(load, &format!("{reason} (tried {times})"), health);
                return;
            };
            // Stopping is noticed by the next attempt.
            let _ = self.stopping.run_until_cancelled(tokio::time::sleep(pause)).await;
        }
    }

    /// One try; `None` when the server stops first.
    async fn attempt(&self, load: &Load) -> Option<Result<(), Undelivered>> {
        let delivery = match load.delivery() {
            Ok(delivery) => delivery,
            Err(error) => return Some(Err(error)),
        };
        if self.stopping.is_cancelled() && !delivery.is_local() {
            return None;
        }
        let late = async {
            self.stopping.cancelled().await;
            tokio::time::sleep(self.settings.stop_for).await;
        };
        tokio::select! {
            tried = self.carriers.carry(delivery) => Some(tried),
            () = late => None,
        }
    }

    fn arrived(&self, load: Load, health: &Health) {
        for parcel in load.into_parcels() {
            health.arrived(&parcel, (self.now)());
            if let Some(own) = parcel.own_health() {
                own.arrived(&parcel, (self.now)());
            }
            if let Some(letter) = parcel.letter {
                self.graveyard.forget(letter);
            }
        }
    }

    /// Keeps for the next start what there was no time for. What is a dead letter already stays one.
    fn put_away(&self, load: Load) {
        for parcel in load.into_parcels().filter(|it| it.letter.is_none()) {
            let letter = self.letter(parcel, STOPPED);
            self.graveyard.put_away(DeadLetter { unfinished: true, ..letter });
        }
    }

    /// Tells the error action and people, keeps the dead letters, and says so once.
    pub(crate) fn give_up(&self, load: Load, reason: &str, health: &Health) {
        for parcel in load.parcels() {
            health.gave_up(parcel, reason, (self.now)());
            if let Some(own) = parcel.own_health() {
                own.gave_up(parcel, reason, (self.now)());
            }
        }
        if let Some(rule) = &load.first().answerable {
            self.tell_error_action(rule, &load.first().origin, &load.failure(reason));
        }
        for mut parcel in load.into_parcels() {
            match parcel.letter.take() {
                None => self.graveyard.bury(self.letter(parcel, reason)),
                Some(letter) if letter.unfinished => {
                    self.graveyard.gave_up(letter, reason.to_owned(), (self.now)());
                }
                // What was tried again by hand stays what it was.
                Some(_) => {}
            }
        }
    }

    /// Lets a rule's error action hear that the rule itself failed on a message.
    pub(crate) fn tell_failure(
        &self,
        rule: &Arc<crate::live::LiveRule>,
        origin: &Arc<crate::parcel::Origin>,
        failure: Failure,
    ) {
        let told = FailureMessage::new(rule.name.as_str(), &origin.message(), &[failure]).to_json();
        self.tell_error_action(rule, origin, &told);
    }

    /// Lets a rule's error action hear what failed.
    fn tell_error_action(
        &self,
        rule: &Arc<crate::live::LiveRule>,
        origin: &Arc<crate::parcel::Origin>,
        told: &[u8],
    ) {
        let Some(queue) = &rule.error_queue else { return };
        let message = perennial_core::rule::Message { payload: told, ..origin.message() };
        let surroundings = surroundings::at(&self.settings.account_id, (self.now)());
        let incoming = Incoming::new(message, surroundings);
        match rule.ready.on_failure(&incoming, &Payload(told.into())) {
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
                    self.give_up(Load::alone(*parcel), FULL, &queue.health);
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
            unfinished: false,
        }
    }
}

/// Why a delivery is given up that found no room.
pub(crate) const FULL: &str = "too many deliveries of this action wait";
