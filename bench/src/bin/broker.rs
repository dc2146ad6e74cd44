//! The broker beside Debian's Mosquitto: the same client, certificates and machine, one run.
//!
//! Prints one JSON object a line: mTLS connects per second of server CPU, resident bytes per idle
//! connection, and QoS 1 delivery latency while idle wildcard subscribers are connected.
//! `mosquitto` must be installed. `broker serve DIR` is the child that serves ours.
#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use std::{
    env,
    path::{Path, PathBuf},
    process::{Child, Command},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context, Result, bail, ensure};
use perennial_bench::cpu_seconds;
use perennial_broker::{
    Broker, Limits, LookupFailed, Principal, Principals, ServerIdentity, Settings, TlsVersion,
    TrustAnchors,
};
use perennial_core::{
    certificate::{CertificateStatus, Validity},
    ids::CertificateId,
    policy::{CertificateFacts, Document, Scope},
    time::Timestamp,
};
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType,
};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs, sign::CertifiedKey};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split},
    net::TcpStream,
    task::JoinSet,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

const CONNECTS: usize = 2_000;
const IDLE: usize = 5_000;
const MESSAGES: u32 = 5_000;
const PORTS: [u16; 2] = [18_883, 18_884];
const ANYTHING: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["iot:Connect","iot:Publish","iot:Subscribe","iot:Receive"],"Resource":"*"}]}"#;

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = env::args().skip(1);
    if arguments.next().as_deref() == Some("serve") {
        return serve(Path::new(&arguments.next().context("serve DIR")?)).await;
    }
    let folder = tempfile::tempdir()?;
    make_certificates(folder.path())?;
    let ours = measure("perennial", start_ours(folder.path())?, PORTS[0], folder.path()).await?;
    let theirs =
        measure("mosquitto", start_mosquitto(folder.path())?, PORTS[1], folder.path()).await?;
    let ratio = ours.connects_per_cpu_second / theirs.connects_per_cpu_second;
    println!(
        "{}",
        serde_json::json!({
            "connects_ratio": ratio,
            "idle_bytes_ratio": ours.idle_bytes / theirs.idle_bytes,
            "p99_ratio": ours.p99_ms / theirs.p99_ms,
        })
    );
    Ok(())
}

/// What one broker achieved.
struct Figures {
    connects_per_cpu_second: f64,
    idle_bytes: f64,
    p99_ms: f64,
}

/// Ends its process when dropped.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn start_ours(folder: &Path) -> Result<Server> {
    Ok(Server(Command::new(env::current_exe()?).arg("serve").arg(folder).spawn()?))
}

fn start_mosquitto(folder: &Path) -> Result<Server> {
    let path = |name: &str| folder.join(name).display().to_string();
    let text = format!(
        "listener {} 127.0.0.1\ncafile {}\ncertfile {}\nkeyfile {}\nrequire_certificate true\n\
         use_identity_as_username true\ntls_version tlsv1.3\nmax_queued_messages 10000\n\
         user root\nlog_type none\n",
        PORTS[1],
        path("ca.pem"),
        path("server.pem"),
        path("server.key"),
    );
    std::fs::write(folder.join("mosquitto.conf"), text)?;
    let child = Command::new("mosquitto").arg("-c").arg(folder.join("mosquitto.conf")).spawn();
    Ok(Server(child.context("mosquitto is not installed: apt-get install mosquitto")?))
}

async fn measure(name: &str, server: Server, port: u16, folder: &Path) -> Result<Figures> {
    let clients = Clients::new(port, folder)?;
    clients.wait_until_served().await?;
    let pid = server.0.id();
    let (cpu, wall) = (cpu_seconds(pid)?, Instant::now());
    drop(clients.connect_many("short", CONNECTS, None).await?);
    let connects_per_cpu_second = CONNECTS as f64 / (cpu_seconds(pid)? - cpu);
    let connects_per_second = CONNECTS as f64 / wall.elapsed().as_secs_f64();

    let before = resident_bytes(pid)?;
    let idle = clients.connect_many("idle", IDLE, Some("fleet/+/")).await?;
    let idle_bytes = (resident_bytes(pid)? - before) as f64 / IDLE as f64;
    let (cpu, latencies) = (cpu_seconds(pid)?, deliver(&clients).await?);
    let cpu_us = (cpu_seconds(pid)? - cpu) * 1e6 / f64::from(MESSAGES);
    drop(idle);
    let at = |share: f64| latencies[(latencies.len() as f64 * share) as usize].as_secs_f64() * 1e3;
    let (p50_ms, p99_ms) = (at(0.5), at(0.99));
    println!(
        "{}",
        serde_json::json!({
            "broker": name, "connects_per_cpu_second": connects_per_cpu_second,
            "connects_per_second": connects_per_second, "idle_connections": IDLE,
            "idle_bytes_per_connection": idle_bytes, "messages": MESSAGES,
            "delivery_p50_ms": p50_ms, "delivery_p99_ms": p99_ms, "cpu_us_per_message": cpu_us,
        })
    );
    Ok(Figures { connects_per_cpu_second, idle_bytes, p99_ms })
}

