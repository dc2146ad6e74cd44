//! A broker, an authority, and a server that plays its side of one rotation.

use std::{
    collections::HashMap,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::rand::SystemRandom;
use perennial_agent::{Agent, Config, Event, Identity, IssuedBy, RunError, install};
use perennial_broker::{
    Basis, Broker, BrokerHandle, Inbound, Limits, LookupFailed, NoDeviceLog, Outgoing, Principal,
    Principals, Qos, ServerIdentity, Settings, TlsVersion, TrustAnchors,
};
use perennial_core::{
    certificate::{CertificateStatus, Validity},
    ids::{CertificateId, ClientId, RotationId, ThingName},
    message::{Crt, CrtAck, CrtErr, CsrReq, CsrRes, Message},
    policy::{CertificateFacts, Document, Scope},
    time::Timestamp,
    topic::{Kind, Prefix},
};
use perennial_pki::{
    Authority, CsrDer, Expectation, Issued, Profile, Serial, ServerNames, ServerProfile, SigningKey,
};
use tempfile::TempDir;
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};

const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[
 {"Effect":"Allow","Action":["iot:Connect","iot:Publish","iot:Subscribe","iot:Receive"],"Resource":"*"}]}"#;
const NAME: &str = "pump-1";
pub(crate) const ROTATION: RotationId = RotationId::from_bytes([7; 16]);

#[derive(Default)]
struct Registry(Mutex<HashMap<CertificateId, Arc<Principal>>>);

impl Principals for Registry {
    fn principal(&self, id: &CertificateId) -> Result<Option<Arc<Principal>>, LookupFailed> {
        Ok(self.0.lock().unwrap().get(id).cloned())
    }
}

pub(crate) fn now() -> Timestamp {
    let passed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_millis(i64::try_from(passed.as_millis()).unwrap())
}

/// Everything on the server's side, and one enrolled device's folder.
pub(crate) struct World {
    pub(crate) handle: BrokerHandle,
    pub(crate) address: SocketAddr,
    pub(crate) first: CertificateId,
    authority: Authority,
    registry: Arc<Registry>,
    files: TempDir,
    inbox: perennial_broker::Subscription,
    issued: Option<Issued>,
    _broker: JoinHandle<()>,
}

impl World {
    pub(crate) fn start() -> Self {
        let files = TempDir::new().unwrap();
        let authority =
            Authority::open_or_create(&files.path().join("ca"), now(), &SystemRandom::new())
                .unwrap();
        let registry = Arc::new(Registry::default());
        let anchors = TrustAnchors::new(std::slice::from_ref(authority.issuing())).unwrap();
        let settings = Settings {
            listen: "127.0.0.1:0".parse().unwrap(),
            oldest_tls: TlsVersion::V1_3,
            scope: Scope::default(),
            limits: Limits::default(),
            log: Arc::new(NoDeviceLog),
        };
        let principals: Arc<Registry> = Arc::clone(&registry);
        let broker =
            Broker::bind(settings, identity(&authority), anchors, principals, Arc::new(now))
                .unwrap();
        let (address, handle) = (broker.local_addr(), broker.handle());
        let inbox = handle.subscribe("management/topic/#", 100).unwrap();
        let _broker = tokio::spawn(broker.run(std::future::pending()));
        let first = CertificateId::from_bytes([0; 32]);
        let issued = None;
        let mut world =
            Self { handle, address, first, authority, registry, files, inbox, issued, _broker };
        world.first = world.enroll();
        world
    }

    fn enroll(&self) -> CertificateId {
        let (key, path) = (SigningKey::generate_p256().unwrap(), self.files.path().join("key.pem"));
        key.write_new(&path).unwrap();
        let issued = self.sign(&key.certificate_request(NAME).unwrap().to_pem());
        let certificate_pem = issued.pem() + &self.authority.chain_pem();
        let anchors_pem = self.authority.root_pem();
        let identity =
            Identity { key: path, certificate_pem, anchors_pem, issued_by: IssuedBy::Server };
        install(&client_id(), &identity, &self.data()).unwrap();
        self.set(issued.certificate_id, CertificateStatus::Active);
        issued.certificate_id
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.files.path().join("device")
    }

    pub(crate) fn config(&self) -> Config {
        let server = self.address.to_string();
        let mut config = Config::new(client_id(), server, "localhost".to_owned(), self.data());
        config.timing.backoff_for = Duration::from_millis(5);
        config.timing.max_backoff_for = Duration::from_millis(50);
        config
    }

    /// An agent that runs, and what it tells.
    pub(crate) fn run(&self, config: Config) -> Running {
        let (tell, events) = mpsc::unbounded_channel();
        let agent = Agent::open(config).unwrap().observed_by(Arc::new(move |_, event| {
            tell.send(event).ok();
        }));
        let task = tokio::spawn(agent.run(std::future::pending()));
        Running { events, task }
    }

