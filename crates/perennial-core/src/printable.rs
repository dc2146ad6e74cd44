//! Text that comes from others, so that a terminal shows it and does nothing else.

use std::{borrow::Cow, fmt::Write as _};

/// One line: whatever would move the cursor, begin another line, turn the direction of writing or
/// not be seen is written as an escape.
pub fn printable(text: &str) -> Cow<'_, str> {
    escaped(text, acts, escape)
}

/// What a log paints with: nothing of it hides a text or moves the cursor.
const COLOURS: [&str; 10] = [
    "\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[3m", "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[34m",
    "\x1b[35m", "\x1b[36m",
];

/// One line with the colours that a log paints it in, and nothing else that is no text.
pub fn printable_in_colours(text: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find('\x1b') {
        let (before, painted) = rest.split_at(at);
        out.push_str(&printable(before));
        let colour = COLOURS.into_iter().find(|colour| painted.starts_with(colour));
        out.push_str(colour.unwrap_or("\\u{1b}"));
        rest = &painted[colour.map_or(1, str::len)..];
    }
    out.push_str(&printable(rest));
    out
}

/// Several lines, each of them printable.
pub fn printable_lines(text: &str) -> Cow<'_, str> {
    escaped(text, |char| char != '\n' && acts(char), escape)
}

/// JSON, which has such characters only in its strings, with escapes of its own.
pub fn printable_json(json: &str) -> Cow<'_, str> {
    escaped(json, acts, |out, char| {
        for unit in char.encode_utf16(&mut [0; 2]) {
            // A string takes whatever is written to it.
            let _ = write!(out, "\\u{unit:04x}");
        }
    })
}

fn escape(out: &mut String, char: char) {
    out.extend(char.escape_default());
}

fn escaped(
    text: &str,
    acts: impl Fn(char) -> bool,
    escape: impl Fn(&mut String, char),
) -> Cow<'_, str> {
    if !text.contains(&acts) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for char in text.chars() {
        if acts(char) { escape(&mut out, char) } else { out.push(char) }
    }
    Cow::Owned(out)
}

/// Whether a terminal does something else with it than to show it.
fn acts(char: char) -> bool {
    char.is_control()
        || matches!(char,
            // Soft hyphen, and what joins, parts or hides.
            '\u{ad}' | '\u{34f}' | '\u{180e}' | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2064}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            // The direction of writing.
            | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{206f}'
            // Lines and paragraphs.
            | '\u{2028}' | '\u{2029}'
            // Tags and variations.
            | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_act_upon_is_written_as_an_escape() {
        let text = "boo\nffff  \x1b[2J\0 \u{202e}evil\u{2066} \u{9b}31m é 水 \u{e0041}";

        let (line, lines) = (printable(text), printable_lines("a\nb\r"));

        let escaped = "boo\\nffff  \\u{1b}[2J\\u{0} \\u{202e}evil\\u{2066} \\u{9b}31m ";
        assert!(line.starts_with(escaped), "{line}");
        assert_eq!(lines, "a\nb\\r");
        assert_eq!(printable_in_colours("\x1b[2ma\nb\x1b[2J"), "\x1b[2ma\\nb\\u{1b}[2J");
        assert_eq!(printable("pump-1 is warm: 21 °C"), "pump-1 is warm: 21 °C");
    }

    #[test]
    fn json_keeps_its_meaning() {
        let json = "{\"a\":\"\u{7f}\u{202e}x\u{e0041}\"}";

        let shown = printable_json(json);

        assert_eq!(shown, "{\"a\":\"\\u007f\\u202ex\\udb40\\udc41\"}");
    }
}
