//! Matching of `*` and `?`: in one pass with one point of return, never exponential.
//!
//! A compiled pattern is bytes: literal text in UTF-8, and for the wildcards two bytes that no
//! UTF-8 text has. So a literal `*`, or one that came from a variable, cannot be a wildcard.

/// Stands for `*`: any characters, or none.
const ANY_RUN: u8 = 0xFF;
/// Stands for `?`: one character.
const ANY_ONE: u8 = 0xFE;

/// A compiled pattern.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Glob(Vec<u8>);

impl Glob {
    /// The pattern `text`, in which `*` and `?` are wildcards.
    pub(super) fn with_wildcards(text: &str) -> Self {
        let mut glob = Self::default();
        glob.push_wildcards(text);
        glob
    }

    /// Appends `text`, in which `*` and `?` are wildcards.
    pub(super) fn push_wildcards(&mut self, text: &str) {
        self.0.extend(text.bytes().map(|byte| match byte {
            b'*' => ANY_RUN,
            b'?' => ANY_ONE,
            other => other,
        }));
    }

    /// Appends `text` as it stands.
    pub(super) fn push_literal(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    /// Appends another pattern.
    pub(super) fn append(&mut self, other: &Self) {
        self.0.extend_from_slice(&other.0);
    }

    /// Whether the pattern covers the whole of `text`.
    pub(super) fn matches(&self, text: &str) -> bool {
        matches(&self.0, text.as_bytes())
    }

    /// The same pattern with its ASCII letters in lower case.
    pub(super) fn to_ascii_lowercase(&self) -> Self {
        Self(self.0.to_ascii_lowercase())
    }

    /// The compiled bytes, for [`matches`].
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// What remains to be matched once `prefix` is: the ends of the pattern, given by where they
    /// begin, of which any one has to cover the rest of the text. None when `prefix` does not fit.
    ///
    /// There are at most as many as `prefix` has characters, plus one; mostly there is one.
    pub(super) fn after_prefix(&self, prefix: &str) -> Vec<usize> {
        let literal = self.literal_before(prefix);
        let mut begins = vec![literal];
        for c in prefix.get(literal..).unwrap_or_default().chars() {
            let step = begins.iter().flat_map(|begin| self.step(*begin, c)).collect();
            begins = without_covered(&self.0, step);
        }
        begins
    }

    /// How many bytes of `prefix` the pattern begins with as they stand, in whole characters.
    fn literal_before(&self, prefix: &str) -> usize {
        // No wildcard's byte is in a text, so this ends before the first wildcard.
        let same = self.0.iter().zip(prefix.as_bytes()).take_while(|(a, b)| a == b).count();
        prefix.floor_char_boundary(same)
    }

    /// Where the pattern can stand after the character `c` when it stood at `at` before.
    fn step(&self, at: usize, c: char) -> Vec<usize> {
        let mut next = Vec::new();
        let mut at = at;
        while self.0.get(at) == Some(&ANY_RUN) {
            next.push(at);
            at += 1;
        }
        let mut utf8 = [0; 4];
        let literal = c.encode_utf8(&mut utf8).as_bytes();
        if self.0.get(at) == Some(&ANY_ONE) {
            next.push(at + 1);
        } else if self.0.get(at..).is_some_and(|rest| rest.starts_with(literal)) {
            next.push(at + literal.len());
        }
        next
    }
}

/// Drops doubles, and what lies before the last `*` among them: that `*` covers it.
fn without_covered(pattern: &[u8], mut begins: Vec<usize>) -> Vec<usize> {
    begins.sort_unstable();
    begins.dedup();
    let last_run = begins.iter().rposition(|begin| pattern.get(*begin) == Some(&ANY_RUN));
    begins.split_off(last_run.unwrap_or(0))
}

/// Whether the compiled `pattern` covers the whole of `text`, which is UTF-8.
pub(super) fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Behind the last `*` seen, and how far into the text that `*` reaches so far.
    let mut retry: Option<(usize, usize)> = None;
    loop {
        match (pattern.get(p), text.get(t)) {
            (Some(&ANY_RUN), _) if p + 1 == pattern.len() => return true,
            (Some(&ANY_RUN), _) => {
                p += 1;
                let Some(at) = seek(pattern.get(p), text, t) else { return false };
                t = at;
                retry = Some((p, t));
            }
            (Some(&ANY_ONE), Some(_)) => {
                p += 1;
                t = next_char(text, t);
            }
            (Some(wanted), Some(found)) if wanted == found => {
                p += 1;
                t += 1;
            }
            (None, None) => return true,
            (Some(_) | None, Some(_) | None) => {
                let Some((behind, reach)) = retry.filter(|(_, reach)| *reach < text.len()) else {
                    return false;
                };
                let Some(at) = seek(pattern.get(behind), text, next_char(text, reach)) else {
                    return false;
                };
                (p, t) = (behind, at);
                retry = Some((p, t));
            }
        }
    }
}

/// The first place from `from` on where what comes behind a `*` can begin.
fn seek(wanted: Option<&u8>, text: &[u8], from: usize) -> Option<usize> {
    match wanted {
        None | Some(&(ANY_ONE | ANY_RUN)) => Some(from),
        Some(literal) => {
            let found = text.get(from..)?.iter().position(|byte| byte == literal)?;
            Some(from + found)
        }
    }
}

/// Where the character after the one at `at` begins.
fn next_char(text: &[u8], at: usize) -> usize {
    let continues = |byte: &&u8| **byte & 0b1100_0000 == 0b1000_0000;
    at + 1 + text.iter().skip(at + 1).take_while(continues).count()
}