    pub(crate) fn set(&self, id: CertificateId, status: CertificateStatus) {
        let forever = Validity { not_before: Timestamp::EPOCH, not_after: Timestamp::MAX };
        let principal = Principal {
            certificate_id: id,
            status,
            validity: forever,
            vouched_for: false,
            policies: vec![Arc::new(Document::parse(POLICY).unwrap())],
            certificate: Arc::new(CertificateFacts::default()),
            grace: None,
            basis: Basis::default(),
        };
        self.registry.0.lock().unwrap().insert(id, Arc::new(principal));
        self.handle.principals_changed(&[id]);
    }

    fn sign(&self, csr: &str) -> Issued {
        let csr = CsrDer::from_pem(csr).unwrap();
        let csr = csr.verify(&Expectation { common_name: Some(NAME) }).unwrap();
        let (thing, serial) = (ThingName::new(NAME).unwrap(), Serial::random().unwrap());
        let prepared =
            self.authority.prepare(csr, &Profile::default(), &thing, serial, now()).unwrap();
        self.authority.sign(prepared).unwrap()
    }

    fn say<M: Message>(&self, message: &M) {
        let topic = Prefix::default().topic(&client_id(), M::KIND);
        let payload = message.to_payload().unwrap().into();
        self.handle.publish(vec![Outgoing {
            topic,
            payload,
            qos: Qos::AtLeastOnce,
            retain: false,
        }]);
    }

    pub(crate) fn ask(&self) {
        self.say(&CsrReq {
            rotation_id: Some(ROTATION),
            server_time: Some(now()),
            ..CsrReq::default()
        });
    }

    /// Plays the server until the device acknowledged or gave up, asking again whenever nothing
    /// was heard for a while.
    pub(crate) async fn rotate(&mut self) -> Outcome {
        loop {
            let Ok(inbound) = timeout(Duration::from_millis(300), self.inbox.recv()).await else {
                match &self.issued {
                    None => self.ask(),
                    Some(issued) => self.deliver(issued.clone()),
                }
                continue;
            };
            if let Some(outcome) = self.heard(inbound.unwrap()) {
                return outcome;
            }
        }
    }

    fn heard(&mut self, inbound: Inbound) -> Option<Outcome> {
        let (_, kind) = Prefix::default().parse(&inbound.topic)?;
        let outcome = match kind {
            Kind::CsrRes => {
                let csr = CsrRes::from_payload(&inbound.payload).unwrap().csr;
                if self.issued.is_none() {
                    let issued = self.sign(&csr);
                    self.set(issued.certificate_id, CertificateStatus::Active);
                    self.issued = Some(issued);
                }
                self.deliver(self.issued.clone().unwrap());
                None
            }
            Kind::CrtAck => {
                let ack = CrtAck::from_payload(&inbound.payload).unwrap();
                Some(Outcome::Acknowledged { by: inbound.principal, ack })
            }
            Kind::CrtErr => Some(Outcome::GaveUp(CrtErr::from_payload(&inbound.payload).unwrap())),
            Kind::CsrReq | Kind::Crt | Kind::Refused => None,
        };
        inbound.ack.accept();
        outcome
    }

    fn deliver(&self, issued: Issued) {
        self.say(&Crt {
            rotation_id: Some(ROTATION),
            certificate_id: Some(issued.certificate_id),
            certificate_pem: issued.pem(),
            chain_pem: self.authority.chain_pem(),
            ca_pem: self.authority.root_pem(),
            server_time: Some(now()),
        });
    }
}

pub(crate) enum Outcome {
    Acknowledged { by: CertificateId, ack: CrtAck },
    GaveUp(CrtErr),
}

pub(crate) struct Running {
    pub(crate) events: mpsc::UnboundedReceiver<Event>,
    pub(crate) task: JoinHandle<Result<(), RunError>>,
}

impl Running {
    /// Waits for an event that `wanted` accepts.
    pub(crate) async fn until(&mut self, wanted: impl Fn(&Event) -> bool) -> Event {
        let found = async {
            loop {
                let event = self.events.recv().await.expect("the agent ended");
                if wanted(&event) {
                    return event;
                }
            }
        };
        timeout(Duration::from_secs(20), found).await.expect("it does not happen")
    }

    pub(crate) async fn steady(&mut self) {
        self.until(|event| matches!(event, Event::StateChanged { to: "Steady", .. })).await;
    }
}

fn client_id() -> ClientId {
    ClientId::new(NAME).unwrap()
}

fn identity(authority: &Authority) -> ServerIdentity {
    let key = SigningKey::generate_p256().unwrap();
    let names = ServerNames { dns: vec!["localhost".to_owned()], ip: Vec::new() };
    let serial = Serial::random().unwrap();
    let issued = authority
        .issue_server(&names, key.public_key(), &ServerProfile::default(), serial, now())
        .unwrap();
    let chain = vec![issued.der, authority.issuing().clone()];
    ServerIdentity::new(key.certified(chain).unwrap())
}
