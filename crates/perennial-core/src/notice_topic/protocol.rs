//! Protocols: how a subscriber is reached, and what its endpoint has to look like.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::AwsTopic;
use crate::topic::check_name;

/// How a subscriber is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// A POST without TLS.
    Http,
    /// A POST.
    Https,
    /// A mail to people.
    Email,
    /// A mail whose text is SNS's JSON.
    EmailJson,
    /// A message to an MQTT topic of our own broker; AWS has no such protocol.
    Mqtt,
    /// A post to a Slack webhook; not AWS's either.
    Slack,
    /// A post to a Teams workflow's webhook; not AWS's either.
    Teams,
    /// A message to a topic at AWS; not AWS's either.
    Sns,
}

/// An endpoint or protocol that does not do: InvalidParameter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// No such protocol.
    #[error("protocol {0:?}: use http, https, email, email-json, mqtt, slack, teams or sns")]
    Protocol(String),
    /// Not what the protocol reaches.
    #[error("endpoint {endpoint:?}: {protocol} needs {wanted}")]
    Endpoint {
        /// What was given, at most 300 characters of it.
        endpoint: String,
        /// The protocol.
        protocol: Protocol,
        /// What it needs.
        wanted: &'static str,
    },
}

/// The longest endpoint, in bytes.
const MAX_ENDPOINT: usize = 2048;

impl Protocol {
    /// Every protocol.
    pub const ALL: [Self; 8] = [
        Self::Http,
        Self::Https,
        Self::Email,
        Self::EmailJson,
        Self::Mqtt,
        Self::Slack,
        Self::Teams,
        Self::Sns,
    ];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Email => "email",
            Self::EmailJson => "email-json",
            Self::Mqtt => "mqtt",
            Self::Slack => "slack",
            Self::Teams => "teams",
            Self::Sns => "sns",
        }
    }

    /// Whether whoever is at the endpoint has to say that they want the messages. The others
    /// cannot be asked: a broker's topic, webhooks, whose URL is a secret of their owner's, and
    /// topics at AWS, which the configuration names.
    pub const fn needs_confirmation(self) -> bool {
        match self {
            Self::Http | Self::Https | Self::Email | Self::EmailJson => true,
            Self::Mqtt | Self::Slack | Self::Teams | Self::Sns => false,
        }
    }

    /// Whether its endpoint is a URL.
    pub const fn is_http(self) -> bool {
        match self {
            Self::Http | Self::Https | Self::Slack | Self::Teams => true,
            Self::Email | Self::EmailJson | Self::Mqtt | Self::Sns => false,
        }
    }

    /// Whether it may deliver messages as they are, without an envelope.
    pub const fn may_be_raw(self) -> bool {
        match self {
            Self::Http | Self::Https | Self::Mqtt => true,
            Self::Email | Self::EmailJson | Self::Slack | Self::Teams | Self::Sns => false,
        }
    }

    /// Checks what an endpoint looks like; whether anything may be sent there is another matter.
    ///
    /// # Errors
    /// [`EndpointError::Endpoint`] says what is wanted.
    pub fn check(self, endpoint: &str) -> Result<(), EndpointError> {
        let (good, wanted) = match self {
            Self::Http => (is_url(endpoint, "http://"), "a URL that begins with http://"),
            Self::Https | Self::Slack | Self::Teams => {
                (is_url(endpoint, "https://"), "a URL that begins with https://")
            }
            Self::Email | Self::EmailJson => (is_address(endpoint), "one mail address"),
            Self::Mqtt => {
                (is_topic(endpoint), "an MQTT topic, without wildcards and not one of $…")
            }
            Self::Sns => (endpoint.parse::<AwsTopic>().is_ok(), "a standard topic's ARN at AWS"),
        };
        if good && endpoint.len() <= MAX_ENDPOINT {
            return Ok(());
        }
        let endpoint = endpoint.chars().take(300).collect();
        Err(EndpointError::Endpoint { endpoint, protocol: self, wanted })
    }
}

fn is_url(endpoint: &str, begins: &str) -> bool {
    let visible = endpoint.bytes().all(|b| b.is_ascii_graphic());
    visible && endpoint.strip_prefix(begins).is_some_and(|rest| !rest.is_empty())
}

/// Whether it looks like `local@domain`, with nothing that a mail's head could stumble over.
fn is_address(endpoint: &str) -> bool {
    let plain = |c: char| !c.is_control() && !c.is_whitespace() && !"<>()[],;:\\\"".contains(c);
    let parts = endpoint.rsplit_once('@');
    endpoint.len() <= 320
        && endpoint.chars().all(plain)
        && endpoint.matches('@').count() == 1
        && parts.is_some_and(|(local, domain)| {
            let labels = domain.split('.').all(|label| !label.is_empty());
            !local.is_empty() && labels
        })
}

fn is_topic(endpoint: &str) -> bool {
    check_name(endpoint).is_ok() && !endpoint.starts_with('$')
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Protocol {
    type Err = EndpointError;
    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let found = Self::ALL.into_iter().find(|it| it.as_str() == text);
        found.ok_or_else(|| EndpointError::Protocol(text.chars().take(64).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_fits_its_protocol() {
        for (protocol, endpoint, good) in [
            ("https", "https://hooks.example.com/x?y=1", true),
            ("https", "http://hooks.example.com/", false),
            ("http", "http://hooks.example.com/", true),
            ("slack", "https://hooks.slack.com/services/T/B/x", true),
            ("teams", "https://", false),
            ("https", "https://a b/", false),
            ("email", "ops@example.com", true),
            ("email", "ops@localhost", true),
            ("email", "ops", false),
            ("email", "a@b@example.com", false),
            ("email", "ops@example.com\r\nbcc: x@example.com", false),
            ("email-json", "Ops <ops@example.com>", false),
            ("mqtt", "plant/alarms", true),
            ("mqtt", "plant/+", false),
            ("mqtt", "$aws/events/x", false),
            ("mqtt", "", false),
            ("sns", "arn:aws:sns:eu-central-1:123456789012:fleet", true),
            ("sns", "https://sns.eu-central-1.amazonaws.com/", false),
        ] {
            let protocol: Protocol = protocol.parse().unwrap();

            assert_eq!(protocol.check(endpoint).is_ok(), good, "{protocol} {endpoint}");
        }
        assert!("sms".parse::<Protocol>().is_err());
    }
}
