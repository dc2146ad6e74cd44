//! The TLS side of a connection: the registry must vouch for a client certificate, or it must chain;
//! it must be ACTIVE, and in time or in grace; and the client must show that it has the key.

use std::{fmt, sync::Arc};

use perennial_core::{ids::CertificateId, logging::Protocol, time::Timestamp};
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
    DeviceLog, ServerIdentity, TlsVersion, TrustAnchors, handshake,
    presence::PresenceLog,
    principal::{Clock, Introduction, Principal, Principals, Unfit},
};

/// The server's TLS configuration: client certificates required, no resumption of any kind.
///
/// A resumed session would skip the verifier, and so the registry.
pub(crate) fn server_config(
    identity: ServerIdentity,
    verifier: Arc<DeviceVerifier>,
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
        .with_client_cert_verifier(verifier)
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

/// Why who shows a certificate is not believed to be its holder.
const NOT_THE_KEY: &str =
    "the client does not have the certificate's key: give the device the two that go together";

/// What a chain shows of a certificate.
#[derive(Default)]
struct Chain {
    /// It is good but for having ended.
    ended: bool,
    /// The issuer that introduces it, if it is to be introduced.
    introducer: Option<CertificateId>,
}

/// Decides whether a device's certificate opens a connection.
pub(crate) struct DeviceVerifier {
    anchors: TrustAnchors,
    principals: Arc<dyn Principals>,
    clock: Clock,
    presence: Arc<PresenceLog>,
    log: Arc<dyn DeviceLog>,
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
        log: Arc<dyn DeviceLog>,
    ) -> Self {
        let provider = provider();
        let algorithms = provider.signature_verification_algorithms;
        Self {
            anchors,
            principals,
            clock,
            presence,
            log,
            provider: Arc::new(provider),
            algorithms,
            mandatory: true,
        }
    }

    /// Lets clients in that show no certificate, and nobody in grace: that is for MQTT.
    pub(crate) fn optional(self) -> Self {
        Self { mandatory: false, ..self }
    }

    fn check_chain(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<Chain, Error> {
        let leaf = EndEntityCert::try_from(end_entity).map_err(|_| {
            self.refused(certificate_id(end_entity), "the certificate cannot be read");
            Error::InvalidCertificate(CertificateError::BadEncoding)
        })?;
        let (anchors, at_present) = (self.anchors.load(), Timestamp::from_secs(seconds(now)));
        let verify = |at, accept: Option<&dyn Fn(&VerifiedPath<'_>) -> _>| {
            let (algorithms, usage) = (self.algorithms.all, KeyUsage::client_auth());
            let trusted = &anchors.trusted;
            leaf.verify_for_usage(algorithms, trusted, intermediates, at, usage, None, accept)
                .map(|path| anchors.introducer(&path, at_present))
        };
        let verified = match verify(now, None) {
            Ok(introducer) => Ok(Chain { ended: false, introducer }),
            // Verified at its last moment, by issuers that are valid now, it is the certificate
            // itself that has ended. Nothing shows that of a stranger's to the registry.
            Err(webpki::Error::CertExpired { time, not_after }) => {
                let accept = |path: &VerifiedPath<'_>| match anchors.hold(path, at_present) {
                    true => Ok(()),
                    false => Err(webpki::Error::CertExpired { time, not_after }),
                };
                verify(not_after, Some(&accept)).map(|_| Chain { ended: true, introducer: None })
            }
            Err(error) => Err(error),
        };
        verified.map_err(|error| {
            let (error, why) = chain_error(error);
            self.refused(certificate_id(end_entity), why);
            Error::InvalidCertificate(error)
        })
    }

    /// Whether the registry lets the certificate in. One that it does not know, or that waits for
    /// its activation, passes if it is to be introduced: the introduction needs the proof of its
    /// key that the rest of the handshake is, and CONNECT is refused.
    fn check_registry(&self, id: &CertificateId, chain: &Chain) -> Result<(), Error> {
        let introduced = chain.introducer.is_some() && self.mandatory;
        match self.principals.principal(id) {
            Ok(Some(principal)) if introduced && principal.awaits_activation() => Ok(()),
            Ok(Some(principal)) => self.check_standing(&principal, chain.ended),
            Ok(None) if introduced => Ok(()),
            Ok(None) => {
                self.refused(*id, Unfit::Unregistered.in_words());
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

    /// Over MQTT whoever shakes hands tells it, who knows the address.
    fn refused(&self, id: CertificateId, reason: &'static str) {
        if !handshake::note(id, reason) {
            let protocol = if self.mandatory { Protocol::Mqtt } else { Protocol::Http };
            self.log.handshake(Some(id), None, protocol, reason);
        }
    }

    fn expired(&self, id: CertificateId, reason: &'static str) -> Error {
        self.refused(id, reason);
        Error::InvalidCertificate(CertificateError::Expired)
    }

    fn check_standing(&self, principal: &Principal, ended: bool) -> Result<(), Error> {
        let id = principal.certificate_id;
        let (now, ended_at) = ((self.clock)(), principal.validity.not_after);
        let unfit = match principal.standing(now) {
            Ok(standing) if standing.in_grace && !self.mandatory => {
                return Err(self.expired(id, "the certificate has expired: it recovers over MQTT"));
            }
            Ok(standing) if standing.in_grace || !ended => return Ok(()),
            Ok(_) => return Err(self.expired(id, Unfit::Lapsed.in_words())),
            Err(unfit) => unfit,
        };
        self.refused(id, unfit.in_words());
        Err(Error::InvalidCertificate(match unfit {
            Unfit::Unregistered => CertificateError::UnknownIssuer,
            Unfit::NotActive(_) => CertificateError::Revoked,
            Unfit::Early => CertificateError::NotValidYet,
            Unfit::Lapsed => {
                self.presence.lapsed(id, ended_at, now);
                CertificateError::Expired
            }
        }))
    }

    /// Whether the registry alone vouches for the certificate, so that its chain does not matter:
    /// the registry holds its digest, and the handshake proves its key.
    fn is_vouched_for(&self, id: &CertificateId) -> bool {
        matches!(self.principals.principal(id), Ok(Some(principal)) if principal.vouched_for)
    }

    /// What is to be introduced of a client that finished its handshake, if anything.
    pub(crate) fn introduction(&self, chain: &[CertificateDer<'_>]) -> Option<Introduction> {
        let (end_entity, intermediates) = chain.split_first()?;
        let certificate_id = certificate_id(end_entity);
        match self.principals.principal(&certificate_id) {
            Ok(Some(principal)) if !principal.awaits_activation() => return None,
            Ok(Some(_) | None) => {}
            Err(_) => return None,
        }
        let now = ClockTime(Arc::clone(&self.clock)).current_time()?;
        let issuer = self.check_chain(end_entity, intermediates, now).ok()?.introducer?;
        Some(Introduction { certificate_id, der: end_entity.to_vec(), issuer })
    }
}

fn seconds(time: UnixTime) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}

fn chain_error(error: webpki::Error) -> (CertificateError, &'static str) {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "webpki's error grows; all else is one refusal"
    )]
    match error {
        webpki::Error::CertExpired { .. } => (
            CertificateError::Expired,
            "the certificate, or one of its issuers, has expired: enrol the device again",
        ),
        webpki::Error::CertNotValidYet { .. } => (
            CertificateError::NotValidYet,
            "the certificate, or one of its issuers, is not valid yet: look at the clock",
        ),
        webpki::Error::UnknownIssuer => (
            CertificateError::UnknownIssuer,
            "the certificate is not registered, and its issuer is no CA of this server: enrol the \
             device, or register its CA",
        ),
        webpki::Error::InvalidSignatureForPublicKey => (
            CertificateError::BadSignature,
            "the certificate is not signed by the issuer that it names",
        ),
        webpki::Error::RequiredEkuNotFoundContext(_) => (
            CertificateError::InvalidPurpose,
            "the certificate is not for client authentication: issue one that is",
        ),
        other => (
            CertificateError::Other(OtherError(Arc::new(other))),
            "the certificate's chain breaks a rule of X.509: issue it anew",
        ),
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
        let id = certificate_id(end_entity);
        let chain = if self.is_vouched_for(&id) {
            Chain::default()
        } else {
            self.check_chain(end_entity, intermediates, now)?
        };
        self.check_registry(&id, &chain)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let verified = verify_tls12_signature(message, cert, dss, &self.algorithms);
        verified.inspect_err(|_| self.refused(certificate_id(cert), NOT_THE_KEY))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let verified = verify_tls13_signature(message, cert, dss, &self.algorithms);
        verified.inspect_err(|_| self.refused(certificate_id(cert), NOT_THE_KEY))
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
