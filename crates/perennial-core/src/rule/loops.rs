//! Rules whose messages would come back to them: directly, by way of other rules, or of notice
//! topics whose subscribers are topics of the broker.
//!
//! What a topic will be is known only in part, so what is asked is whether it *may* match: a rule
//! whose payload's sender can choose the topic is a loop that the sender can start.

use super::{
    overlap::{Pattern, Piece},
    reach::{filled, republished},
    ready::Rule,
    template::Template,
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
    /// The ARNs of its notice topics.
    pub notices: &'r [Template],
}

/// A notice topic's subscription that brings its messages back to the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relay {
    /// The notice topic's name.
    pub notice_topic: String,
    /// The broker's topic.
    pub topic: String,
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
    /// The rule whose message it is.
    pub from: String,
    /// The topic as the action or the subscription has it.
    pub topic: String,
    /// The notice topic by whose subscription it gets there.
    pub by: Option<String>,
    /// The rule that takes the message.
    pub to: String,
    /// The filter by which it does.
    pub filter: String,
}

fn told(steps: &[Hop]) -> String {
    let hops = steps.iter().map(|Hop { from, topic, by, to, filter }| {
        let way = match by {
            None => format!("republishes to '{topic}'"),
            Some(by) => {
                format!("publishes to the notice topic {by}, whose subscriber is '{topic}'")
            }
        };
        format!("rule {from} {way}, which rule {to} takes by '{filter}'")
    });
    let hops: Vec<String> = hops.collect();
    format!(
        "the messages of this rule may come back to it for ever: {}. Republish under a first \
         level of its own",
        hops.join("; ")
    )
}

/// A way by which a rule's messages come back to the broker.
#[derive(Clone)]
struct Way {
    pattern: Pattern,
    topic: String,
    by: Option<String>,
}

/// Looks for a way from `start` back to it, by way of the `others` and of `relays`.
///
/// # Errors
/// The shortest [`Loop`].
pub fn check(
    start: Republishing<'_>,
    others: &[Republishing<'_>],
    relays: &[Relay],
) -> Result<(), Loop> {
    let others = others.iter().filter(|other| other.name != start.name);
    let rules: Vec<Republishing<'_>> = std::iter::once(start).chain(others.copied()).collect();
    // For each rule reached: from which rule, and by which way.
    let mut reached_from: Vec<Option<(usize, Way)>> = vec![None; rules.len()];
    let mut queue = std::collections::VecDeque::from([0]);
    while let Some(index) = queue.pop_front() {
        for way in ways(rules[index], relays) {
            for (next, rule) in rules.iter().enumerate() {
                if reached_from[next].is_none()
                    && way.pattern.meets(&Pattern::of_filter(rule.rule.filter()))
                {
                    reached_from[next] = Some((index, way.clone()));
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

fn ways<'w>(rule: Republishing<'w>, relays: &'w [Relay]) -> impl Iterator<Item = Way> + use<'w> {
    let filter = rule.rule.filter();
    let own = rule.topics.iter().map(move |topic| Way {
        pattern: republished(topic, filter),
        topic: topic.to_string(),
        by: None,
    });
    let relayed = relays.iter().filter(move |relay| rule.notifies(&relay.notice_topic));
    let by_notices = relayed.map(|Relay { notice_topic, topic }| {
        let mut pattern = Pattern::default();
        pattern.push_text(topic);
        Way { pattern, topic: topic.clone(), by: Some(notice_topic.clone()) }
    });
    own.chain(by_notices)
}

impl Republishing<'_> {
    /// Whether it may publish to the notice topic of this name.
    pub fn notifies(&self, notice_topic: &str) -> bool {
        // An ARN ends with the name; whose account and region it says is asked when it is run.
        let mut named = Pattern::default();
        named.push(Piece::Any);
        named.push_text(":");
        named.push_text(notice_topic);
        self.notices.iter().any(|arn| filled(arn, self.rule.filter()).meets(&named))
    }
}

fn steps_back(rules: &[Republishing<'_>], reached_from: &[Option<(usize, Way)>]) -> Vec<Hop> {
    let mut steps = Vec::new();
    let mut to = 0;
    while let Some((from, way)) = &reached_from[to] {
        steps.push(Hop {
            from: rules[*from].name.to_owned(),
            topic: way.topic.clone(),
            by: way.by.clone(),
            to: rules[to].name.to_owned(),
            filter: rules[to].rule.filter().to_owned(),
        });
        to = *from;
        if to == 0 {
            break;
        }
    }
    steps.reverse();
    steps
}
