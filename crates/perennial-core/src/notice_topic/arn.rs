//! Names and ARNs of notice topics and of their subscriptions.

use std::{fmt, str::FromStr, sync::Arc};

use super::Uuid;
use crate::policy::Scope;

/// A notice topic's name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicName(Arc<str>);

/// A text that names no topic or subscription: InvalidParameter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not a name.
    #[error("a topic's name has 1 to 256 letters, digits, hyphens and underscores; {0:?} has not")]
    Name(String),
    /// A FIFO topic's name.
    #[error("{0:?}: there are no FIFO topics here")]
    Fifo(String),
    /// Not an ARN of this server's.
    #[error("{arn:?} is no {what} of this account and region: those begin with {prefix}")]
    Arn {
        /// What was given, at most 300 characters of it.
        arn: String,
        /// What was meant.
        what: &'static str,
        /// How they begin.
        prefix: String,
    },
}

impl TopicName {
    /// Checks a name.
    ///
    /// # Errors
    /// [`NameError`] says what a name is.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if (1..=256).contains(&text.len()) && text.bytes().all(allowed) {
            return Ok(Self(text.into()));
        }
        let shown: String = text.chars().take(256).collect();
        if text.ends_with(".fifo") {
            Err(NameError::Fifo(shown))
        } else {
            Err(NameError::Name(shown))
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for TopicName {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::new(text)
    }
}

/// The ARN of a topic.
pub fn topic_arn(scope: &Scope, name: &TopicName) -> String {
    format!("{}{name}", prefix(scope))
}

/// The ARN of a subscription.
pub fn subscription_arn(scope: &Scope, topic: &TopicName, id: &Uuid) -> String {
    format!("{}{topic}:{id}", prefix(scope))
}

/// The topic that an ARN names.
///
/// # Errors
/// [`NameError`] when it is none of `scope`.
pub fn parse_topic_arn(arn: &str, scope: &Scope) -> Result<TopicName, NameError> {
    let name = arn.strip_prefix(&prefix(scope)).ok_or_else(|| foreign("topic", arn, scope))?;
    TopicName::new(name)
}

/// The topic and the subscription that an ARN names.
///
/// # Errors
/// [`NameError`] when it is none of `scope`.
pub fn parse_subscription_arn(arn: &str, scope: &Scope) -> Result<(TopicName, Uuid), NameError> {
    let foreign = || foreign("subscription", arn, scope);
    let rest = arn.strip_prefix(&prefix(scope)).ok_or_else(foreign)?;
    let (name, id) = rest.split_once(':').ok_or_else(foreign)?;
    Ok((TopicName::new(name)?, id.parse().map_err(|_| foreign())?))
}

fn prefix(scope: &Scope) -> String {
    let Scope { partition, region, account } = scope;
    format!("arn:{partition}:sns:{region}:{account}:")
}

fn foreign(what: &'static str, arn: &str, scope: &Scope) -> NameError {
    NameError::Arn { arn: arn.chars().take(300).collect(), what, prefix: prefix(scope) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_read_back_and_foreign_ones_are_refused() {
        let (scope, name) = (Scope::default(), TopicName::new("alarms_1-a").unwrap());
        let id = Uuid::from_random([7; 16]);

        let (topic, subscription) =
            (topic_arn(&scope, &name), subscription_arn(&scope, &name, &id));

        assert_eq!(topic, "arn:aws:sns:local-1:000000000000:alarms_1-a");
        assert_eq!(parse_topic_arn(&topic, &scope), Ok(name.clone()));
        assert_eq!(parse_subscription_arn(&subscription, &scope), Ok((name, id)));
        for bad in [
            "",
            "alarms",
            "arn:aws:sns:eu-1:000000000000:a",
            &subscription,
            &format!("{topic}.fifo"),
        ] {
            assert!(parse_topic_arn(bad, &scope).is_err(), "{bad}");
        }
        for bad in [topic.as_str(), "arn:aws:sns:local-1:000000000000:a:b"] {
            assert!(parse_subscription_arn(bad, &scope).is_err(), "{bad}");
        }
    }
}
