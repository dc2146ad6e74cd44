//! What the API asks of whoever carries messages.

use std::net::IpAddr;

use async_trait::async_trait;
use bytes::Bytes;
use perennial_core::{
    ids::{CertificateId, ClientId},
    time::Timestamp,
};

/// Publishes, and shows what is retained and ends who is connected.
#[async_trait]
pub trait DataPlane: Send + Sync {
    /// Publishes a message for somebody.
    ///
    /// # Errors
    /// [`NotPublished`] says why it did not reach everybody it should.
    fn publish(&self, by: Publisher, message: Message) -> Result<(), NotPublished>;

    /// The retained message of a topic.
    fn retained(&self, topic: &str) -> Option<Retained>;

    /// The first `most` retained messages behind the topic `after`, by topic.
    fn retained_after(&self, after: Option<&str>, most: usize) -> Vec<Retained>;

    /// Whether a client is connected.
    fn is_connected(&self, client_id: &ClientId) -> bool;

    /// Ends the connection of a client, if there is one, and returns once it has ended.
    async fn disconnect(&self, client_id: &ClientId, how: Disconnection);
}

/// Who publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Publisher {
    /// Somebody whose access key allows it; no policy binds them.
    Operator,
    /// The holder of a certificate, whose key the TLS handshake proved. The registry and its
    /// policies decide.
    Device {
        /// The certificate.
        certificate: CertificateId,
        /// From where.
        address: IpAddr,
    },
}

/// A message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// Where to.
    pub topic: String,
    /// What.
    pub payload: Bytes,
    /// QoS 1 rather than 0.
    pub at_least_once: bool,
    /// Whether it is retained.
    pub retain: bool,
    /// MQTT 5's user properties.
    pub user_properties: Vec<(String, String)>,
    /// Whether the payload is said to be UTF-8.
    pub is_utf8: bool,
    /// What the payload is.
    pub content_type: Option<String>,
    /// Where an answer should go.
    pub response_topic: Option<String>,
    /// What an answer should carry.
    pub correlation_data: Option<Bytes>,
    /// In how many seconds it is no longer of use.
    pub expiry: Option<std::num::NonZeroU32>,
}

/// A retained message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retained {
    /// Its topic.
    pub topic: String,
    /// What.
    pub payload: Bytes,
    /// QoS 1 rather than 0.
    pub at_least_once: bool,
    /// When it was published.
    pub since: Timestamp,
    /// MQTT 5's user properties.
    pub user_properties: Vec<(String, String)>,
}

/// How a client is disconnected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disconnection {
    /// Whether its session is thrown away, whatever it asked for.
    pub clean_session: bool,
    /// Whether its last will is kept back.
    pub prevent_will: bool,
}

/// Why a message did not reach everybody it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotPublished {
    /// It cannot be published as it is.
    #[error("{0}")]
    Invalid(String),
    /// The publisher may not.
    #[error("Forbidden")]
    Forbidden,
    /// There was no room; trying again may help.
    #[error("{0}")]
    NoRoom(String),
    /// Nobody can say whether the publisher may.
    #[error("{0}")]
    Unavailable(String),
}
