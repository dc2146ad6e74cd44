//! A running broker with its own CA, an in-memory registry, and devices to connect.

use std::{
    collections::HashMap,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::{Duration, SystemTime},
};

use parking_lot::Mutex;
use perennial_broker::{
    Basis, Broker, BrokerHandle, ConnectedThing, DeviceLog, Introduction, Limits, LookupFailed,
    NoDeviceLog, Principal, Principals, ServerIdentity, Settings, Source, TlsVersion, TrustAnchors,
};
use perennial_core::{
    certificate::{CertificateStatus, Validity},
    ids::{CertificateId, ClientId, ThingName},
    policy::{CertificateFacts, Document, Scope, ThingFacts},
    time::{Timestamp, days},
};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::{crypto::aws_lc_rs, sign::CertifiedKey};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tempfile::TempDir;
use tokio::sync::oneshot;

/// Own topics under `dev/{client id}/`, the management topics, and the common topic.
pub(crate) const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[
 {"Effect":"Allow","Action":"iot:Connect","Resource":"arn:aws:iot:local-1:000000000000:client/${iot:ClientId}"},
 {"Effect":"Allow","Action":["iot:Publish","iot:RetainPublish","iot:Receive"],"Resource":[
  "arn:aws:iot:local-1:000000000000:topic/dev/*","arn:aws:iot:local-1:000000000000:topic/management/topic/${iot:ClientId}/*","arn:aws:iot:local-1:000000000000:topic/$aws/events/*"]},
 {"Effect":"Allow","Action":"iot:Subscribe","Resource":[
  "arn:aws:iot:local-1:000000000000:topicfilter/dev/*","arn:aws:iot:local-1:000000000000:topicfilter/management/topic/${iot:ClientId}/*","arn:aws:iot:local-1:000000000000:topicfilter/$aws/events/*",
  "arn:aws:iot:local-1:000000000000:topicfilter/+/*","arn:aws:iot:local-1:000000000000:topicfilter/#"]}]}"#;

/// A certificate authority for one test.
pub(crate) struct Ca {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) der: CertificateDer<'static>,
    pub(crate) pem: String,
}

impl Ca {
    pub(crate) fn new(name: &str) -> Self {
        Self::until(name, SystemTime::now() + days(3650))
    }

    /// One that ends at `ends_at`.
    pub(crate) fn until(name: &str, ends_at: SystemTime) -> Self {
        let (params, key) = ca_params(name, ends_at);
        let certificate = params.self_signed(&key).unwrap();
        let (der, pem) = (certificate.der().clone(), certificate.pem());
        Self { issuer: Issuer::new(params, key), der, pem }
    }

    /// One below this one.
    pub(crate) fn below(&self, name: &str, ends_at: SystemTime) -> Self {
        let (params, key) = ca_params(name, ends_at);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let (der, pem) = (certificate.der().clone(), certificate.pem());
        Self { issuer: Issuer::new(params, key), der, pem }
    }

    pub(crate) fn issue(&self, name: &str, starts_at: SystemTime, ends_at: SystemTime) -> Device {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.subject_alt_names.push(rcgen::SanType::IpAddress("127.0.0.1".parse().unwrap()));
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_before = starts_at.into();
        params.not_after = ends_at.into();
        params.extended_key_usages = vec![
            rcgen::ExtendedKeyUsagePurpose::ClientAuth,
            rcgen::ExtendedKeyUsagePurpose::ServerAuth,
        ];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Device::new(name, certificate.der().clone(), certificate.pem(), &key)
    }

    pub(crate) fn issue_now(&self, name: &str) -> Device {
        let now = SystemTime::now();
        self.issue(name, now - days(1), now + days(30))
    }
}

fn ca_params(name: &str, ends_at: SystemTime) -> (CertificateParams, KeyPair) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.not_after = ends_at.into();
    params.distinguished_name.push(DnType::CommonName, name);
    (params, KeyPair::generate().unwrap())
}

/// A device's key and certificate.
#[derive(Clone)]
pub(crate) struct Device {
    pub(crate) name: String,
    pub(crate) id: CertificateId,
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: Vec<u8>,
    pub(crate) pem: String,
    pub(crate) key_pem: String,
}

