//! A parcel: one delivery on its way, with the message that it is of.

use std::{
    fmt::Write as _,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use perennial_core::{
    ids::RuleName,
    rule::{Message, action::Delivery},
};

use crate::{health::Health, live::LiveRule, replaying::Turn};

/// One delivery on its way.
pub(crate) struct Parcel {
    pub(crate) rule: RuleName,
    pub(crate) delivery: Delivery,
    pub(crate) origin: Arc<Origin>,
    /// Whose error action hears of it when it is given up; none for an error action's own.
    pub(crate) answerable: Option<Arc<LiveRule>>,
    /// The dead letter that it is of, which is forgotten when it arrives.
    pub(crate) letter: Option<Letter>,
    /// How much it counts, for as long as it is there.
    pub(crate) weight: Option<Weight>,
}

impl Parcel {
    /// How its rule's action does, where the lane in which it is tried again is not that action's.
    pub(crate) fn own_health(&self) -> Option<&Health> {
        self.letter.as_ref().filter(|it| it.unfinished)?;
        self.answerable.as_ref()?.health_of(&self.delivery)
    }
}

/// A dead letter that is tried again.
pub(crate) struct Letter {
    pub(crate) id: i64,
    /// Whether the last stop left it: if it is given up, that is news.
    pub(crate) unfinished: bool,
    /// It is tried by nobody else meanwhile.
    pub(crate) _turn: Turn,
}

/// The message that something is delivered of.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) topic: Box<str>,
    pub(crate) payload: Bytes,
    pub(crate) client_id: Option<Box<str>>,
    pub(crate) principal: Option<Box<str>>,
    pub(crate) trace_id: String,
}

impl Origin {
    pub(crate) fn message(&self) -> Message<'_> {
        Message {
            topic: &self.topic,
            payload: &self.payload,
            client_id: self.client_id.as_deref(),
            principal: self.principal.as_deref(),
            trace_id: Some(&self.trace_id),
        }
    }
}

/// A random id for the way of a message (RFC 9562 §5.4).
pub(crate) fn trace_id() -> String {
    let bits = fastrand::u128(..) & !(0xf000 << 64) & !(0xc << 60) | (0x4000 << 64) | (0x8 << 60);
    let digits = format!("{bits:032x}");
    let mut id = String::with_capacity(36);
    for (at, digit) in digits.chars().enumerate() {
        if matches!(at, 8 | 12 | 16 | 20) {
            id.push('-');
        }
        // Writing to a text cannot fail.
        let _ = id.write_char(digit);
    }
    id
}

/// Bytes that count as waiting until this is dropped.
pub(crate) struct Weight {
    all: Arc<AtomicUsize>,
    own: usize,
}

impl Weight {
    /// Counts `own` bytes into `all`, if that stays within `most`.
    pub(crate) fn of(all: &Arc<AtomicUsize>, own: usize, most: usize) -> Option<Self> {
        let added = all.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |sum| {
            sum.checked_add(own).filter(|sum| *sum <= most)
        });
        added.ok().map(|_| Self { all: Arc::clone(all), own })
    }
}

impl Drop for Weight {
    fn drop(&mut self) {
        self.all.fetch_sub(self.own, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_id_is_a_random_uuid() {
        let (id, other) = (trace_id(), trace_id());

        let groups: Vec<_> = id.split('-').map(str::len).collect();
        assert_eq!(groups, [8, 4, 4, 4, 12]);
        assert_eq!(&id[14..15], "4");
        assert!("89ab".contains(&id[19..20]), "{id}");
        assert_ne!(id, other);
    }

    #[test]
    fn what_would_be_too_much_is_not_counted() {
        let all = Arc::new(AtomicUsize::new(0));
        let first = Weight::of(&all, 6, 10);

        let too_much = Weight::of(&all, 5, 10).is_none();
        drop(first);
        let fits = Weight::of(&all, 5, 10).is_some();

        assert!(too_much && fits);
        assert_eq!(all.load(Ordering::Relaxed), 0);
    }
}
