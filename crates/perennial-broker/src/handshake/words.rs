//! Why a TLS handshake failed, in words and with what helps: rustls names it for programmers.

use std::io::{self, ErrorKind};

use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};

/// What a failed handshake says to an operator.
pub(super) fn in_words(failed: &io::Error) -> String {
    match failed.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(error) => of_tls(error),
        None if hung_up(failed.kind()) => {
            "the client hung up in the midst of the handshake; it may not trust this server: give \
             it the server's ca.pem as its anchor"
                .to_owned()
        }
        None => format!("the connection broke: {failed}"),
    }
}

fn hung_up(kind: ErrorKind) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    [UnexpectedEof, ConnectionReset, ConnectionAborted, BrokenPipe].contains(&kind)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "rustls's errors grow")]
fn of_tls(error: &Error) -> String {
    match error {
        Error::NoCertificatesPresented => {
            "the client showed no certificate: give the device its key and certificate".to_owned()
        }
        Error::InvalidCertificate(error) => of_certificate(error),
        Error::AlertReceived(alert) => of_alert(*alert),
        Error::InvalidMessage(_)
        | Error::InappropriateMessage { .. }
        | Error::InappropriateHandshakeMessage { .. } => {
            "what the client sent is not TLS, or not in its order: it must connect with TLS (mqtts)"
                .to_owned()
        }
        Error::PeerIncompatible(error) => of_incompatible(error).to_owned(),
        Error::PeerMisbehaved(_) | Error::DecryptError | Error::PeerSentOversizedRecord => {
            "the client does not keep to TLS: look at its TLS library".to_owned()
        }
        Error::NoApplicationProtocol => {
            "the client asks for an application protocol (ALPN) that is not spoken here".to_owned()
        }
        other => format!("TLS failed: {other}"),
    }
}

/// The certificate's id stands in a line of the verifier's, which knows more.
#[expect(clippy::wildcard_enum_match_arm, reason = "rustls's errors grow")]
fn of_certificate(error: &CertificateError) -> String {
    let why = match error {
        CertificateError::UnknownIssuer => "it is not registered, or its issuer is unknown here",
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet"
        }
        CertificateError::Revoked => "it is not ACTIVE",
        CertificateError::BadSignature => {
            "a signature is wrong: its issuer's, or the client's by its key"
        }
        CertificateError::BadEncoding => "it cannot be read",
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "it is not for client authentication"
        }
        _ => "it is not accepted",
    };
    format!("the client's certificate was refused: {why}")
}

#[expect(clippy::wildcard_enum_match_arm, reason = "rustls's alerts grow")]
fn of_alert(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::UnknownCA
        | AlertDescription::BadCertificate
        | AlertDescription::CertificateUnknown => {
            "the client does not trust this server's certificate: give it the server's ca.pem as \
             its anchor, and see that mqtt.names has the name it connects to"
                .to_owned()
        }
        AlertDescription::CertificateExpired => {
            "to the client this server's certificate has expired: look at the client's clock"
                .to_owned()
        }
        AlertDescription::ProtocolVersion => {
            "the client refuses the TLS version: it must speak TLS 1.3, or TLS 1.2 with \
             mqtt.allow_tls12"
                .to_owned()
        }
        other => format!("the client ended the handshake with the TLS alert {}", u8::from(other)),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "rustls's errors grow")]
fn of_incompatible(error: &PeerIncompatible) -> &'static str {
    match error {
        PeerIncompatible::SupportedVersionsExtensionRequired
        | PeerIncompatible::ServerDoesNotSupportTls12Or13
        | PeerIncompatible::Tls12NotOffered
        | PeerIncompatible::Tls12NotOfferedOrEnabled => {
            "the client offers no TLS version that is allowed here: it must speak TLS 1.3, or \
             TLS 1.2 with mqtt.allow_tls12"
        }
        PeerIncompatible::NoSignatureSchemesInCommon
        | PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon => {
            "the client knows no signature algorithm of this server's: it needs ECDSA with P-256 \
             and SHA-256"
        }
        _ => "client and server have no cipher suite or key exchange in common",
    }
}
