//! What an operator can choose: where to listen, which TLS, and every limit.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use perennial_core::{policy::Scope, time::days};

use crate::DeviceLog;

/// The oldest TLS version a device may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TlsVersion {
    /// TLS 1.2 as well, for devices that have no newer one.
    V1_2,
    /// TLS 1.3 only.
    #[default]
    V1_3,
}

/// How a broker is set up.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The address to listen on; port 0 takes any free one.
    pub listen: SocketAddr,
    /// The oldest TLS version accepted.
    pub oldest_tls: TlsVersion,
    /// The region and account that resources in policies are named under.
    pub scope: Scope,
    /// Every bound.
    pub limits: Limits,
    /// Who keeps records of what clients do.
    pub log: Arc<dyn DeviceLog>,
}

/// The broker's bounds; the defaults are AWS IoT Core's where it has one.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Longest payload of a message, in bytes.
    pub payload_bytes: usize,
    /// Longest topic or filter, in bytes; never more than 256.
    pub topic_bytes: usize,
    /// Most `/` in a topic or filter.
    pub topic_slashes: usize,
    /// Most sessions, connected or kept.
    pub sessions: usize,
    /// Most connections at once, before or after their CONNECT.
    pub connections: usize,
    /// Most QoS 1 messages unacknowledged at once, each way.
    pub in_flight: u16,
    /// Most messages waiting for one session.
    pub queued_messages: usize,
    /// Most bytes of payload waiting for one session.
    pub queued_bytes: usize,
    /// Most bytes of payload waiting for sessions without a connection, all together.
    pub stored_bytes: usize,
    /// Most subscriptions of one session.
    pub subscriptions: usize,
    /// Most retained messages.
    pub retained_messages: usize,
    /// Most bytes of retained payload, all together.
    pub retained_bytes: usize,
    /// Shortest keep-alive; a shorter one is raised to it.
    pub keep_alive_min: Duration,
    /// Longest keep-alive; a longer one, or none, is lowered to it.
    pub keep_alive_max: Duration,
    /// Longest time a session is kept without a connection.
    pub session_expiry_max: Duration,
    /// How long an MQTT 3.1.1 session with clean session 0 is kept.
    pub session_expiry_v3: Duration,
    /// Longest time that a client may take to begin its TLS handshake, and then to end it; what it
    /// waits for other handshakes does not count.
    pub handshake_timeout: Duration,
    /// Longest time from the end of the handshake to the CONNECT.
    pub connect_timeout: Duration,
    /// Most TLS handshakes under way at once; a connection that has sent nothing is not one.
    pub pending_handshakes: usize,
    /// How long a subscriber may hold up its publishers without taking a message before it is
    /// disconnected (MQTT 5: 0x97).
    pub slow_consumer_for: Duration,
    /// How long shutting down may take.
    pub drain_for: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            payload_bytes: 128 * 1024,
            topic_bytes: 256,
            topic_slashes: 7,
            sessions: 1_000_000,
            connections: 1_000_000,
            in_flight: 100,
            queued_messages: 1_000,
            queued_bytes: 1024 * 1024,
            stored_bytes: 256 * 1024 * 1024,
            subscriptions: 50,
            retained_messages: 10_000,
            retained_bytes: 64 * 1024 * 1024,
            keep_alive_min: Duration::from_secs(30),
            keep_alive_max: Duration::from_secs(1200),
            session_expiry_max: days(7),
            session_expiry_v3: Duration::from_secs(3600),
            handshake_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(10),
            pending_handshakes: 1_024,
            slow_consumer_for: Duration::from_secs(10),
            drain_for: Duration::from_secs(10),
        }
    }
}

impl Limits {
    /// Longest MQTT packet accepted, in bytes: payload, topic and room for properties.
    pub(crate) fn packet_bytes(&self) -> u32 {
        const PROPERTIES: usize = 8 * 1024;
        u32::try_from(self.payload_bytes + self.topic_bytes + PROPERTIES).unwrap_or(u32::MAX)
    }

    /// Whether a topic or filter keeps to the bounds.
    pub(crate) fn allow_topic(&self, topic: &str) -> bool {
        let slashes = topic.bytes().filter(|byte| *byte == b'/').count();
        topic.len() <= self.topic_bytes && slashes <= self.topic_slashes
    }
}
