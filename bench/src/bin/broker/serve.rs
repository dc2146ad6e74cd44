//! The child that serves ours: the product's broker on a registry of one device that may do anything.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use anyhow::Result;
use perennial_bench::mqtt::{read_certificate, read_key};
use perennial_broker::{
    Basis, Broker, Limits, LookupFailed, NoDeviceLog, Principal, Principals, ServerIdentity,
    Settings, TlsVersion, TrustAnchors,
};
use perennial_core::{
    certificate::{CertificateStatus, Validity},
    ids::CertificateId,
    policy::{CertificateFacts, Document, Scope},
    time::Timestamp,
};
use rustls::{crypto::aws_lc_rs, sign::CertifiedKey};
use rustls_pki_types::CertificateDer;

/// All that the clients of a bench do.
const ANYTHING: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["iot:Connect","iot:Publish","iot:Subscribe","iot:Receive"],"Resource":"*"}]}"#;

/// Serves with the folder's certificates until killed.
pub(super) async fn serve(folder: &Path, port: u16) -> Result<()> {
    let chain = vec![read_certificate(folder, "server.pem")?];
    let key = read_key(folder, "server.key")?;
    let key = aws_lc_rs::default_provider().key_provider.load_private_key(key)?;
    let identity = ServerIdentity::new(Arc::new(CertifiedKey::new(chain, key)));
    let anchors = TrustAnchors::new(&[read_certificate(folder, "ca.pem")?])?;
    let settings = Settings {
        listen: ([127, 0, 0, 1], port).into(),
        oldest_tls: TlsVersion::V1_3,
        scope: Scope::default(),
        limits: Limits::default(),
        log: Arc::new(NoDeviceLog),
    };
    let principals = Arc::new(OneDevice::new(&read_certificate(folder, "device.pem")?)?);
    let broker = Broker::bind(settings, identity, anchors, principals, Arc::new(now))?;
    broker.run(std::future::pending()).await;
    Ok(())
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Timestamp::from_secs(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

struct OneDevice(Arc<Principal>);

impl OneDevice {
    fn new(der: &CertificateDer<'_>) -> Result<Self> {
        let digest = ::aws_lc_rs::digest::digest(&::aws_lc_rs::digest::SHA256, der);
        Ok(Self(Arc::new(Principal {
            certificate_id: CertificateId::from_bytes(digest.as_ref().try_into()?),
            status: CertificateStatus::Active,
            validity: Validity { not_before: Timestamp::EPOCH, not_after: Timestamp::MAX },
            // As the server answers for each certificate that it issued.
            vouched_for: true,
            policies: vec![Arc::new(Document::parse(ANYTHING)?)],
            certificate: Arc::new(CertificateFacts::default()),
            grace: None,
            basis: Basis::default(),
        })))
    }
}

impl Principals for OneDevice {
    fn principal(&self, id: &CertificateId) -> Result<Option<Arc<Principal>>, LookupFailed> {
        Ok((*id == self.0.certificate_id).then(|| Arc::clone(&self.0)))
    }
}
