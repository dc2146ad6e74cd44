//! An SQL text in words, numbers, texts and symbols.

use std::{borrow::Cow, fmt};

use super::error::SqlError;

/// What a text is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind<'t> {
    /// A keyword, a name or a function.
    Word(&'t str),
    /// A number without sign.
    Number(&'t str),
    /// A text in single or double quotes; a quote in it is doubled.
    Text(Cow<'t, str>),
    /// An operator or punctuation.
    Symbol(&'static str),
    /// Nothing is left.
    End,
}

/// One piece, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token<'t> {
    pub(super) kind: Kind<'t>,
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Token<'_> {
    /// Whether it is this keyword, in any case.
    pub(super) fn is_word(&self, keyword: &str) -> bool {
        matches!(self.kind, Kind::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    /// Whether it is this symbol.
    pub(super) fn is_symbol(&self, symbol: &str) -> bool {
        matches!(self.kind, Kind::Symbol(found) if found == symbol)
    }
}

impl fmt::Display for Kind<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) | Self::Number(word) => short(f, word),
            Self::Text(text) => {
                f.write_str("the text '")?;
                short(f, text)?;
                f.write_str("'")
            }
            Self::Symbol(symbol) => f.write_str(symbol),
            Self::End => f.write_str("the end"),
        }
    }
}

fn short(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let mut chars = text.chars();
    let shown: String = chars.by_ref().take(32).collect();
    write!(f, "{shown}{}", if chars.next().is_some() { "…" } else { "" })
}

/// Longer symbols first: `<=` is not `<` and `=`.
const SYMBOLS: [&str; 21] = [
    "<>", "!=", "<=", ">=", "(", ")", "[", "]", "{", "}", ",", ":", ".", "*", "+", "-", "/", "%",
    "=", "<", ">",
];

/// The piece of `text` that begins at `at` or after it.
pub(super) fn token(text: &str, at: usize) -> Result<Token<'_>, SqlError> {
    let rest = text.get(at..).unwrap_or_default();
    let start = at + (rest.len() - rest.trim_start().len());
    let rest = rest.trim_start();
    let Some(first) = rest.chars().next() else {
        return Ok(Token { kind: Kind::End, start, end: start });
    };
    let (kind, length) = if is_name_start(first) {
        let length = rest.find(|c| !is_name_part(c)).unwrap_or(rest.len());
        (Kind::Word(&rest[..length]), length)
    } else if first.is_ascii_digit() {
        let length = number_length(rest);
        (Kind::Number(&rest[..length]), length)
    } else if matches!(first, '\'' | '"') {
        quoted(rest, first).ok_or_else(|| {
            SqlError::at(text, start, format!("expected {first} where this text ends"))
        })?
    } else if let Some(symbol) = SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol)) {
        (Kind::Symbol(symbol), symbol.len())
    } else {
        let problem = format!("expected SQL, found {first:?}{}", hint(first));
        return Err(SqlError::at(text, start, problem));
    };
    Ok(Token { kind, start, end: start + length })
}

const fn hint(found: char) -> &'static str {
    match found {
        '–' | '—' => ": minus is -",
        '‘' | '’' | '“' | '”' => ": quotes are ' and \"",
        '`' => ": a name that is no word is reached by get(of, 'the name')",
        '@' => ": variables (SET) are not offered here",
        _ => "",
    }
}

fn is_name_start(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

fn is_name_part(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// How long the number at the start is: `1`, `1.5`, `1E-5`.
fn number_length(text: &str) -> usize {
    let digits = |from: usize| {
        let rest = text.get(from..).unwrap_or_default();
        rest.bytes().take_while(u8::is_ascii_digit).count()
    };
    let mut length = digits(0);
    if text[length..].starts_with('.') && digits(length + 1) > 0 {
        length += 1 + digits(length + 1);
    }
    if text[length..].starts_with(['e', 'E']) {
        let sign = usize::from(text[length + 1..].starts_with(['+', '-']));
        let exponent = digits(length + 1 + sign);
        if exponent > 0 {
            length += 1 + sign + exponent;
        }
    }
    length
}

/// The text in quotes at the start, and how long it is with them.
fn quoted(text: &str, quote: char) -> Option<(Kind<'_>, usize)> {
    let mut end = 1;
    loop {
        end += text.get(end..)?.find(quote)?;
        if !text[end + 1..].starts_with(quote) {
            break;
        }
        end += 2;
    }
    let inner = &text[1..end];
    let (twice, once) = (format!("{quote}{quote}"), quote.to_string());
    let inner = if inner.contains(&twice) {
        Cow::Owned(inner.replace(&twice, &once))
    } else {
        Cow::Borrowed(inner)
    };
    Some((Kind::Text(inner), end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<Kind<'_>> {
        let mut kinds = Vec::new();
        let mut at = 0;
        loop {
            let token = token(text, at).unwrap();
            at = token.end;
            if token.kind == Kind::End {
                return kinds;
            }
            kinds.push(token.kind);
        }
    }

    #[test]
    fn a_text_comes_apart() {
        let kinds = kinds("a1<=1.5e-3 .b 'it''s' \"x\"5.c");

        let text = |text| Kind::Text(Cow::Borrowed(text));
        let (number, symbol) = (Kind::Number, Kind::Symbol);
        assert_eq!(
            kinds,
            [
                Kind::Word("a1"),
                symbol("<="),
                number("1.5e-3"),
                symbol("."),
                Kind::Word("b"),
                text("it's"),
                text("x"),
                number("5"),
                symbol("."),
                Kind::Word("c"),
            ]
        );
    }

    #[test]
    fn what_is_no_sql_is_named_with_its_place() {
        let problem = |text: &str| token(text, 0).unwrap_err().to_string();

        assert_eq!(problem("\n  'abc"), "line 2, column 3: expected ' where this text ends");
        assert_eq!(problem("–"), "line 1, column 1: expected SQL, found '–': minus is -");
        assert!(problem("`a`").contains("get("));
    }
}
