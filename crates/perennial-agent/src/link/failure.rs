//! What a failed try means: was this credential refused, or did nobody answer?
//!
//! In TLS 1.3 a client ends its handshake before the server has judged its certificate; a refusal
//! shows on the first read, as an alert, or, when our CONNECT crossed it, as a mere close or
//! reset, since the reset throws the alert away. By then the server has proven itself, so such a
//! close before any MQTT octet is counted as a refusal. A broker that crashes three times just
//! there costs one rolled-back rotation; counting it the other way could keep a device on a
//! credential that is refused for ever.

mod words;

pub(super) use words::of_disconnect;

use std::io;

use perennial_core::device::ConnectFailure;
use rmqtt_codec::v5::ConnectAckReason;
use rustls::AlertDescription;

/// Why no session came about.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Why {
    #[error("no TCP connection: {0}")]
    Tcp(#[source] io::Error),
    #[error("the TLS handshake failed: {}", words::in_words(.0))]
    Handshake(#[source] io::Error),
    #[error("the server refused this certificate: {}", words::in_words(.0))]
    Alert(#[source] io::Error),
    #[error("the server closed the connection after the TLS handshake, before any answer")]
    ClosedAfterHandshake,
    #[error("the server refused CONNECT: {}", words::of_connack(*.0))]
    Connack(ConnectAckReason),
    #[error("the server refused the subscription to the management topics")]
    Subscription,
    #[error("no answer within {0} s")]
    TimedOut(u64),
    #[error("the server does not speak MQTT 5 as it should: {0}")]
    Protocol(String),
    #[error("{0}")]
    Local(String),
}

/// A failed try.
#[derive(Debug)]
pub(crate) struct DialFailure {
    pub(crate) why: Why,
}

impl DialFailure {
    pub(crate) fn meaning(&self) -> ConnectFailure {
        match &self.why {
            Why::Alert(_) | Why::ClosedAfterHandshake | Why::Subscription => {
                ConnectFailure::Rejected
            }
            Why::Connack(code) if refuses_credential(*code) => ConnectFailure::Rejected,
            Why::Connack(_)
            | Why::Tcp(_)
            | Why::Handshake(_)
            | Why::TimedOut(_)
            | Why::Protocol(_)
            | Why::Local(_) => ConnectFailure::Unreachable,
        }
    }
}

impl From<Why> for DialFailure {
    fn from(why: Why) -> Self {
        Self { why }
    }
}

/// CONNACK codes about who the client is (MQTT 5 §3.2.2.2); the others are about the server.
fn refuses_credential(code: ConnectAckReason) -> bool {
    [
        ConnectAckReason::ClientIdentifierNotValid,
        ConnectAckReason::BadUserNameOrPassword,
        ConnectAckReason::NotAuthorized,
        ConnectAckReason::Banned,
        ConnectAckReason::BadAuthenticationMethod,
    ]
    .contains(&code)
}

/// What an error means that came before the handshake ended.
pub(crate) fn in_handshake(error: io::Error) -> Why {
    if is_refusal(&error) { Why::Alert(error) } else { Why::Handshake(error) }
}

/// What an error means that came between the handshake and the CONNACK.
pub(crate) fn before_connack(error: io::Error) -> Why {
    if is_refusal(&error) { Why::Alert(error) } else { Why::ClosedAfterHandshake }
}

/// Whether the server sent an alert about the client's certificate (RFC 8446 §6.2).
fn is_refusal(error: &io::Error) -> bool {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let Some(rustls::Error::AlertReceived(alert)) = tls else { return false };
    [
        AlertDescription::BadCertificate,
        AlertDescription::UnsupportedCertificate,
        AlertDescription::CertificateRevoked,
        AlertDescription::CertificateExpired,
        AlertDescription::CertificateUnknown,
        AlertDescription::UnknownCA,
        AlertDescription::AccessDenied,
        AlertDescription::DecryptError,
        AlertDescription::CertificateRequired,
    ]
    .contains(alert)
}
