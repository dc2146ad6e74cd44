//! What an action is to deliver, worked out for one message: whoever delivers it needs nothing
//! else, now or when it is tried again.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{MessageFormat, headers::FilledHeaders};

/// One thing to deliver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Delivery {
    /// A message for a topic.
    Republish(Republication),
    /// A request.
    Http(HttpPost),
    /// A message for a notice topic.
    #[serde(rename_all = "camelCase")]
    Sns {
        /// The notice topic.
        target_arn: String,
        /// What the payload is.
        format: MessageFormat,
        /// The message.
        payload: Payload,
    },
    /// A function's event.
    #[serde(rename_all = "camelCase")]
    Lambda {
        /// The function.
        function_arn: String,
        /// The event.
        payload: Payload,
    },
    /// A line for a file.
    File {
        /// Its name.
        name: String,
        /// The line.
        payload: Payload,
    },
    /// A line for standard output.
    Stdout {
        /// The line.
        payload: Payload,
    },
}

/// A message for a topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Republication {
    /// Where to.
    pub topic: String,
    /// Whether it is for everybody at least once.
    pub at_least_once: bool,
    /// MQTT 5's properties.
    pub headers: FilledHeaders,
    /// What.
    pub payload: Payload,
}

/// A request to an HTTPS endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpPost {
    /// Where to.
    pub url: String,
    /// Header fields; their names are lower-case.
    pub headers: Vec<(String, String)>,
    /// Who signs it.
    pub signing: Option<SigningRole>,
    /// Whether the payload is the body, or one of an array that is.
    #[serde(default, skip_serializing_if = "Batching::is_alone")]
    pub batching: Batching,
    /// The body.
    pub payload: Payload,
}

/// Whether several messages travel in one request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Batching {
    /// Each has its own.
    #[default]
    Alone,
    /// Those of one topic share it.
    OfATopic,
    /// Those of any topic share it.
    AcrossTopics,
}

impl Batching {
    /// Whether each message has a request of its own.
    pub const fn is_alone(&self) -> bool {
        matches!(self, Self::Alone)
    }
}

/// Who signs a request, and for what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SigningRole {
    /// The region.
    pub region: String,
    /// The service.
    pub service: String,
    /// The role.
    pub role_arn: String,
}

/// Octets that several actions share; base64 in JSON.
#[derive(Clone, PartialEq, Eq)]
pub struct Payload(pub Arc<[u8]>);

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl Serialize for Payload {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        let text = String::deserialize(deserializer)?;
        let octets = STANDARD.decode(text).map_err(serde::de::Error::custom)?;
        Ok(Self(octets.into()))
    }
}

impl Delivery {
    /// Its action's name as AWS's failures have it.
    pub const fn action(&self) -> &'static str {
        match self {
            Self::Republish(_) => "RepublishAction",
            Self::Http(_) => "HttpAction",
            Self::Sns { .. } => "SnsAction",
            Self::Lambda { .. } => "LambdaAction",
            Self::File { .. } => "FileAction",
            Self::Stdout { .. } => "StdoutAction",
        }
    }

    /// Whether it goes nowhere outside the server.
    pub const fn is_local(&self) -> bool {
        match self {
            Self::Republish(_) | Self::File { .. } | Self::Stdout { .. } => true,
            Self::Http(_) | Self::Sns { .. } | Self::Lambda { .. } => false,
        }
    }

    /// What it is for: a topic, a URL, an ARN, a name.
    pub fn resource(&self) -> &str {
        match self {
            Self::Republish(Republication { topic, .. }) => topic,
            Self::Http(HttpPost { url, .. }) => url,
            Self::Sns { target_arn, .. } => target_arn,
            Self::Lambda { function_arn, .. } => function_arn,
            Self::File { name, .. } => name,
            Self::Stdout { .. } => "stdout",
        }
    }

    /// Its bytes: what it carries, where to, and what is said beside it.
    pub fn weight(&self) -> usize {
        let pairs = |pairs: &[(String, String)]| -> usize {
            pairs.iter().map(|(name, value)| name.len() + value.len()).sum()
        };
        let beside = match self {
            Self::Republish(Republication { headers, .. }) => {
                let texts = [&headers.content_type, &headers.response_topic];
                let texts: usize = texts.into_iter().flatten().map(String::len).sum();
                let data = headers.correlation_data.as_ref().map_or(0, Vec::len);
                pairs(&headers.user_properties) + texts + data
            }
            Self::Http(HttpPost { headers, .. }) => pairs(headers),
            Self::Sns { .. } | Self::Lambda { .. } | Self::File { .. } | Self::Stdout { .. } => 0,
        };
        self.payload().0.len() + self.resource().len() + beside
    }

    /// What it carries.
    pub const fn payload(&self) -> &Payload {
        match self {
            Self::Republish(Republication { payload, .. })
            | Self::Http(HttpPost { payload, .. })
            | Self::Sns { payload, .. }
            | Self::Lambda { payload, .. }
            | Self::File { payload, .. }
            | Self::Stdout { payload } => payload,
        }
    }
}
