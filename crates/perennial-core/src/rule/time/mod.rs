//! Date and time patterns: Joda-Time's, by which times are written, and Java's, by which they
//! are read.

mod read;
mod write;
mod zone;

/// Whose letters a pattern has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Joda-Time's `DateTimeFormat`, for writing.
    Joda,
    /// Java's `DateTimeFormatter`, for reading.
    Java,
}

/// A pattern, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(char),
    Field { letter: char, count: usize },
}

/// More of one letter is no use.
const MAX_COUNT: usize = 20;
const MILLIS_A_DAY: i64 = 86_400_000;
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

impl Dialect {
    const fn letters(self) -> &'static str {
        match self {
            Self::Joda => "GCYxweEyDMdaKhHkmsSzZ",
            Self::Java => "GuyMLdDEahHkKmsSVzXxZO",
        }
    }
}

impl Layout {
    /// Takes `pattern` apart, or says what is wrong with it.
    pub(super) fn parse(pattern: &str, dialect: Dialect) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = pattern;
        while let Some(first) = rest.chars().next() {
            if first == '\'' {
                rest = quoted(&rest[1..], &mut pieces)
                    .ok_or_else(|| problem("a ' has no other behind it"))?;
                continue;
            }
            let count = rest.chars().take_while(|c| *c == first).count();
            let (run, behind) = rest.split_at(count * first.len_utf8());
            rest = behind;
            if first.is_ascii_alphabetic() {
                pieces.push(field(first, count, dialect)?);
            } else if dialect == Dialect::Java && "[]{}#".contains(first) {
                return Err(problem(&format!("{first} is not offered here")));
            } else {
                pieces.extend(run.chars().map(Piece::Literal));
            }
        }
        Ok(Self(pieces))
    }
}

/// The literal text up to the next single quote, and what is behind that; two are one quote.
fn quoted<'t>(text: &'t str, pieces: &mut Vec<Piece>) -> Option<&'t str> {
    let mut chars = text.char_indices().peekable();
    if let Some(behind) = text.strip_prefix('\'') {
        pieces.push(Piece::Literal('\''));
        return Some(behind);
    }
    while let Some((at, c)) = chars.next() {
        if c == '\'' && chars.next_if(|(_, next)| *next == '\'').is_none() {
            return Some(&text[at + 1..]);
        }
        pieces.push(Piece::Literal(c));
    }
    None
}

fn field(letter: char, count: usize, dialect: Dialect) -> Result<Piece, String> {
    if !dialect.letters().contains(letter) {
        return Err(problem(&format!("the letter {letter} is not offered here")));
    }
    if count > MAX_COUNT || (letter == 'z' && count > 3) {
        return Err(problem(&format!("{letter} stands there too often")));
    }
    Ok(Piece::Field { letter, count })
}

fn problem(what: &str) -> String {
    format!("expected a date and time pattern: {what}")
}