impl Device {
    pub(crate) fn new(
        name: &str,
        der: CertificateDer<'static>,
        pem: String,
        key: &KeyPair,
    ) -> Self {
        Self {
            name: name.to_owned(),
            id: certificate_id(&der),
            chain: vec![der],
            key: key.serialize_der(),
            pem,
            key_pem: key.serialize_pem(),
        }
    }

    pub(crate) fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key.clone()).into()
    }
}

pub(crate) fn certificate_id(der: &CertificateDer<'_>) -> CertificateId {
    let digest = ::aws_lc_rs::digest::digest(&::aws_lc_rs::digest::SHA256, der);
    CertificateId::from_bytes(digest.as_ref().try_into().unwrap())
}

/// A registry in memory, which can be told to fail.
#[derive(Default)]
pub(crate) struct Registry {
    principals: Mutex<HashMap<CertificateId, Arc<Principal>>>,
    things: Mutex<HashMap<CertificateId, ThingFacts>>,
    /// What every principal's policies are read from.
    pub(crate) shared: Arc<Source>,
    pub(crate) failing: AtomicBool,
    pub(crate) introductions: Mutex<Vec<Introduction>>,
}

impl Principals for Registry {
    fn principal(&self, id: &CertificateId) -> Result<Option<Arc<Principal>>, LookupFailed> {
        if self.failing.load(Ordering::SeqCst) {
            return Err(LookupFailed("the store is closed".into()));
        }
        Ok(self.principals.lock().get(id).cloned())
    }

    fn thing(
        &self,
        id: &CertificateId,
        client_id: &ClientId,
    ) -> Result<Option<ConnectedThing>, LookupFailed> {
        let facts = self.things.lock().get(id).cloned();
        Ok(facts
            .filter(|facts| facts.name.as_str() == client_id.as_str())
            .map(|facts| connected(facts, Basis::default())))
    }

    fn only_thing(&self, id: &CertificateId) -> Result<Option<ConnectedThing>, LookupFailed> {
        let facts = self.things.lock().get(id).cloned();
        let basis = Basis::default();
        Ok(facts.map(|facts| connected(facts, basis)))
    }

    fn introduced(&self, introduction: Introduction) {
        self.introductions.lock().push(introduction);
    }
}

/// A thing of the group number 7, which has no policies.
fn connected(facts: ThingFacts, basis: Basis) -> ConnectedThing {
    ConnectedThing { facts, policies: Vec::new(), groups: [7].into(), basis }
}

impl Registry {
    pub(crate) fn register(&self, id: CertificateId, status: CertificateStatus, policy: &str) {
        self.put(principal(id, status, policy));
    }

    /// As [`register`](Self::register), for a certificate that needs no chain.
    pub(crate) fn vouch_for(&self, id: CertificateId, status: CertificateStatus) {
        self.put(Principal { vouched_for: true, ..principal(id, status, POLICY) });
    }

    pub(crate) fn put(&self, principal: Principal) {
        let basis = Basis::new(vec![Arc::clone(&self.shared)]);
        let principal = Arc::new(Principal { basis, ..principal });
        self.principals.lock().insert(principal.certificate_id, principal);
    }

    /// Attaches a certificate to a thing with one attribute.
    pub(crate) fn attach(&self, id: CertificateId, name: &str, (key, value): (&str, &str)) {
        let facts = ThingFacts {
            name: ThingName::new(name).unwrap(),
            is_attached: true,
            type_name: None,
            attributes: [(key.to_owned(), value.to_owned())].into(),
            billing_group: None,
        };
        self.things.lock().insert(id, facts);
    }

    pub(crate) fn forget(&self, id: &CertificateId) {
        self.principals.lock().remove(id);
    }
}

/// A principal that is valid for ever.
pub(crate) fn principal(id: CertificateId, status: CertificateStatus, policy: &str) -> Principal {
    let forever = Timestamp::from_secs(0)..Timestamp::MAX;
    Principal {
        certificate_id: id,
        status,
        validity: Validity { not_before: forever.start, not_after: forever.end },
        vouched_for: false,
        policies: vec![Arc::new(Document::parse(policy).unwrap())],
        certificate: Arc::new(CertificateFacts::default()),
        grace: None,
        basis: Basis::default(),
    }
}

