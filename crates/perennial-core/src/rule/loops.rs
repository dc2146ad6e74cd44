//! Rules whose republished messages would come back to them, directly or by way of others.
//!
//! What a republished topic will be is known only in part, so what is asked is whether it *may*
//! match: a rule whose payload's sender can choose the topic is a loop that the sender can start.

use super::{
    overlap::{Pattern, Piece},
    ready::Rule,
    statement::Expression,
    template::{Part, Template},
};

/// A rule, as far as loops are concerned.
#[derive(Debug, Clone, Copy)]
pub struct Republishing<'r> {
    /// Its name.
    pub name: &'r str,
    /// Its statement.
    pub rule: &'r Rule,
    /// The topics of its republish actions.
    pub topics: &'r [Template],
}

/// A way back to a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", told(.steps))]
pub struct Loop {
    /// From the rule back to it: each rule, its republished topic and the filter that takes it.
    pub steps: Vec<Hop>,
}

/// One step of a loop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// The rule that republishes.
    pub from: String,
    /// The topic as the action has it.
    pub topic: String,
    /// The rule that takes the message.
    pub to: String,
    /// The filter by which it does.
    pub filter: String,
}

fn told(steps: &[Hop]) -> String {
    let hops = steps.iter().map(|Hop { from, topic, to, filter }| {
        format!("rule {from} republishes to '{topic}', which rule {to} takes by '{filter}'")
    });
    let hops: Vec<String> = hops.collect();
    format!(
        "the messages of this rule may come back to it for ever: {}. Republish under a first \
         level of its own",
        hops.join("; ")
    )
}

/// Looks for a way from `start` back to it, by way of the `others`.
///
/// # Errors
/// The shortest [`Loop`].
pub fn check(start: Republishing<'_>, others: &[Republishing<'_>]) -> Result<(), Loop> {
    let others = others.iter().filter(|other| other.name != start.name);
    let rules: Vec<Republishing<'_>> = std::iter::once(start).chain(others.copied()).collect();
    // For each rule reached: from which rule, and by which topic.
    let mut reached_from: Vec<Option<(usize, &Template)>> = vec![None; rules.len()];
    let mut queue = std::collections::VecDeque::from([0]);
    while let Some(index) = queue.pop_front() {
        for topic in rules[index].topics {
            let pattern = republished(topic, rules[index].rule.filter());
            for (next, rule) in rules.iter().enumerate() {
                if reached_from[next].is_none()
                    && pattern.meets(&Pattern::of_filter(rule.rule.filter()))
                {
                    reached_from[next] = Some((index, topic));
                    queue.push_back(next);
                }
            }
            if reached_from[0].is_some() {
                return Err(Loop { steps: steps_back(&rules, &reached_from) });
            }
        }
    }
    Ok(())
}

fn steps_back(rules: &[Republishing<'_>], reached_from: &[Option<(usize, &Template)>]) -> Vec<Hop> {
    let mut steps = Vec::new();
    let mut to = 0;
    while let Some((from, topic)) = reached_from[to] {
        steps.push(Hop {
            from: rules[from].name.to_owned(),
            topic: topic.to_string(),
            to: rules[to].name.to_owned(),
            filter: rules[to].rule.filter().to_owned(),
        });
        to = from;
        if to == 0 {
            break;
        }
    }
    steps.reverse();
    steps
}

/// What a republished topic can be, of a message that `filter` selected. `$$` begins a reserved
/// topic, whose name begins with one `$`.
fn republished(topic: &Template, filter: &str) -> Pattern {
    let mut pattern = Pattern::default();
    for (index, part) in topic.parts().iter().enumerate() {
        match part {
            Part::Fixed(text) => {
                let reserved = index == 0 && text.starts_with("$$");
                pattern.push_text(if reserved { &text[1..] } else { text });
            }
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
