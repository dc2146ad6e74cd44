//! Slots: which stored credential is in use, which was before, and which is being tried.

use std::fmt;

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
    /// The other one that was certified: in use before the current one, or given up as a candidate.
    /// Kept until the next certificate comes, since the server may have decided for it.
    Previous,
    /// The one in use.
    Current,
    /// The one a rotation is about to prove.
    Candidate,
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Previous => "previous",
            Self::Current => "current",
            Self::Candidate => "candidate",
        })
    }
}

/// Which generation has which role.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Slots {
    /// Certified too, and kept to fall back to.
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

    /// Gives the candidate slot to a fresh generation, and returns the one that lost its slot.
    pub(super) fn begin(&mut self, candidate_is_certified: bool) -> Option<Generation> {
        let dropped = self.set_aside(candidate_is_certified);
        self.candidate = Some(self.next);
        self.next = Generation(self.next.0 + 1);
        dropped
    }

    /// Empties the candidate slot: a certified candidate is kept as the previous credential.
    /// Returns the one that lost its slot.
    pub(super) fn set_aside(&mut self, candidate_is_certified: bool) -> Option<Generation> {
        let candidate = self.candidate.take()?;
        if candidate_is_certified { self.previous.replace(candidate) } else { Some(candidate) }
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