/// A broker that runs until it is dropped.
pub(crate) struct World {
    pub(crate) ca: Ca,
    pub(crate) registry: Arc<Registry>,
    pub(crate) address: SocketAddr,
    pub(crate) handle: BrokerHandle,
    pub(crate) identity: ServerIdentity,
    pub(crate) anchors: TrustAnchors,
    /// Added to the broker's clock, in seconds.
    pub(crate) clock_offset: Arc<AtomicI64>,
    pub(crate) files: TempDir,
    stop: Option<oneshot::Sender<()>>,
    pub(crate) running: Option<tokio::task::JoinHandle<()>>,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut Limits)) -> Self {
        Self::start_set(settings(change)).await
    }

    /// One whose clients' deeds are recorded.
    pub(crate) async fn start_logging(log: Arc<dyn DeviceLog>) -> Self {
        Self::start_set(Settings { log, ..settings(|_| {}) }).await
    }

    async fn start_set(settings: Settings) -> Self {
        let ca = Ca::new("Test issuing CA");
        let registry = Arc::new(Registry::default());
        let identity = ServerIdentity::new(certified(&ca.issue_now("localhost")));
        let anchors = TrustAnchors::new(std::slice::from_ref(&ca.der)).unwrap();
        let clock_offset = Arc::new(AtomicI64::new(0));
        let offset = Arc::clone(&clock_offset);
        let clock =
            Arc::new(move || now() + Duration::from_secs(offset.load(Ordering::SeqCst) as u64));
        let principals = Arc::<Registry>::clone(&registry);
        let broker =
            Broker::bind(settings, identity.clone(), anchors.clone(), principals, clock).unwrap();
        let (address, handle) = (broker.local_addr(), broker.handle());
        let (stop, stopped) = oneshot::channel();
        let running = Some(tokio::spawn(broker.run(async {
            stopped.await.ok();
        })));
        let (stop, files) = (Some(stop), TempDir::new().unwrap());
        Self {
            ca,
            registry,
            address,
            handle,
            identity,
            anchors,
            clock_offset,
            files,
            stop,
            running,
        }
    }

    /// A registered, ACTIVE device with [`POLICY`].
    pub(crate) fn device(&self, name: &str) -> Device {
        self.device_with(name, POLICY)
    }

    pub(crate) fn device_with(&self, name: &str, policy: &str) -> Device {
        let device = self.ca.issue_now(name);
        self.registry.register(device.id, CertificateStatus::Active, policy);
        device
    }

    /// Sets the status of a device's certificate and tells the broker.
    pub(crate) fn set_status(&self, device: &Device, status: CertificateStatus) {
        self.registry.register(device.id, status, POLICY);
        self.handle.principals_changed(&[device.id]);
    }

    pub(crate) fn set_policy(&self, device: &Device, policy: &str) {
        self.registry.register(device.id, CertificateStatus::Active, policy);
        self.handle.principals_changed(&[device.id]);
    }

    pub(crate) fn stop(&mut self) {
        self.stop.take().map(|stop| stop.send(()));
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.files.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

pub(crate) fn settings(change: impl FnOnce(&mut Limits)) -> Settings {
    let mut limits = Limits { keep_alive_min: Duration::from_secs(1), ..Limits::default() };
    change(&mut limits);
    let listen = "127.0.0.1:0".parse().unwrap();
    let log = Arc::new(NoDeviceLog);
    Settings { listen, oldest_tls: TlsVersion::V1_3, scope: Scope::default(), limits, log }
}

pub(crate) fn key_of(device: &Device) -> CertifiedKey {
    let key = aws_lc_rs::default_provider().key_provider.load_private_key(device.private_key());
    CertifiedKey::new(device.chain.clone(), key.unwrap())
}

pub(crate) fn certified(device: &Device) -> Arc<CertifiedKey> {
    Arc::new(key_of(device))
}

pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    Timestamp::from_millis(since.as_millis() as i64)
}

/// Waits, at most ten seconds, until `condition` holds.
pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(10), async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    });
    assert!(waited.await.is_ok(), "never came true: {what}");
}
