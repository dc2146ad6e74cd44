//! The actions a policy speaks of, and which of them an action pattern names.

use super::{error::Problem, pattern::Glob};

/// An action that the broker asks about (AWS IoT developer guide, "AWS IoT Core policy actions").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// `iot:Connect`, on `client/ID`.
    Connect,
    /// `iot:Publish`, on `topic/NAME`.
    Publish,
    /// `iot:RetainPublish`, on `topic/NAME`; asked in addition to `iot:Publish`.
    RetainPublish,
    /// `iot:Subscribe`, on `topicfilter/FILTER`.
    Subscribe,
    /// `iot:Receive`, on `topic/NAME`.
    Receive,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 5] =
        [Self::Connect, Self::Publish, Self::RetainPublish, Self::Subscribe, Self::Receive];

    /// AWS's name for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "iot:Connect",
            Self::Publish => "iot:Publish",
            Self::RetainPublish => "iot:RetainPublish",
            Self::Subscribe => "iot:Subscribe",
            Self::Receive => "iot:Receive",
        }
    }

    /// The kind of resource it is done to, as ARNs write it.
    pub(super) const fn resource_kind(self) -> &'static str {
        match self {
            Self::Connect => "client",
            Self::Publish | Self::RetainPublish | Self::Receive => "topic",
            Self::Subscribe => "topicfilter",
        }
    }
}

/// The MQTT actions that an action pattern names: none for another service's or a shadow's.
///
/// Names are compared without regard to case, as IAM does.
pub(super) fn named_by(pattern: &str) -> Result<Vec<Action>, Problem> {
    let names_service = pattern.split_once(':').is_some_and(|(service, name)| {
        !service.is_empty() && !name.is_empty() && !name.contains(':')
    });
    if !(names_service || pattern == "*") || !pattern.chars().all(may_stand_in_action) {
        return Err(Problem::Action(pattern.to_owned()));
    }
    let glob = Glob::with_wildcards(&pattern.to_ascii_lowercase());
    let named = |action: &Action| glob.matches(&action.as_str().to_ascii_lowercase());
    Ok(Action::ALL.into_iter().filter(named).collect())
}

fn may_stand_in_action(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, ':' | '-' | '*' | '?')
}
