//! What the policies of one connection allow: compiled once, asked for every packet.

use std::{ops::Range, sync::Arc};

use super::{
    action::Action,
    condition::{ConnectFeatures, Resolved},
    document::Document,
    pattern::{self, Glob},
    request::{Decision, Request},
    scope::Scope,
    statement::{Effect, Statement},
    subject::Subject,
};

/// Every policy of one principal, made ready for one connection.
///
/// Variables are filled in, conditions settled and the ARN's beginning matched when it is
/// compiled, so [`decide`](Self::decide) compares only what differs between requests.
#[derive(Debug, Clone, PartialEq)]
pub struct Permissions {
    /// Compiled patterns, one after the other.
    patterns: Box<[u8]>,
    /// By action and effect, in the order of [`list_of`].
    rules: Box<[Rule]>,
    /// Where in `rules` each list ends.
    ends: [usize; LISTS],
    /// What the ARN of a topic begins with; empty unless a rule asks for the Last Will's topic.
    topic_arn_prefix: Box<str>,
}

const LISTS: usize = Action::ALL.len() * 2;

/// One resource pattern of one statement for one action.
#[derive(Debug, Clone, PartialEq)]
struct Rule {
    /// Where in [`Permissions::patterns`] its pattern is.
    pattern: Range<usize>,
    when: When,
}

/// When a rule counts.
#[derive(Debug, Clone, PartialEq)]
struct When {
    /// The sets of CONNECT features, by [`ConnectFeatures::bit`], under which it may count.
    features: u8,
    /// What it asks of the Last Will's topic. (A box in a box: most rules have none.)
    #[expect(clippy::box_collection, reason = "rare, and every rule pays for its width")]
    last_will: Option<Box<Vec<Resolved>>>,
}

impl Permissions {
    /// Makes `documents` ready for the connection that `subject` describes.
    pub fn compile(documents: &[Arc<Document>], subject: &Subject, scope: &Scope) -> Self {
        let mut compiler = Compiler { subject, scope, patterns: Vec::new(), rules: Vec::new() };
        for statement in documents.iter().flat_map(|document| document.statements()) {
            compiler.add(statement);
        }
        compiler.finish()
    }

    /// What the policies say to `request`: a Deny wins over any Allow, and silence denies.
    ///
    /// Does not allocate, unless a condition asks for the topic of a Last Will.
    pub fn decide(&self, request: &Request<'_>) -> Decision {
        let counts = |rule: &&Rule| self.counts(rule, request);
        if self.list(request.action(), Effect::Deny).iter().any(|rule| counts(&rule)) {
            Decision::ExplicitlyDenied
        } else if self.list(request.action(), Effect::Allow).iter().any(|rule| counts(&rule)) {
            Decision::Allowed
        } else {
            Decision::ImplicitlyDenied
        }
    }

    /// Whether `request` is [`Allowed`](Decision::Allowed).
    pub fn allows(&self, request: &Request<'_>) -> bool {
        self.decide(request) == Decision::Allowed
    }

    /// How many bytes it keeps on the heap, without those of conditions on a Last Will's topic.
    pub fn heap_len(&self) -> usize {
        self.patterns.len() + size_of_val(&*self.rules) + self.topic_arn_prefix.len()
    }

    fn list(&self, action: Action, effect: Effect) -> &[Rule] {
        let list = list_of(action, effect);
        let end = |at: usize| self.ends.get(at).copied().unwrap_or(0);
        let begin = list.checked_sub(1).map_or(0, end);
        self.rules.get(begin..end(list)).unwrap_or_default()
    }

    fn counts(&self, rule: &Rule, request: &Request<'_>) -> bool {
        let pattern = self.patterns.get(rule.pattern.clone());
        pattern.is_some_and(|pattern| pattern::matches(pattern, request.resource().as_bytes()))
            && self.holds(&rule.when, request)
    }

    fn holds(&self, when: &When, request: &Request<'_>) -> bool {
        let (features, topic) = connect_facts(request);
        if when.features & features.bit() == 0 {
            return false;
        }
        when.last_will.as_deref().is_none_or(|conditions| {
            let arn = topic.map(|topic| format!("{}{topic}", self.topic_arn_prefix));
            conditions.iter().all(|condition| condition.holds_for_will(arn.as_deref()))
        })
    }
}

