//! Writing dead letters down, many with one commit, and what became of those that were tried again.
//!
//! What waits to be written is kept apart by rule, so that one rule's storm costs no other its
//! letters, and what cannot be written is written later.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use perennial_core::{ids::RuleName, time::Timestamp};
use perennial_store::{DeadLetter, MAX_DEAD_LETTERS, Store, StoreError};
use tokio::{sync::Notify, task::JoinHandle};
use tracing::error;

use crate::parcel::Letter;

/// How much payload may wait to be written; the rule that has most makes room.
const MAX_WAITING_BYTES: usize = 64 << 20;
/// How many are written with one commit.
const BATCH: usize = 128;
/// The pause before what could not be written is written again.
const AGAIN: Duration = Duration::from_secs(1);

/// Where dead letters go.
#[derive(Clone, Default)]
pub(crate) struct Graveyard(Arc<Inner>);

#[derive(Default)]
struct Inner {
    fates: Mutex<Fates>,
    wake: Notify,
}

/// What waits to be written.
#[derive(Default)]
struct Fates {
    dead: BTreeMap<RuleName, OfRule>,
    bytes: usize,
    /// What the server has no time for. It waited in bounded queues, and none of it is dropped.
    unfinished: VecDeque<DeadLetter>,
    arrived: VecDeque<Letter>,
    /// Letters that the last stop left and that are given up now, with why.
    given_up: VecDeque<(Letter, String, Timestamp)>,
    closed: bool,
}

/// What waits of one rule.
#[derive(Default)]
struct OfRule {
    letters: VecDeque<DeadLetter>,
    bytes: usize,
}

/// What is written with one commit.
#[derive(Default)]
struct Batch {
    dead: Vec<DeadLetter>,
    arrived: Vec<Letter>,
    given_up: Vec<(Letter, String, Timestamp)>,
}

impl Graveyard {
    /// Opens it; the task ends when it is closed and all is written.
    pub(crate) fn open(store: Store) -> (Self, JoinHandle<()>) {
        let graveyard = Self::default();
        let writing = tokio::spawn(write(graveyard.clone(), store));
        (graveyard, writing)
    }

    /// Keeps a dead letter. Of those of a rule that wait to be written the latest are kept, as of
    /// those that are written.
    pub(crate) fn bury(&self, letter: DeadLetter) {
        self.0.fates.lock().bury(letter);
        self.0.wake.notify_one();
    }

    /// Keeps what the server has no time for, until the next start.
    pub(crate) fn put_away(&self, letter: DeadLetter) {
        self.0.fates.lock().unfinished.push_back(letter);
        self.0.wake.notify_one();
    }

    /// Forgets a dead letter that arrived after all.
    pub(crate) fn forget(&self, letter: Letter) {
        self.0.fates.lock().arrived.push_back(letter);
        self.0.wake.notify_one();
    }

    /// What the last stop left is a dead letter like others from now on.
    pub(crate) fn gave_up(&self, letter: Letter, reason: String, now: Timestamp) {
        self.0.fates.lock().given_up.push_back((letter, reason, now));
        self.0.wake.notify_one();
    }

    /// Lets the task end once it has written what was put in before.
    pub(crate) fn close(&self) {
        self.0.fates.lock().closed = true;
        self.0.wake.notify_one();
    }
}

impl Fates {
    fn bury(&mut self, letter: DeadLetter) {
        let (rule, own) = (letter.rule.clone(), weight(&letter));
        let of_rule = self.dead.entry(rule.clone()).or_default();
        of_rule.letters.push_back(letter);
        of_rule.bytes += own;
        self.bytes += own;
        if of_rule.letters.len() > MAX_DEAD_LETTERS {
            self.drop_oldest(&rule);
        }
        while self.bytes > MAX_WAITING_BYTES {
            let heaviest = self.dead.iter().max_by_key(|(_, of_rule)| of_rule.bytes);
            let Some(rule) = heaviest.map(|(rule, _)| rule.clone()) else { return };
            self.drop_oldest(&rule);
        }
    }

    fn drop_oldest(&mut self, rule: &RuleName) {
        if let Some(dropped) = self.pop(rule) {
            tracing::debug!(rule.name = %dropped.rule, "a dead letter made room for later ones");
        }
    }

    fn pop(&mut self, rule: &RuleName) -> Option<DeadLetter> {
        let of_rule = self.dead.get_mut(rule)?;
        let letter = of_rule.letters.pop_front();
        let own = letter.as_ref().map_or(0, weight);
        of_rule.bytes -= own;
        self.bytes -= own;
        if of_rule.letters.is_empty() {
            self.dead.remove(rule);
        }
        letter
    }

