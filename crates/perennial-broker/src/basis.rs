//! What rights come from, and whether that has changed since.
//!
//! A change of something that many share, such as a policy, is not carried to each connection. It
//! is marked in a [`Source`], and whoever's rights come from it is judged anew before the next
//! thing it does or receives.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// Something that the rights of many come from; whoever changes it says so here.
#[derive(Debug, Default)]
pub struct Source(AtomicU64);

impl Source {
    /// Makes everything that was read from it before out of date.
    ///
    /// Only within [`BrokerHandle::sources_changed`](crate::BrokerHandle::sources_changed), or
    /// connections may miss it.
    pub fn mark_changed(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// What an answer of the registry was read from, in the state in which it was read.
#[derive(Debug, Clone, Default)]
pub struct Basis {
    sources: Box<[Arc<Source>]>,
    seen: u64,
}

impl Basis {
    /// These sources as they are.
    pub fn new(sources: Vec<Arc<Source>>) -> Self {
        let seen = sum(&sources);
        Self { sources: sources.into(), seen }
    }

    /// Whether none of them has changed since.
    pub fn is_current(&self) -> bool {
        // Their numbers only grow, so that equal sums are equal numbers.
        sum(&self.sources) == self.seen
    }

    /// Says of it that something has changed.
    pub(crate) fn make_outdated(&mut self) {
        self.seen = self.seen.wrapping_sub(1);
    }

    /// This and that.
    pub(crate) fn and(&self, other: Option<&Self>) -> Self {
        let Some(other) = other else { return self.clone() };
        let sources = self.sources.iter().chain(&other.sources).cloned().collect();
        Self { sources, seen: self.seen.wrapping_add(other.seen) }
    }
}

fn sum(sources: &[Arc<Source>]) -> u64 {
    let add = |sum: u64, source: &Arc<Source>| sum.wrapping_add(source.0.load(Ordering::SeqCst));
    sources.iter().fold(0, add)
}
