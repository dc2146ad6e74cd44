//! A record: one thing that a device did or was refused.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Severity, Speaker};

/// What is recorded: AWS's `eventType`, as far as there is such a thing here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum LoggedEvent {
    /// A certificate was refused in the TLS handshake.
    #[serde(rename = "Connection.AuthNError")]
    AuthenticationFailed,
    /// A client connected, or was refused.
    Connect,
    /// A connection ended.
    Disconnect,
    /// A client published.
    #[serde(rename = "Publish-In")]
    PublishIn,
    /// A client subscribed to a topic filter.
    Subscribe,
    /// A client ended its subscription to a topic filter.
    Unsubscribe,
}

impl LoggedEvent {
    /// All there are.
    pub const ALL: [Self; 6] = [
        Self::AuthenticationFailed,
        Self::Connect,
        Self::Disconnect,
        Self::PublishIn,
        Self::Subscribe,
        Self::Unsubscribe,
    ];
}

impl fmt::Display for LoggedEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AuthenticationFailed => "Connection.AuthNError",
            Self::Connect => "Connect",
            Self::Disconnect => "Disconnect",
            Self::PublishIn => "Publish-In",
            Self::Subscribe => "Subscribe",
            Self::Unsubscribe => "Unsubscribe",
        })
    }
}

/// By which protocol a client spoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are what they are called")]
pub enum Protocol {
    Mqtt,
    Http,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mqtt => "MQTT",
            Self::Http => "HTTP",
        })
    }
}

/// One record.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// What happened.
    pub event: LoggedEvent,
    /// How grave that is; an error is a failure of what was asked for.
    pub severity: Severity,
    /// Who did it.
    pub speaker: Speaker<'a>,
    /// How.
    pub protocol: Protocol,
    /// The topic or topic filter.
    pub topic: Option<&'a str>,
    /// Why it failed, or ended.
    pub reason: Option<&'a str>,
}

impl Record<'_> {
    /// AWS's `status`.
    pub fn status(&self) -> &'static str {
        match self.severity {
            Severity::Error => "Failure",
            Severity::Warn | Severity::Info => "Success",
        }
    }
}