    /// Some of what waits, of each rule in turn.
    fn take(&mut self) -> Batch {
        let some = self.unfinished.len().min(BATCH);
        let mut batch = Batch { dead: self.unfinished.drain(..some).collect(), ..Batch::default() };
        while batch.dead.len() < BATCH && !self.dead.is_empty() {
            for rule in self.dead.keys().cloned().collect::<Vec<_>>() {
                batch.dead.extend(self.pop(&rule));
            }
        }
        let some = self.arrived.len().min(BATCH);
        batch.arrived = self.arrived.drain(..some).collect();
        let some = self.given_up.len().min(BATCH);
        batch.given_up = self.given_up.drain(..some).collect();
        batch
    }

    /// What could not be written waits again, before what came meanwhile.
    fn take_back(&mut self, batch: Batch) {
        for letter in batch.dead.into_iter().rev() {
            if letter.unfinished {
                self.unfinished.push_front(letter);
                continue;
            }
            let own = weight(&letter);
            let of_rule = self.dead.entry(letter.rule.clone()).or_default();
            of_rule.letters.push_front(letter);
            of_rule.bytes += own;
            self.bytes += own;
        }
        batch.arrived.into_iter().rev().for_each(|it| self.arrived.push_front(it));
        batch.given_up.into_iter().rev().for_each(|it| self.given_up.push_front(it));
    }
}

fn weight(letter: &DeadLetter) -> usize {
    letter.delivery.payload().0.len()
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.dead.is_empty() && self.arrived.is_empty() && self.given_up.is_empty()
    }
}

async fn write(graveyard: Graveyard, store: Store) {
    let Inner { fates, wake } = &*graveyard.0;
    loop {
        let (mut batch, closed) = {
            let mut fates = fates.lock();
            (fates.take(), fates.closed)
        };
        if batch.is_empty() {
            if closed {
                return;
            }
            wake.notified().await;
            continue;
        }
        if let Err(error) = written(&mut batch, &store).await {
            error!(%error, "dead letters could not be written; trying again");
            fates.lock().take_back(batch);
            tokio::time::sleep(AGAIN).await;
        }
    }
}

/// Writes a batch; what is written is in it no longer.
async fn written(batch: &mut Batch, store: &Store) -> Result<(), StoreError> {
    if !batch.dead.is_empty() {
        store.bury(batch.dead.clone()).await?;
        batch.dead.clear();
    }
    if !batch.arrived.is_empty() {
        store.forget_dead_letters(batch.arrived.iter().map(|it| it.id).collect()).await?;
        batch.arrived.clear();
    }
    while let Some((letter, reason, at)) = batch.given_up.last() {
        store.finish_dead_letter(letter.id, reason.clone(), *at).await?;
        batch.given_up.pop();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use perennial_core::rule::action::{Delivery, Payload};

    use super::*;

    fn letter(rule: &str, bytes: usize) -> DeadLetter {
        DeadLetter {
            rule: RuleName::new(rule).unwrap(),
            topic: "t".to_owned(),
            client_id: None,
            reason: "broken".to_owned(),
            delivery: Delivery::Stdout { payload: Payload(vec![b'x'; bytes].into()) },
            died_at: Timestamp::from_secs(1_800_000_000),
            unfinished: false,
        }
    }

    fn waiting(fates: &Fates, rule: &str) -> usize {
        fates.dead.get(&RuleName::new(rule).unwrap()).map_or(0, |it| it.letters.len())
    }

    #[test]
    fn a_storm_of_one_rule_costs_no_other_its_letters() {
        let mut fates = Fates::default();

        fates.bury(letter("calm", 10));
        (0..2 * MAX_DEAD_LETTERS).for_each(|_| fates.bury(letter("storm", 10)));
        (0..2 * MAX_DEAD_LETTERS).for_each(|_| fates.bury(letter("heavy", 128 * 1024)));

        assert_eq!((waiting(&fates, "calm"), waiting(&fates, "storm")), (1, MAX_DEAD_LETTERS));
        assert!(waiting(&fates, "heavy") > 0 && fates.bytes <= MAX_WAITING_BYTES);
    }

    #[test]
    fn what_could_not_be_written_waits_before_what_came_later() {
        let mut fates = Fates::default();
        (1..=3).for_each(|bytes| fates.bury(letter("a", bytes)));
        let batch = fates.take();
        fates.bury(letter("a", 4));

        fates.take_back(batch);

        let again: Vec<_> = fates.take().dead.iter().map(weight).collect();
        assert_eq!(again, [1, 2, 3, 4]);
        assert_eq!(fates.bytes, 0);
    }
}
