//! Slots: which stored credential is in use, which was before, and which is being tried.

use serde::{Deserialize, Serialize};

/// One credential in the device's key store: a key, and its certificate once it has come.
///
/// Numbered in the order in which they were made; a number is never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Generation(pub u64);

/// A credential by its role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Slot {
    /// The one in use before the current one, kept until the next rotation begins.
    Previous,
    /// The one in use.
    Current,
    /// The one a rotation is about to prove.
    Candidate,
}

/// Which generation has which role.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Slots {
    /// Kept to fall back to.
    pub previous: Option<Generation>,
    /// In use.
    pub current: Generation,
    /// Being made, certified or tried.
    pub candidate: Option<Generation>,
    /// The number of the next credential to be made.
    pub next: Generation,
}

impl Slots {
    /// A device that holds one credential, generation `current`.
    pub const fn holding(current: Generation) -> Self {
        Self { previous: None, current, candidate: None, next: Generation(current.0 + 1) }
    }

    /// The generation in `slot`.
    pub const fn generation(&self, slot: Slot) -> Option<Generation> {
        match slot {
            Slot::Previous => self.previous,
            Slot::Current => Some(self.current),
            Slot::Candidate => self.candidate,
        }
    }

    /// Whether some slot has `generation`; what no slot has may be swept.
    pub fn holds(&self, generation: Generation) -> bool {
        [self.previous, Some(self.current), self.candidate].contains(&Some(generation))
    }

    /// Gives the candidate slot to a fresh generation, and returns those that lost their slot:
    /// the candidate and the previous credential.
    pub(super) fn begin(&mut self) -> Vec<Generation> {
        let fresh = self.next;
        self.next = Generation(fresh.0 + 1);
        [self.candidate.replace(fresh), self.previous.take()].into_iter().flatten().collect()
    }

    /// The candidate becomes current, and the current one previous.
    pub(super) fn promote(&mut self) {
        if let Some(candidate) = self.candidate.take() {
            self.previous = Some(std::mem::replace(&mut self.current, candidate));
        }
    }

    /// The previous credential becomes current again; the other is kept in its place.
    pub(super) fn swap(&mut self) {
        if let Some(previous) = &mut self.previous {
            std::mem::swap(previous, &mut self.current);
        }
    }
}
