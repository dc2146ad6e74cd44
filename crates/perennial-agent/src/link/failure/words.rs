//! What a server's refusal means, in words: rustls and MQTT name it for programmers.

use std::{borrow::Cow, io};

use rmqtt_codec::v5::{ConnectAckReason, DisconnectReasonCode};
use rustls::{AlertDescription, CertificateError, Error};

/// What TLS says to whoever looks after the device.
pub(super) fn in_words(failed: &io::Error) -> Cow<'static, str> {
    match failed.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(Error::AlertReceived(alert)) => of_alert(*alert),
        Some(Error::InvalidCertificate(error)) => of_certificate(error),
        Some(Error::InvalidMessage(_)) => "the other side does not speak TLS".into(),
        Some(_) | None => failed.to_string().into(),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "rustls's alerts grow")]
fn of_alert(alert: AlertDescription) -> Cow<'static, str> {
    match alert {
        AlertDescription::CertificateExpired => "it has expired, or is not valid yet".into(),
        AlertDescription::CertificateRevoked => "it is not ACTIVE there".into(),
        AlertDescription::UnknownCA => {
            "it is not registered there, and of no CA that is known there".into()
        }
        AlertDescription::DecryptError => "its key does not go with it".into(),
        AlertDescription::CertificateRequired => "none was shown".into(),
        AlertDescription::AccessDenied
        | AlertDescription::BadCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnsupportedCertificate => {
            "it is not accepted; the server's log says why".into()
        }
        AlertDescription::ProtocolVersion => "no TLS version in common".into(),
        AlertDescription::HandshakeFailure => "no cipher suite or key exchange in common".into(),
        other => format!("TLS alert {}", u8::from(other)).into(),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "rustls's errors grow")]
fn of_certificate(error: &CertificateError) -> Cow<'static, str> {
    match error {
        CertificateError::UnknownIssuer => {
            "the server's certificate does not lead to the device's trust anchors".into()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the server's certificate has expired, or this device's clock is wrong".into()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the server's certificate is not valid yet, or this device's clock is wrong".into()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the server's certificate is for another name than the one under `server`".into()
        }
        other => format!("the server's certificate is not accepted: {other}").into(),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "MQTT's reason codes grow")]
pub(in crate::link) fn of_disconnect(code: DisconnectReasonCode) -> Cow<'static, str> {
    match code {
        DisconnectReasonCode::SessionTakenOver => {
            "another connection has this client id now".into()
        }
        DisconnectReasonCode::NotAuthorized => {
            "not authorized: the certificate has ended or was withdrawn, or its policies do not \
             allow what the device did"
                .into()
        }
        DisconnectReasonCode::ServerShuttingDown => "it is shutting down".into(),
        DisconnectReasonCode::ServerBusy => "it is busy".into(),
        DisconnectReasonCode::KeepAliveTimeout => "it heard nothing for too long".into(),
        DisconnectReasonCode::AdministrativeAction => "an operator disconnected the device".into(),
        other => format!("reason code {}", u8::from(other)).into(),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "MQTT's reason codes grow")]
pub(super) fn of_connack(code: ConnectAckReason) -> Cow<'static, str> {
    match code {
        ConnectAckReason::NotAuthorized => {
            "not authorized: this certificate may not connect as this client id".into()
        }
        ConnectAckReason::ClientIdentifierNotValid => "the client id is not valid there".into(),
        ConnectAckReason::ServerUnavailable => "the server is not available".into(),
        ConnectAckReason::ServerBusy => "the server is busy".into(),
        ConnectAckReason::QuotaExceeded => "the server has too many sessions".into(),
        ConnectAckReason::Banned => "this client is banned".into(),
        other => format!("reason code {}", u8::from(other)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(error: Error) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, error)
    }

    #[test]
    fn what_the_server_refuses_is_told_without_the_names_of_a_library() {
        let alert = |alert| failed(Error::AlertReceived(alert));
        let revoked = alert(AlertDescription::CertificateRevoked);
        let untrusted = failed(Error::InvalidCertificate(CertificateError::UnknownIssuer));

        let said = [in_words(&revoked), in_words(&untrusted)];
        let connack = of_connack(ConnectAckReason::NotAuthorized);

        let anchors = "the server's certificate does not lead to the device's trust anchors";
        assert_eq!(said, ["it is not ACTIVE there", anchors]);
        assert!(connack.starts_with("not authorized: "), "{connack}");
    }
}
