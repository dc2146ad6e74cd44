//! A topic rule as its author writes it, AWS's `TopicRulePayload`, and as it is run.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{
    Incoming, Rule, RunError, SQL_VERSION, SqlError, Template,
    action::{Action, Delivery, Payload, ReadyAction, Unusable, confirmation_urls},
    failure::Failure,
    loops::{self, Loop, Relay, Republishing},
};

/// The most actions of a rule.
pub const MAX_ACTIONS: usize = 10;
/// The longest description, in bytes.
const MAX_DESCRIPTION_LEN: usize = 2_000;

/// A topic rule without its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TopicRule {
    /// The statement.
    pub sql: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What is done with what the statement makes of a message, in no order.
    pub actions: Vec<Action>,
    /// Whether it is left alone.
    #[serde(default)]
    pub rule_disabled: bool,
    /// The language's version, of which there is one here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aws_iot_sql_version: Option<String>,
    /// What is done when an action, or the statement, fails for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_action: Option<Action>,
}

/// Why a topic rule cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleInvalid {
    /// Its statement: SqlParseException.
    #[error("sql: {0}")]
    Sql(#[from] SqlError),
    /// A template in an action's parameter.
    #[error("{member}: {error}")]
    Template {
        /// Which.
        member: String,
        /// Where in it, and what.
        error: SqlError,
    },
    /// Another member.
    #[error("{0}")]
    Member(String),
    /// Its messages may come back to it.
    #[error(transparent)]
    Loop(#[from] Loop),
}

/// A topic rule whose parts were all understood.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadyRule {
    /// The statement.
    pub rule: Rule,
    actions: Vec<ReadyAction>,
    error_action: Option<ReadyAction>,
    republishes_to: Vec<Template>,
    notifies: Vec<Template>,
}

impl TopicRule {
    /// Understands every part of it. Whether its messages could come back to it is another
    /// question: [`ReadyRule::check_loops`].
    ///
    /// # Errors
    /// [`RuleInvalid`] says which member is wrong, and how.
    pub fn ready(&self) -> Result<ReadyRule, RuleInvalid> {
        let rule = Rule::parse(&self.sql)?;
        self.check_members()?;
        let numbered = |(index, action): (usize, &Action)| {
            ReadyAction::of(action).map_err(|error| error.within(&format!("actions[{index}]")))
        };
        let actions =
            self.actions.iter().enumerate().map(numbered).collect::<Result<Vec<_>, _>>()?;
        let error_action = self.error_action.as_ref().map(ReadyAction::of).transpose();
        let error_action = error_action.map_err(|error| error.within("errorAction"))?;
        let all = || actions.iter().chain(&error_action);
        let republishes_to = all().filter_map(ReadyAction::republishes_to).cloned().collect();
        let notifies = all().filter_map(ReadyAction::notifies).cloned().collect();
        Ok(ReadyRule { rule, actions, error_action, republishes_to, notifies })
    }

    fn check_members(&self) -> Result<(), RuleInvalid> {
        let invalid = |problem: String| Err(RuleInvalid::Member(problem));
        if self.actions.len() > MAX_ACTIONS {
            return invalid(format!("actions: a rule has at most {MAX_ACTIONS}"));
        }
        if self.description.as_ref().is_some_and(|it| it.len() > MAX_DESCRIPTION_LEN) {
            return invalid(format!("description: at most {MAX_DESCRIPTION_LEN} bytes"));
        }
        match self.aws_iot_sql_version.as_deref() {
            None | Some(SQL_VERSION) => Ok(()),
            Some(_) => invalid(format!("awsIotSqlVersion: only {SQL_VERSION} is spoken here")),
        }
    }

    /// The confirmation URLs that its HTTP actions need, as far as they are the same for each
    /// message.
    pub fn confirmation_urls(&self) -> BTreeSet<&str> {
        confirmation_urls(self.actions.iter().chain(&self.error_action))
    }
}

impl RuleInvalid {
    fn within(self, place: &str) -> Self {
        match self {
            Self::Template { member, error } => {
                Self::Template { member: format!("{place}.{member}"), error }
            }
            Self::Member(problem) => Self::Member(format!("{place}.{problem}")),
            other @ (Self::Sql(_) | Self::Loop(_)) => other,
        }
    }
}

/// What a rule makes of a message, action by action.
pub type Outcome = Result<Delivery, Failure>;

impl ReadyRule {
    /// How many actions it has, beside the error action.
    pub fn len(&self) -> usize {
        self.actions.len()
    }

    /// Whether it does nothing with what it selects.
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }

    /// Whether there is something to do when an action fails.
    pub fn has_error_action(&self) -> bool {
        self.error_action.is_some()
    }

    /// Whether a message of it may come back to it, by way of the `others` and of `relays` or
    /// without.
    ///
    /// # Errors
    /// [`RuleInvalid::Loop`] with the way.
    pub fn check_loops<'r>(
        &self,
        name: &str,
        others: impl Iterator<Item = (&'r str, &'r Self)>,
        relays: &[Relay],
    ) -> Result<(), RuleInvalid> {
        let others: Vec<_> = others.map(|(name, it)| it.republishing(name)).collect();
        Ok(loops::check(self.republishing(name), &others, relays)?)
    }

    /// Whether it may publish to the notice topic of this name.
    pub fn may_notify(&self, notice_topic: &str) -> bool {
        self.republishing("").notifies(notice_topic)
    }

    fn republishing<'r>(&'r self, name: &'r str) -> Republishing<'r> {
        let (topics, notices) = (&self.republishes_to, &self.notifies);
        Republishing { name, rule: &self.rule, topics, notices }
    }

    /// What is to be delivered of a message, an outcome for each action in their order; nothing
    /// when the statement's condition is not true.
    ///
    /// # Errors
    /// [`RunError`] when the statement cannot be run on it.
    pub fn run(&self, incoming: &Incoming<'_>) -> Result<Vec<Outcome>, RunError> {
        let Some(made) = self.rule.run(incoming)? else { return Ok(Vec::new()) };
        let payload = Payload(made.as_ref().into());
        let outcome = |action: &ReadyAction| {
            action.fill(incoming, &payload).map_err(|error| action.failure(&error))
        };
        Ok(self.actions.iter().map(outcome).collect())
    }

    /// What is to be delivered when something failed; `incoming` has
    /// [`FailureMessage`](super::failure::FailureMessage) as its payload.
    ///
    /// # Errors
    /// [`Unusable`] when the error action's parameters come out as none.
    pub fn on_failure(
        &self,
        incoming: &Incoming<'_>,
        payload: &Payload,
    ) -> Option<Result<Delivery, Unusable>> {
        self.error_action.as_ref().map(|action| action.fill(incoming, payload))
    }
}
