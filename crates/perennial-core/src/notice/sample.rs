//! A sample of what a notice folds: the first and the latest, never more.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// How many of the first are kept.
const FIRST: usize = 5;
/// How many are kept in all.
pub(super) const MOST: usize = 10;
/// The longest text that is kept of one, in bytes.
const LONGEST: usize = 300;

/// One of those that a notice folds.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sampled {
    /// What it is about: a thing, a certificate, a task.
    pub subject: String,
    /// What happened, in words.
    pub text: String,
    /// When.
    pub at: Timestamp,
}

/// The first and the latest of those that a notice folds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sample(Vec<Sampled>);

impl Sample {
    /// The most that it holds.
    pub const MOST: usize = MOST;

    /// Takes one in, and lets go of one that is neither of the first nor of the latest.
    pub(super) fn add(&mut self, mut sampled: Sampled) {
        cut(&mut sampled.subject);
        cut(&mut sampled.text);
        if self.0.len() == MOST {
            self.0.remove(FIRST);
        }
        self.0.push(sampled);
    }

    /// Those that it holds, the earliest first.
    pub fn as_slice(&self) -> &[Sampled] {
        &self.0
    }
}

/// Shortens a text that others may have made as long as they liked.
pub(super) fn cut(text: &mut String) {
    if text.len() > LONGEST {
        text.truncate(text.floor_char_boundary(LONGEST - '…'.len_utf8()));
        text.push('…');
    }
}
