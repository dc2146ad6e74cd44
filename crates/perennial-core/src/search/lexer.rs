//! From a query's text to its words and signs.

use super::{QueryError, Wrong};

/// A piece of a query, with where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) at: usize,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Open,
    Close,
    Colon,
    /// `>` or `<`, and whether `=` follows.
    Compare {
        greater: bool,
        or_equal: bool,
    },
    /// `[` or `{`.
    From {
        inclusive: bool,
    },
    /// `]` or `}`.
    To {
        inclusive: bool,
    },
    /// `-` before a term.
    Minus,
    Word(Vec<Letter>),
    Quoted(String),
}

/// A character of a word, and whether a backslash stands before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Letter {
    Plain(char),
    Escaped(char),
}

impl Letter {
    pub(super) const fn char(self) -> char {
        match self {
            Self::Plain(c) | Self::Escaped(c) => c,
        }
    }
}

impl Kind {
    /// Whether it is this word, written without backslashes.
    pub(super) fn is(&self, keyword: &str) -> bool {
        let Self::Word(letters) = self else { return false };
        letters.iter().copied().eq(keyword.chars().map(Letter::Plain))
    }
}

/// Cuts a query into its pieces.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, QueryError> {
    let mut cutter = Cutter { chars: text.chars().collect(), next: 0, in_range: false };
    let mut tokens: Vec<Token> = Vec::new();
    loop {
        while cutter.peek().is_some_and(char::is_whitespace) {
            cutter.next += 1;
        }
        let at = cutter.next + 1;
        let Some(first) = cutter.peek() else { return Ok(tokens) };
        let before = tokens.last().map(|token| &token.kind);
        let kind = cutter.token(first, before).map_err(|wrong| QueryError { at, wrong })?;
        tokens.push(Token { at, kind });
    }
}

struct Cutter {
    chars: Vec<char>,
    next: usize,
    in_range: bool,
}

/// What ends a word unless a backslash stands before it.
fn ends_word(c: char) -> bool {
    c.is_whitespace() || matches!(c, '(' | ')' | '[' | ']' | '{' | '}' | '"' | ':' | '<' | '>')
}

impl Cutter {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.next).copied()
    }

    fn token(&mut self, first: char, before: Option<&Kind>) -> Result<Kind, Wrong> {
        let excludes = self.is_minus(before);
        self.next += 1;
        Ok(match first {
            '(' => Kind::Open,
            ')' => Kind::Close,
            ':' => Kind::Colon,
            '[' | '{' => {
                self.in_range = true;
                Kind::From { inclusive: first == '[' }
            }
            ']' | '}' => {
                self.in_range = false;
                Kind::To { inclusive: first == ']' }
            }
            '>' | '<' => {
                let or_equal = self.peek() == Some('=');
                self.next += usize::from(or_equal);
                Kind::Compare { greater: first == '>', or_equal }
            }
            '"' => Kind::Quoted(self.quoted()?),
            '-' if excludes => Kind::Minus,
            _ => {
                self.next -= 1;
                Kind::Word(self.word()?)
            }
        })
    }

    /// A hyphen takes away what follows it, but for one that begins a value, such as a number.
    fn is_minus(&self, before: Option<&Kind>) -> bool {
        let follows = self.chars.get(self.next + 1).is_some_and(|c| !c.is_whitespace());
        let is_value = matches!(before, Some(Kind::Colon | Kind::Compare { .. }));
        follows && !is_value && !self.in_range
    }

    fn word(&mut self) -> Result<Vec<Letter>, Wrong> {
        let mut letters = Vec::new();
        while let Some(c) = self.peek().filter(|c| !ends_word(*c)) {
            self.next += 1;
            letters.push(if c == '\\' { self.escaped()? } else { Letter::Plain(c) });
        }
        Ok(letters)
    }

    fn escaped(&mut self) -> Result<Letter, Wrong> {
        let c = self.peek().ok_or(Wrong::Expected("a character behind the backslash"))?;
        self.next += 1;
        Ok(Letter::Escaped(c))
    }

    fn quoted(&mut self) -> Result<String, Wrong> {
        let mut text = String::new();
        loop {
            let c = self.peek().ok_or(Wrong::Unquoted)?;
            self.next += 1;
            match c {
                '"' => return Ok(text),
                '\\' => text.push(self.escaped()?.char()),
                _ => text.push(c),
            }
        }
    }
}
