//! What is asked of a policy, and what it answers.

use super::action::Action;

/// One thing that a client wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request<'a> {
    /// Connect under a client id.
    Connect {
        /// The client id.
        client_id: &'a str,
        /// Whether the session shall outlive its connection (`PersistentConnect`).
        persistent: bool,
        /// The topic of the Last Will, if there is one (`LastWill`). That the will may be
        /// published is a [`Publish`](Self::Publish) request of its own.
        last_will_topic: Option<&'a str>,
    },
    /// Publish to a topic.
    Publish {
        /// The topic.
        topic: &'a str,
    },
    /// Publish to a topic with RETAIN set; [`Publish`](Self::Publish) has to be allowed as well.
    RetainPublish {
        /// The topic.
        topic: &'a str,
    },
    /// Subscribe with a filter.
    Subscribe {
        /// The filter; its `+` and `#` are characters like any other.
        filter: &'a str,
    },
    /// Have a message delivered.
    Receive {
        /// The topic it was published to.
        topic: &'a str,
    },
}

impl<'a> Request<'a> {
    /// Which action this is.
    pub const fn action(&self) -> Action {
        match self {
            Self::Connect { .. } => Action::Connect,
            Self::Publish { .. } => Action::Publish,
            Self::RetainPublish { .. } => Action::RetainPublish,
            Self::Subscribe { .. } => Action::Subscribe,
            Self::Receive { .. } => Action::Receive,
        }
    }

    /// The client id, topic or filter it is done to.
    pub const fn resource(&self) -> &'a str {
        match *self {
            Self::Connect { client_id, .. } => client_id,
            Self::Publish { topic } | Self::RetainPublish { topic } | Self::Receive { topic } => {
                topic
            }
            Self::Subscribe { filter } => filter,
        }
    }
}

/// What policies say to a [`Request`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// A statement allows it and none denies it.
    Allowed,
    /// No statement speaks of it.
    ImplicitlyDenied,
    /// A statement denies it.
    ExplicitlyDenied,
}
