//! The TLS side of a connection: a client certificate must verify, chain, be ACTIVE, and be in
//! time or in grace.

use std::{fmt, sync::Arc};

use perennial_core::{ids::CertificateId, time::Timestamp};
use rustls::{
    CertificateError, CipherSuite, DigitallySignedStruct, DistinguishedName, Error, OtherError,
    ServerConfig, SignatureScheme, SupportedCipherSuite, SupportedProtocolVersion,
    client::danger::HandshakeSignatureValid,
    crypto::{
        CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature,
        verify_tls13_signature,
    },
    server::{
        NoServerSessionStorage,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
    time_provider::TimeProvider,
    version::{TLS12, TLS13},
};
use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, KeyUsage, VerifiedPath};

use crate::{
    ServerIdentity, TlsVersion, TrustAnchors,
    presence::PresenceLog,
    principal::{Clock, Principal, Principals, Unfit},
};

/// The server's TLS configuration: client certificates required, no resumption of any kind.
///
/// A resumed session would skip the verifier, and so the registry.
pub(crate) fn server_config(
    identity: ServerIdentity,
    verifier: DeviceVerifier,
    oldest: TlsVersion,
) -> Result<ServerConfig, Error> {
    let versions: &[&SupportedProtocolVersion] = match oldest {
        TlsVersion::V1_2 => &[&TLS13, &TLS12],
        TlsVersion::V1_3 => &[&TLS13],
    };
    let time: Arc<dyn TimeProvider> = Arc::new(ClockTime(Arc::clone(&verifier.clock)));
    let provider = Arc::clone(&verifier.provider);
    let mut config = ServerConfig::builder_with_details(provider, time)
        .with_protocol_versions(versions)?
        .with_client_cert_verifier(Arc::new(verifier))
        .with_cert_resolver(Arc::new(identity));
    config.ignore_client_order = true;
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.max_early_data_size = 0;
    Ok(config)
}

/// aws-lc-rs, with the suite first that every TLS 1.3 client has (RFC 8446 §9.1) and whose hash
/// processors compute: with SHA-384 the key schedule was a sixth of a handshake's cost.
fn provider() -> CryptoProvider {
    let mut provider = aws_lc_rs::default_provider();
    let is_other =
        |suite: &SupportedCipherSuite| suite.suite() != CipherSuite::TLS13_AES_128_GCM_SHA256;
    provider.cipher_suites.sort_by_key(is_other);
    provider
}

/// The certificate id of a certificate: SHA-256 of its DER.
pub(crate) fn certificate_id(der: &CertificateDer<'_>) -> CertificateId {
    let digest = ::aws_lc_rs::digest::digest(&::aws_lc_rs::digest::SHA256, der);
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest.as_ref());
    CertificateId::from_bytes(bytes)
}

/// Decides whether a device's certificate opens a connection.
pub(crate) struct DeviceVerifier {
    anchors: TrustAnchors,
    principals: Arc<dyn Principals>,
    clock: Clock,
    presence: Arc<PresenceLog>,
    provider: Arc<CryptoProvider>,
    algorithms: WebPkiSupportedAlgorithms,
    mandatory: bool,
}

impl DeviceVerifier {
    pub(crate) fn new(
        anchors: TrustAnchors,
        principals: Arc<dyn Principals>,
        clock: Clock,
        presence: Arc<PresenceLog>,
    ) -> Self {
        let provider = provider();
        let algorithms = provider.signature_verification_algorithms;
        Self {
            anchors,
            principals,
            clock,
            presence,
            provider: Arc::new(provider),
            algorithms,
            mandatory: true,
        }
    }

    /// Lets clients in that show no certificate, and nobody in grace: that is for MQTT.
    pub(crate) fn optional(self) -> Self {
        Self { mandatory: false, ..self }
    }

