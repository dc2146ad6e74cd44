//! TLS for HTTPS beside the broker: its certificate and its rules, with client certificates
//! optional. One that is shown must be in order, as for MQTT.

use std::sync::Arc;

use rustls::{Error, ServerConfig};

use crate::{
    Clock, DeviceLog, Principals, ServerIdentity, TlsVersion, TrustAnchors,
    presence::PresenceLog,
    verifier::{DeviceVerifier, server_config},
};

/// The TLS configuration of an HTTPS port that shows the broker's certificate.
///
/// # Errors
/// When the provider does not know the TLS versions.
pub fn https_config(
    identity: ServerIdentity,
    anchors: TrustAnchors,
    principals: Arc<dyn Principals>,
    clock: Clock,
    oldest: TlsVersion,
    log: Arc<dyn DeviceLog>,
) -> Result<Arc<ServerConfig>, Error> {
    // Of its own: who is too late over MQTT is told of, and would be told of twice.
    let presence = Arc::new(PresenceLog::default());
    let verifier = DeviceVerifier::new(anchors, principals, clock, presence, log).optional();
    let mut config = server_config(identity, Arc::new(verifier), oldest)?;
    // AWS IoT's devices name the second where HTTPS shares a port with MQTT.
    config.alpn_protocols = vec![b"http/1.1".to_vec(), b"x-amzn-http-ca".to_vec()];
    Ok(Arc::new(config))
}
