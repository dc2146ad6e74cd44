//! What a template's text can be, as far as that is known before there is a message.

use super::{
    overlap::{Pattern, Piece},
    statement::Expression,
    template::{Part, Template},
};

/// What a republished topic can be, of a message that `filter` selected. `$$` begins a reserved
/// topic, whose name begins with one `$`, wherever in the template the two come from.
pub(super) fn republished(topic: &Template, filter: &str) -> Pattern {
    let mut pattern = filled(topic, filter);
    pattern.undouble_first('$');
    pattern
}

/// What a template's text can be.
pub(super) fn filled(template: &Template, filter: &str) -> Pattern {
    let mut pattern = Pattern::default();
    for part in template.parts() {
        match part {
            Part::Fixed(text) => pattern.push_text(text),
            Part::Computed(expression) => pattern.append(computed(expression, filter)),
        }
    }
    pattern
}

/// What an expression's text can be.
fn computed(expression: &Expression, filter: &str) -> Pattern {
    let mut pattern = Pattern::default();
    if let Expression::Text(text) = expression {
        pattern.push_text(text);
    } else if let Expression::Call { function, arguments, .. } = expression {
        return called(function.name(), arguments, filter);
    } else {
        pattern.push(Piece::Any);
    }
    pattern
}

/// What a function's text can be.
fn called(function: &str, arguments: &[Expression], filter: &str) -> Pattern {
    let one = |piece| {
        let mut pattern = Pattern::default();
        pattern.push(piece);
        pattern
    };
    match (function, arguments) {
        ("topic", []) => Pattern::of_filter(filter),
        ("topic", [Expression::Number(number)]) => level(filter, number.floor_i64()),
        ("topic", _) => one(Piece::Level),
        // clientid() is n/a when no client sent the message, and that has a slash.
        ("accountid" | "newuuid" | "principal" | "timestamp" | "traceid", _) => one(Piece::Level),
        ("md5" | "sha1" | "sha224" | "sha256" | "sha384" | "sha512", _) => one(Piece::Level),
        _ => one(Piece::Any),
    }
}

/// What the level with this number, from 1, of a topic that `filter` selects can be.
fn level(filter: &str, number: i64) -> Pattern {
    let mut pattern = Pattern::default();
    let index = usize::try_from(number - 1).ok();
    match index.and_then(|index| filter.split('/').nth(index)) {
        Some(level) if !matches!(level, "+" | "#") => pattern.push_text(level),
        _ => pattern.push(Piece::Level),
    }
    pattern
}
