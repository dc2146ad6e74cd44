//! MQTT topics and filters, and the management topics `{prefix}/{clientId}/{kind}`.

pub mod tree;

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::ids::ClientId;

/// The longest topic or filter accepted, in bytes (AWS IoT's limit).
pub const MAX_TOPIC_LEN: usize = 256;

/// Why a text is not a topic, filter or management topic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// Empty, or longer than [`MAX_TOPIC_LEN`].
    #[error("a topic must be 1 to {MAX_TOPIC_LEN} bytes long, not {0}")]
    Length(usize),
    /// `+`, `#` or a NUL where a topic to publish to may not have one.
    #[error("a topic to publish to may not contain '+', '#' or NUL")]
    WildcardInName,
    /// `+` or `#` that does not fill its level, `#` that is not last, or a NUL (MQTT 5 §4.7.1).
    #[error(
        "in a topic filter '+' and '#' stand alone in their level, and '#' only in the last one"
    )]
    MisplacedWildcard,
}

/// Checks a topic to publish to (MQTT 5 §4.7).
///
/// # Errors
/// [`TopicError`] when it is empty, too long or has a wildcard.
pub fn check_name(topic: &str) -> Result<(), TopicError> {
    check_len(topic)?;
    if topic.contains(['+', '#', '\0']) { Err(TopicError::WildcardInName) } else { Ok(()) }
}

/// Checks a filter to subscribe with (MQTT 5 §4.7.1).
///
/// # Errors
/// [`TopicError`] when it is empty, too long or misplaces a wildcard.
pub fn check_filter(filter: &str) -> Result<(), TopicError> {
    check_len(filter)?;
    let mut levels = filter.split('/').peekable();
    while let Some(level) = levels.next() {
        let fits = match level {
            "#" => levels.peek().is_none(),
            "+" => true,
            other => !other.contains(['+', '#', '\0']),
        };
        if !fits {
            return Err(TopicError::MisplacedWildcard);
        }
    }
    Ok(())
}

fn check_len(text: &str) -> Result<(), TopicError> {
    if text.is_empty() || text.len() > MAX_TOPIC_LEN {
        return Err(TopicError::Length(text.len()));
    }
    Ok(())
}

/// Whether `filter` selects `topic` (MQTT 5 §4.7): a filter that begins with a wildcard does not
/// select topics that begin with `$`.
pub fn matches(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && !filter.starts_with('$') {
        return false;
    }
    let mut filter_levels = filter.split('/');
    let mut topic_levels = topic.split('/');
    loop {
        match (filter_levels.next(), topic_levels.next()) {
            (Some("#"), _) | (None, None) => return true,
            (Some("+"), Some(_)) => {}
            (Some(wanted), Some(level)) if wanted == level => {}
            (Some(_) | None, Some(_) | None) => return false,
        }
    }
}

/// Which message of the rotation protocol a management topic carries (docs/protocol.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Server asks the device for a CSR.
    CsrReq,
    /// Device answers with its CSR.
    CsrRes,
    /// Server delivers the certificate.
    Crt,
    /// Device proved the certificate works.
    CrtAck,
    /// Device could not use the certificate, or could not make a CSR.
    CrtErr,
    /// Server says why a message of the device's did not count.
    Refused,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::CsrReq, Self::CsrRes, Self::Crt, Self::CrtAck, Self::CrtErr, Self::Refused];
    /// The kinds that devices publish.
    pub const FROM_DEVICE: [Self; 3] = [Self::CsrRes, Self::CrtAck, Self::CrtErr];
    /// The kinds that devices subscribe to.
    pub const FROM_SERVER: [Self; 3] = [Self::CsrReq, Self::Crt, Self::Refused];

    /// The topic's last level.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CsrReq => "csr_req",
            Self::CsrRes => "csr_res",
            Self::Crt => "crt",
            Self::CrtAck => "crt_ack",
            Self::CrtErr => "crt_err",
            Self::Refused => "refused",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The first levels of the management topics, without a trailing slash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Prefix(Arc<str>);

impl Default for Prefix {
    /// `management/topic`, as in AWS's reference architecture.
    fn default() -> Self {
        Self("management/topic".into())
    }
}

impl Prefix {
    /// The prefix's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The topic of `kind` for `client_id`.
    pub fn topic(&self, client_id: &ClientId, kind: Kind) -> String {
        format!("{}/{client_id}/{kind}", self.0)
    }

    /// The filter that selects `kind` of every client.
    pub fn filter(&self, kind: Kind) -> String {
        format!("{}/+/{kind}", self.0)
    }

    /// Takes a management topic apart; `None` when `topic` is not one under this prefix.
    pub fn parse(&self, topic: &str) -> Option<(ClientId, Kind)> {
        let rest = topic.strip_prefix(&*self.0)?.strip_prefix('/')?;
        let (client_id, last) = rest.split_once('/')?;
        let kind = Kind::ALL.into_iter().find(|kind| kind.as_str() == last)?;
        Some((ClientId::new(client_id).ok()?, kind))
    }
}

impl FromStr for Prefix {
    type Err = TopicError;
    fn from_str(text: &str) -> Result<Self, TopicError> {
        let text = text.trim_end_matches('/');
        check_name(text)?;
        Ok(Self(text.into()))
    }
}

impl TryFrom<String> for Prefix {
    type Error = TopicError;
    fn try_from(text: String) -> Result<Self, TopicError> {
        text.parse()
    }
}

impl From<Prefix> for String {
    fn from(prefix: Prefix) -> Self {
        prefix.0.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_select_as_mqtt_says() {
        for (filter, topic, selected) in [
            ("a/+/c", "a/b/c", true),
            ("a/+", "a", false),
            ("a/+", "a/", true),
            ("a/#", "a", true),
            ("a/#", "a/b/c", true),
            ("#", "$aws/x", false),
            ("+/x", "$aws/x", false),
            ("$aws/#", "$aws/x", true),
            ("a/b", "a/b/c", false),
            ("a/b/c", "a/b", false),
        ] {
            assert_eq!(matches(filter, topic), selected, "{filter} {topic}");
        }
    }

    #[test]
    fn wildcards_stand_alone_in_their_level() {
        for bad in ["a#", "a/#/b", "a+/b", "", "a\0"] {
            assert!(check_filter(bad).is_err(), "{bad:?}");
        }
        assert!(check_filter("+/a/#").is_ok());
        assert!(check_name("a/+").is_err());
    }

    #[test]
    fn a_management_topic_comes_apart_as_it_was_put_together() {
        let prefix = Prefix::default();
        let client_id = ClientId::new("pump-1").unwrap();

        for kind in Kind::ALL {
            let topic = prefix.topic(&client_id, kind);
            assert_eq!(prefix.parse(&topic), Some((client_id.clone(), kind)));
            assert!(matches(&prefix.filter(kind), &topic));
        }

        for foreign in ["management/topic/a/b/csr_res", "management/topicx/a/csr_res", "x"] {
            assert_eq!(prefix.parse(foreign), None, "{foreign}");
        }
    }
}
