//! Allowances: how much each sender may say, so that one that says too much costs no more than that.

use std::{collections::HashMap, hash::Hash};

use crate::{
    bucket::{Bucket, Rate},
    time::Timestamp,
};

/// Whether something may be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowed {
    /// It may.
    Yes,
    /// It may not, and it is the first since the last [`turn`](Allowances::turn).
    NoMore,
    /// It may not, as others before it.
    StillNoMore,
}

/// The allowances of many senders.
#[derive(Debug)]
pub struct Allowances<S> {
    rate: Rate,
    most: usize,
    senders: HashMap<S, Allowance>,
}

#[derive(Debug)]
struct Allowance {
    bucket: Bucket,
    /// How often it was refused since the last turn.
    refused: u64,
}

impl<S: Clone + Eq + Hash> Allowances<S> {
    /// Everybody may say `rate`; of `most` senders it is known what they said.
    pub fn new(rate: Rate, most: usize) -> Self {
        Self { rate, most, senders: HashMap::new() }
    }

    /// Whether `sender` may say one thing more, which is then said. Where too many are known, one
    /// more may say what it likes until some are forgotten.
    pub fn take(&mut self, sender: S, now: Timestamp) -> Allowed {
        let (rate, is_full) = (self.rate, self.senders.len() >= self.most);
        if is_full && !self.senders.contains_key(&sender) {
            return Allowed::Yes;
        }
        let fresh = || Allowance { bucket: Bucket::full(rate, now), refused: 0 };
        let known = self.senders.entry(sender).or_insert_with(fresh);
        if known.bucket.take(rate, now) {
            return Allowed::Yes;
        }
        known.refused += 1;
        if known.refused == 1 { Allowed::NoMore } else { Allowed::StillNoMore }
    }

    /// Who was refused since the last turn, and how often. Who may say all there is again is
    /// forgotten.
    pub fn turn(&mut self, now: Timestamp) -> Vec<(S, u64)> {
        let mut refused = Vec::new();
        let rate = self.rate;
        self.senders.retain(|sender, known| {
            let count = std::mem::take(&mut known.refused);
            if count > 0 {
                refused.push((sender.clone(), count));
            }
            count > 0 || !known.bucket.is_full(rate, now)
        });
        refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { per_second: 1, burst: 3 };

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    #[test]
    fn one_that_says_too_much_is_refused_and_counted_and_nobody_else_is() {
        let mut allowances = Allowances::new(RATE, 10);

        let said: Vec<Allowed> = (0..6).map(|_| allowances.take("loud", at(0))).collect();
        let other = allowances.take("quiet", at(0));
        let later = [1, 1].map(|secs| allowances.take("loud", at(secs)));
        let told = [allowances.turn(at(1)), allowances.turn(at(2))];

        use Allowed::{NoMore, StillNoMore, Yes};
        assert_eq!(said, [Yes, Yes, Yes, NoMore, StillNoMore, StillNoMore]);
        assert_eq!((other, later), (Yes, [Yes, StillNoMore]));
        assert_eq!(told, [vec![("loud", 4)], vec![]]);
    }

    #[test]
    fn no_more_are_known_than_may_be_and_who_is_quiet_is_forgotten() {
        let mut allowances = Allowances::new(RATE, 1);

        allowances.take("first", at(0));
        let unknown = (0..9).all(|_| allowances.take("second", at(0)) == Allowed::Yes);
        allowances.turn(at(60));
        let known = (0..9).map(|_| allowances.take("second", at(60))).collect::<Vec<_>>();

        assert!(unknown);
        assert!(known.contains(&Allowed::NoMore));
    }
}