    /// Checks the chain; says whether the certificate is good but for having ended.
    fn check_chain(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<bool, Error> {
        let leaf = EndEntityCert::try_from(end_entity)
            .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
        let anchors = self.anchors.load();
        let verify = |at, accept: Option<&dyn Fn(&VerifiedPath<'_>) -> _>| {
            let (algorithms, usage) = (self.algorithms.all, KeyUsage::client_auth());
            let trusted = &anchors.trusted;
            leaf.verify_for_usage(algorithms, trusted, intermediates, at, usage, None, accept)
                .map(drop)
        };
        let verified = match verify(now, None) {
            Ok(()) => Ok(false),
            // Verified at its last moment, by issuers that are valid now, it is the certificate
            // itself that has ended. Nothing shows that of a stranger's to the registry.
            Err(webpki::Error::CertExpired { time, not_after }) => {
                let at_present = Timestamp::from_secs(seconds(now));
                let accept = |path: &VerifiedPath<'_>| match anchors.hold(path, at_present) {
                    true => Ok(()),
                    false => Err(webpki::Error::CertExpired { time, not_after }),
                };
                verify(not_after, Some(&accept)).map(|()| true)
            }
            Err(error) => Err(error),
        };
        verified.map_err(|error| Error::InvalidCertificate(chain_error(error)))
    }

    fn check_registry(&self, end_entity: &CertificateDer<'_>, ended: bool) -> Result<(), Error> {
        let id = certificate_id(end_entity);
        match self.principals.principal(&id) {
            Ok(Some(principal)) => self.check_standing(&principal, ended),
            Ok(None) => {
                tracing::info!(certificate.id = %id, "unregistered certificate refused");
                Err(Error::InvalidCertificate(CertificateError::UnknownIssuer))
            }
            Err(failed) => {
                tracing::error!(certificate.id = %id, error = %failed, "certificate refused unasked");
                Err(Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(
                    failed,
                )))))
            }
        }
    }

    fn check_standing(&self, principal: &Principal, ended: bool) -> Result<(), Error> {
        let (id, status) = (principal.certificate_id, principal.status);
        let (now, ended_at) = ((self.clock)(), principal.validity.not_after);
        let why = match principal.standing(now) {
            Ok(standing) if standing.in_grace && !self.mandatory => CertificateError::Expired,
            Ok(standing) if standing.in_grace || !ended => return Ok(()),
            Err(Unfit::NotActive) => {
                tracing::info!(certificate.id = %id, %status, "certificate refused");
                CertificateError::Revoked
            }
            Err(Unfit::Early) => CertificateError::NotValidYet,
            Ok(_) => CertificateError::Expired,
            Err(Unfit::Lapsed) => {
                tracing::info!(certificate.id = %id, ended_at = ended_at.as_secs(), "certificate refused: it has expired, and so has its grace if it had any");
                self.presence.lapsed(id, ended_at, now);
                CertificateError::Expired
            }
        };
        Err(Error::InvalidCertificate(why))
    }
}

fn seconds(time: UnixTime) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}

fn chain_error(error: webpki::Error) -> CertificateError {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "webpki's error grows; all else is one refusal"
    )]
    match error {
        webpki::Error::CertExpired { .. } => CertificateError::Expired,
        webpki::Error::CertNotValidYet { .. } => CertificateError::NotValidYet,
        webpki::Error::UnknownIssuer => CertificateError::UnknownIssuer,
        webpki::Error::InvalidSignatureForPublicKey => CertificateError::BadSignature,
        other => CertificateError::Other(OtherError(Arc::new(other))),
    }
}

impl fmt::Debug for DeviceVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeviceVerifier")
    }
}

impl ClientCertVerifier for DeviceVerifier {
    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let ended = self.check_chain(end_entity, intermediates, now)?;
        self.check_registry(end_entity, ended)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// rustls's time from the broker's clock, so that expiry follows one clock everywhere.
struct ClockTime(Clock);

impl fmt::Debug for ClockTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClockTime")
    }
}

impl TimeProvider for ClockTime {
    fn current_time(&self) -> Option<UnixTime> {
        let secs = u64::try_from((self.0)().as_secs()).ok()?;
        Some(UnixTime::since_unix_epoch(std::time::Duration::from_secs(secs)))
    }
}