/// The features of a CONNECT and its Last Will's topic; nothing for other requests.
fn connect_facts<'a>(request: &Request<'a>) -> (ConnectFeatures, Option<&'a str>) {
    match *request {
        Request::Connect { persistent, last_will_topic, .. } => {
            (ConnectFeatures { persistent, last_will: last_will_topic.is_some() }, last_will_topic)
        }
        Request::Publish { .. }
        | Request::RetainPublish { .. }
        | Request::Subscribe { .. }
        | Request::Receive { .. } => (ConnectFeatures::NONE, None),
    }
}

const fn list_of(action: Action, effect: Effect) -> usize {
    action as usize * 2 + effect as usize
}

struct Compiler<'a> {
    subject: &'a Subject,
    scope: &'a Scope,
    patterns: Vec<u8>,
    rules: Vec<(usize, Rule)>,
}

impl Compiler<'_> {
    fn add(&mut self, statement: &Statement) {
        for action in &statement.actions {
            let Some(when) = self.when(*action, statement) else { continue };
            let list = list_of(*action, statement.effect);
            for resource in &statement.resources {
                if let Some(glob) = resource.resolve(self.subject) {
                    self.add_pattern(list, &glob, *action, &when);
                }
            }
        }
    }

    /// Adds what of `glob` is left to match after the ARN's beginning.
    fn add_pattern(&mut self, list: usize, glob: &Glob, action: Action, when: &When) {
        for begin in glob.after_prefix(&self.scope.arn(action.resource_kind(), "")) {
            let rest = glob.as_bytes().get(begin..).unwrap_or_default();
            let pattern = self.store(rest);
            self.rules.push((list, Rule { pattern, when: when.clone() }));
        }
    }

    /// Keeps `bytes`, once however many rules share them, and says where.
    fn store(&mut self, bytes: &[u8]) -> Range<usize> {
        let known = match bytes.len() {
            0 => Some(0),
            len => self.patterns.windows(len).position(|window| window == bytes),
        };
        let begin = known.unwrap_or(self.patterns.len());
        if known.is_none() {
            self.patterns.extend_from_slice(bytes);
        }
        begin..begin + bytes.len()
    }

    /// When the statement's rules count; `None` for never.
    fn when(&self, action: Action, statement: &Statement) -> Option<When> {
        let possible: &[ConnectFeatures] = match action {
            Action::Connect => &ConnectFeatures::ALL,
            Action::Publish | Action::RetainPublish | Action::Subscribe | Action::Receive => {
                &[ConnectFeatures::NONE]
            }
        };
        let mut when = When { features: 0, last_will: None };
        for features in possible {
            if let Some(open) = self.open_conditions(*features, statement) {
                when.features |= features.bit();
                // The open conditions do not depend on the features.
                when.last_will = Some(open).filter(|open| !open.is_empty()).map(Box::new);
            }
        }
        (when.features != 0).then_some(when)
    }

    /// The conditions that are left to the request; `None` when one of the others fails.
    fn open_conditions(
        &self,
        features: ConnectFeatures,
        statement: &Statement,
    ) -> Option<Vec<Resolved>> {
        let mut open = Vec::new();
        for condition in &statement.conditions {
            let resolved = condition.resolve(self.subject, features, statement.effect)?;
            match resolved.settled() {
                Some(true) => {}
                Some(false) => return None,
                None => open.push(resolved),
            }
        }
        Some(open)
    }

    fn finish(mut self) -> Permissions {
        // Stable: rules of one list stay in the documents' order.
        self.rules.sort_by_key(|(list, _)| *list);
        let mut ends = [0; LISTS];
        for (list, end) in ends.iter_mut().enumerate() {
            *end = self.rules.partition_point(|(of, _)| *of <= list);
        }
        let asks_topic = self.rules.iter().any(|(_, rule)| rule.when.last_will.is_some());
        let prefix = if asks_topic { self.scope.arn("topic", "") } else { String::new() };
        Permissions {
            patterns: self.patterns.into(),
            rules: self.rules.into_iter().map(|(_, rule)| rule).collect(),
            ends,
            topic_arn_prefix: prefix.into(),
        }
    }
}
