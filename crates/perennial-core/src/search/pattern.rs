//! Patterns: a text of which `?` leaves one character open and `*` at the end the rest.

use std::fmt;

use super::lexer::Letter;

/// What a value is held against. Case makes no difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// Each character; `None` is any.
    letters: Vec<Option<char>>,
    /// Whether anything may follow.
    open: bool,
}

impl Pattern {
    /// Just this text.
    pub(super) fn exactly(text: &str) -> Self {
        Self { letters: text.chars().map(Some).collect(), open: false }
    }

    /// A word with wildcards; `None` when `*` is not its end.
    pub(super) fn of_word(word: &[Letter]) -> Option<Self> {
        let (word, open) = match word.split_last() {
            Some((Letter::Plain('*'), rest)) => (rest, true),
            Some(_) | None => (word, false),
        };
        let letter = |letter: &Letter| match *letter {
            Letter::Plain('*') => None,
            Letter::Plain('?') => Some(None),
            Letter::Plain(c) | Letter::Escaped(c) => Some(Some(c)),
        };
        Some(Self { letters: word.iter().map(letter).collect::<Option<_>>()?, open })
    }

    /// Whether a value meets it.
    pub(super) fn matches(&self, value: &str) -> bool {
        let mut values = value.chars();
        let each = self.letters.iter().all(|letter| match (letter, values.next()) {
            (Some(letter), Some(value)) => letter.eq_ignore_ascii_case(&value),
            (None, Some(_)) => true,
            (Some(_) | None, None) => false,
        });
        each && (self.open || values.next().is_none())
    }

    /// What all that meets it begins with, and whether that is the whole of it.
    pub(super) fn beginning(&self) -> (String, bool) {
        let text: String = self.letters.iter().map_while(|letter| *letter).collect();
        let whole = !self.open && self.letters.iter().all(Option::is_some);
        (text, whole)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (text, whole) = self.beginning();
        if whole {
            return write_quoted(f, &text);
        }
        for letter in &self.letters {
            match letter {
                Some(letter) => write_escaped(f, letter.encode_utf8(&mut [0; 4]))?,
                None => f.write_str("?")?,
            }
        }
        f.write_str(if self.open { "*" } else { "" })
    }
}

/// Writes a text so that it reads back as it is, whatever is in it.
pub(super) fn write_quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str("\"")?;
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            f.write_str("\\")?;
        }
        write!(f, "{c}")?;
    }
    f.write_str("\"")
}

/// Writes a text as part of a word.
pub(super) fn write_escaped(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    for c in text.chars() {
        if !c.is_ascii_alphanumeric() {
            f.write_str("\\")?;
        }
        write!(f, "{c}")?;
    }
    Ok(())
}