/// One publisher, one subscriber, QoS 1, one message each millisecond; sorted latencies.
async fn deliver(clients: &Clients) -> Result<Vec<Duration>> {
    let (mut reading, mut acking) = split(clients.connect("reader").await?);
    subscribe(&mut reading, &mut acking, "bench/x").await?;
    let (mut answers, mut writing) = split(clients.connect("writer").await?);
    let start = Instant::now();
    let drain = tokio::spawn(async move {
        let mut sink = [0; 4096];
        while answers.read(&mut sink).await.is_ok_and(|read| read > 0) {}
    });
    let reader = tokio::spawn(async move {
        let mut latencies = Vec::new();
        while latencies.len() < MESSAGES as usize {
            let packet = packet(&mut reading).await?;
            ensure!(packet.0 & 0xf0 == 0x30, "not a PUBLISH");
            let id = [packet.1[9], packet.1[10]];
            let sent = packet.1[11..19].try_into().map(u64::from_be_bytes)?;
            latencies.push(start.elapsed() - Duration::from_nanos(sent));
            acking.write_all(&[0x40, 2, id[0], id[1]]).await?;
            acking.flush().await?;
        }
        Ok(latencies)
    });
    let mut ticks = tokio::time::interval(Duration::from_millis(1));
    for n in 0..MESSAGES {
        ticks.tick().await;
        let id = u16::try_from(n % 60_000)? + 1;
        let mut body = vec![0, 7];
        body.extend_from_slice(b"bench/x");
        body.extend_from_slice(&id.to_be_bytes());
        body.extend_from_slice(&u64::try_from(start.elapsed().as_nanos())?.to_be_bytes());
        body.resize(9 + 2 + 128, 0);
        send(&mut writing, 0x32, &body).await?;
    }
    let mut latencies: Vec<Duration> = reader.await??;
    drain.abort();
    latencies.sort_unstable();
    Ok(latencies)
}

/// Devices that all show the same certificate.
#[derive(Clone)]
struct Clients {
    port: u16,
    connector: TlsConnector,
}

impl Clients {
    fn new(port: u16, folder: &Path) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(certificate(folder, "ca.pem")?)?;
        let chain = vec![certificate(folder, "device.pem")?];
        let key = PrivateKeyDer::from_pem_file(folder.join("device.key"))?;
        let mut config =
            ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()?
                .with_root_certificates(roots)
                .with_client_auth_cert(chain, key)?;
        config.resumption = rustls::client::Resumption::disabled();
        Ok(Self { port, connector: TlsConnector::from(Arc::new(config)) })
    }

    async fn wait_until_served(&self) -> Result<()> {
        for _ in 0..200 {
            if self.connect("first").await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("nothing serves port {} with these certificates", self.port)
    }

    async fn connect(&self, client_id: &str) -> Result<TlsStream<TcpStream>> {
        let tcp = TcpStream::connect(("127.0.0.1", self.port)).await?;
        tcp.set_nodelay(true)?;
        let mut stream = self.connector.connect("localhost".try_into()?, tcp).await?;
        let mut body = b"\x00\x04MQTT\x04\x02\x04\xb0".to_vec();
        body.extend_from_slice(&u16::try_from(client_id.len())?.to_be_bytes());
        body.extend_from_slice(client_id.as_bytes());
        send(&mut stream, 0x10, &body).await?;
        let answer = packet(&mut stream).await?;
        ensure!(answer.0 == 0x20 && answer.1.get(1) == Some(&0), "CONNECT refused");
        Ok(stream)
    }

    /// Connects `count` clients, 32 at a time, each subscribing below `filter` if there is one.
    async fn connect_many(
        &self,
        name: &'static str,
        count: usize,
        filter: Option<&'static str>,
    ) -> Result<Vec<TlsStream<TcpStream>>> {
        let mut workers = JoinSet::new();
        for worker in 0..32 {
            let clients = self.clone();
            workers.spawn(async move {
                let mut streams = Vec::new();
                for n in (worker..count).step_by(32) {
                    let mut stream = clients.connect(&format!("{name}-{n}")).await?;
                    if let Some(filter) = filter {
                        let (mut reading, mut writing) = split(&mut stream);
                        subscribe_on(&mut reading, &mut writing, &format!("{filter}{n}/#")).await?;
                    }
                    streams.push(stream);
                }
                anyhow::Ok(streams)
            });
        }
        let mut streams = Vec::new();
        while let Some(done) = workers.join_next().await {
            streams.extend(done??);
        }
        Ok(streams)
    }
}

