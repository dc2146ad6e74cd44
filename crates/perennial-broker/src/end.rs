//! Why a connection ended, and how each end is told to the client and to presence.

use std::fmt;

use rmqtt_codec::v5::DisconnectReasonCode as Code;
use serde::Serialize;

use crate::principal::Unfit;

/// AWS IoT's `disconnectReason` in presence events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DisconnectReason {
    /// Its principal or an action of it was not authorised.
    AuthError,
    /// It sent DISCONNECT.
    ClientInitiatedDisconnect,
    /// It broke the protocol or a limit.
    ClientError,
    /// The connection broke.
    ConnectionLost,
    /// Another connection took its client id.
    DuplicateClientid,
    /// It was silent for one and a half times its keep-alive.
    MqttKeepAliveTimeout,
    /// The broker failed.
    ServerError,
    /// The broker is shutting down.
    ServerInitiatedDisconnect,
    /// It did not take its messages fast enough.
    Throttled,
    /// An operator disconnected it.
    ApiInitiatedDisconnect,
}

/// Why a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// DISCONNECT without asking for the will.
    Client,
    /// DISCONNECT 0x04.
    ClientWithWill,
    /// The socket closed or failed.
    Lost,
    /// Nothing heard for too long.
    KeepAlive,
    /// Another connection has the client id now.
    TakenOver,
    /// The principal may be connected no longer.
    Unfit(Unfit),
    /// It did what it may not, and has no other way to be told.
    NotAuthorized,
    /// The principal's certificate, or its grace, has ended.
    Expired,
    /// The registry could not be asked about the principal.
    RegistryUnavailable,
    /// The broker is shutting down.
    ShuttingDown,
    /// A subscriber that held up its publishers too long.
    SlowConsumer,
    /// An operator disconnected it.
    Operator {
        /// Whether its last will is published.
        with_will: bool,
    },
    /// The client broke the protocol; the code says how.
    Protocol(Code, &'static str),
}

impl End {
    /// Whether the broker ended it for what the client did or is: worth a line in the log.
    pub(crate) const fn is_a_refusal(self) -> bool {
        match self {
            Self::Unfit(_)
            | Self::NotAuthorized
            | Self::Expired
            | Self::RegistryUnavailable
            | Self::SlowConsumer
            | Self::Protocol(..) => true,
            Self::Client
            | Self::ClientWithWill
            | Self::Lost
            | Self::KeepAlive
            | Self::TakenOver
            | Self::Operator { .. }
            | Self::ShuttingDown => false,
        }
    }

    /// What MQTT 5 is told, if anything.
    pub(crate) fn code(self) -> Option<Code> {
        match self {
            Self::Client | Self::ClientWithWill | Self::Lost => None,
            Self::KeepAlive => Some(Code::KeepAliveTimeout),
            Self::TakenOver => Some(Code::SessionTakenOver),
            Self::Unfit(_) | Self::NotAuthorized | Self::Expired => Some(Code::NotAuthorized),
            Self::RegistryUnavailable => Some(Code::ServerBusy),
            Self::ShuttingDown => Some(Code::ServerShuttingDown),
            Self::SlowConsumer => Some(Code::QuotaExceeded),
            Self::Operator { .. } => Some(Code::AdministrativeAction),
            Self::Protocol(code, _) => Some(code),
        }
    }

    /// Whether the last will is published (MQTT 5 §3.1.2.5).
    pub(crate) fn fires_will(self) -> bool {
        self != Self::Client && self != Self::Operator { with_will: false }
    }

    pub(crate) fn client_initiated(self) -> bool {
        matches!(self, Self::Client | Self::ClientWithWill)
    }

    pub(crate) fn reason(self) -> DisconnectReason {
        match self {
            Self::Client | Self::ClientWithWill => DisconnectReason::ClientInitiatedDisconnect,
            Self::Lost => DisconnectReason::ConnectionLost,
            Self::KeepAlive => DisconnectReason::MqttKeepAliveTimeout,
            Self::TakenOver => DisconnectReason::DuplicateClientid,
            Self::Unfit(_) | Self::NotAuthorized | Self::Expired => DisconnectReason::AuthError,
            Self::RegistryUnavailable => DisconnectReason::ServerError,
            Self::ShuttingDown => DisconnectReason::ServerInitiatedDisconnect,
            Self::SlowConsumer => DisconnectReason::Throttled,
            Self::Operator { .. } => DisconnectReason::ApiInitiatedDisconnect,
            Self::Protocol(..) => DisconnectReason::ClientError,
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client | Self::ClientWithWill => "the client disconnected",
            Self::Lost => "the connection was lost",
            Self::KeepAlive => "nothing was heard for one and a half times the keep-alive",
            Self::TakenOver => "another connection took this client id",
            Self::Unfit(unfit) => unfit.in_words(),
            Self::NotAuthorized => {
                "it published where it may not, which MQTT 3.1.1 and QoS 0 have no answer for"
            }
            Self::Expired => "the certificate, or its recovery, has ended",
            Self::RegistryUnavailable => "the registry cannot be asked; try again later",
            Self::ShuttingDown => "the server is shutting down",
            Self::Operator { .. } => "an operator disconnected it",
            Self::SlowConsumer => "messages were not taken fast enough",
            Self::Protocol(_, why) => why,
        })
    }
}