async fn subscribe(
    reading: &mut ReadHalf<TlsStream<TcpStream>>,
    writing: &mut WriteHalf<TlsStream<TcpStream>>,
    filter: &str,
) -> Result<()> {
    subscribe_on(reading, writing, filter).await
}

async fn subscribe_on(
    reading: &mut (impl AsyncReadExt + Unpin),
    writing: &mut (impl AsyncWriteExt + Unpin),
    filter: &str,
) -> Result<()> {
    let mut body = vec![0, 1];
    body.extend_from_slice(&u16::try_from(filter.len())?.to_be_bytes());
    body.extend_from_slice(filter.as_bytes());
    body.push(1);
    send(writing, 0x82, &body).await?;
    let answer = packet(reading).await?;
    ensure!(answer.0 == 0x90 && answer.1.get(2) == Some(&1), "SUBSCRIBE refused");
    Ok(())
}

/// Sends a packet of at most 16,383 bytes.
async fn send(writing: &mut (impl AsyncWriteExt + Unpin), kind: u8, body: &[u8]) -> Result<()> {
    let mut bytes = vec![kind];
    match body.len() {
        short @ 0..128 => bytes.push(short as u8),
        long => bytes.extend([(long & 0x7f) as u8 | 0x80, (long >> 7) as u8]),
    }
    bytes.extend_from_slice(body);
    writing.write_all(&bytes).await?;
    Ok(writing.flush().await?)
}

async fn packet(reading: &mut (impl AsyncReadExt + Unpin)) -> Result<(u8, Vec<u8>)> {
    let kind = reading.read_u8().await?;
    let mut length = usize::from(reading.read_u8().await?);
    if length > 127 {
        length = (length & 0x7f) | usize::from(reading.read_u8().await?) << 7;
    }
    let mut body = vec![0; length];
    reading.read_exact(&mut body).await?;
    Ok((kind, body))
}

/// Serves ours with the folder's certificates; its one device may do anything.
async fn serve(folder: &Path) -> Result<()> {
    let chain = vec![certificate(folder, "server.pem")?];
    let key = PrivateKeyDer::from_pem_file(folder.join("server.key"))?;
    let key = aws_lc_rs::default_provider().key_provider.load_private_key(key)?;
    let identity = ServerIdentity::new(Arc::new(CertifiedKey::new(chain, key)));
    let anchors = TrustAnchors::new(&[certificate(folder, "ca.pem")?])?;
    let settings = Settings {
        listen: ([127, 0, 0, 1], PORTS[0]).into(),
        oldest_tls: TlsVersion::V1_3,
        scope: Scope::default(),
        limits: Limits::default(),
    };
    let principals = Arc::new(OneDevice::new(&certificate(folder, "device.pem")?)?);
    let broker = Broker::bind(settings, identity, anchors, principals, Arc::new(now))?;
    broker.run(std::future::pending()).await;
    Ok(())
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
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
            things: Vec::new(),
            policies: vec![Arc::new(Document::parse(ANYTHING)?)],
            certificate: Arc::new(CertificateFacts::default()),
        })))
    }
}

impl Principals for OneDevice {
    fn principal(&self, id: &CertificateId) -> Result<Option<Arc<Principal>>, LookupFailed> {
        Ok((*id == self.0.certificate_id).then(|| Arc::clone(&self.0)))
    }
}

fn certificate(folder: &Path, name: &str) -> Result<CertificateDer<'static>> {
    let path: PathBuf = folder.join(name);
    CertificateDer::from_pem_file(&path).with_context(|| path.display().to_string())
}

fn make_certificates(folder: &Path) -> Result<()> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.distinguished_name.push(rcgen::DnType::CommonName, "Bench CA");
    let key = KeyPair::generate()?;
    std::fs::write(folder.join("ca.pem"), params.self_signed(&key)?.pem())?;
    let issuer = Issuer::new(params, key);
    for name in ["server", "device"] {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()])?;
        params.subject_alt_names.push(SanType::IpAddress([127, 0, 0, 1].into()));
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate()?;
        std::fs::write(folder.join(format!("{name}.key")), key.serialize_pem())?;
        let certificate = params.signed_by(&key, &issuer)?;
        std::fs::write(folder.join(format!("{name}.pem")), certificate.pem())?;
    }
    Ok(())
}

fn resident_bytes(pid: u32) -> Result<i64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
    let kilobytes: i64 = line.trim().trim_end_matches(" kB").trim().parse()?;
    Ok(kilobytes * 1024)
}
