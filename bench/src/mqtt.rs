//! A bare MQTT 3.1.1 client over TLS, cheap enough not to be what is measured.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// How many clients connect at once where it does not matter.
const WORKERS: usize = 32;

/// A connection.
pub type Stream = TlsStream<TcpStream>;

/// Devices that all show the same certificate.
#[derive(Clone)]
pub struct Clients {
    port: u16,
    connector: TlsConnector,
}

impl Clients {
    /// Of a server on this port of loopback; `ca.pem`, `device.pem` and `device.key` are in
    /// `folder`.
    ///
    /// # Errors
    /// Which file cannot be used.
    pub fn new(port: u16, folder: &Path) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(read_certificate(folder, "ca.pem")?)?;
        let chain = vec![read_certificate(folder, "device.pem")?];
        let key = read_key(folder, "device.key")?;
        let mut config =
            ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()?
                .with_root_certificates(roots)
                .with_client_auth_cert(chain, key)?;
        config.resumption = rustls::client::Resumption::disabled();
        Ok(Self { port, connector: TlsConnector::from(Arc::new(config)) })
    }

    /// Waits until it is served.
    ///
    /// # Errors
    /// When it is not, for ten seconds.
    pub async fn wait_until_served(&self) -> Result<()> {
        for _ in 0..200 {
            if self.connect("first").await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("nothing serves port {} with these certificates", self.port)
    }

    /// TCP, mutual TLS, and a CONNECT with clean session that is accepted.
    ///
    /// # Errors
    /// Whatever of that fails.
    pub async fn connect(&self, client_id: &str) -> Result<Stream> {
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

    /// Connects `count` clients, some at a time, each subscribing below `filter` if there is one.
    ///
    /// # Errors
    /// The first that fails.
    pub async fn connect_many(
        &self,
        name: &'static str,
        count: usize,
        filter: Option<&'static str>,
    ) -> Result<Vec<Stream>> {
        let mut workers = JoinSet::new();
        for worker in 0..WORKERS {
            let clients = self.clone();
            workers.spawn(async move {
                let mut streams = Vec::new();
                for n in (worker..count).step_by(WORKERS) {
                    let mut stream = clients.connect(&format!("{name}-{n}")).await?;
                    if let Some(filter) = filter {
                        subscribe(&mut stream, &format!("{filter}{n}/#")).await?;
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

/// Subscribes with QoS 1.
///
/// # Errors
/// When that is refused, or the connection is gone.
pub async fn subscribe(stream: &mut Stream, filter: &str) -> Result<()> {
    let mut body = vec![0, 1];
    body.extend_from_slice(&u16::try_from(filter.len())?.to_be_bytes());
    body.extend_from_slice(filter.as_bytes());
    body.push(1);
    send(stream, 0x82, &body).await?;
    let answer = packet(stream).await?;
    ensure!(answer.0 == 0x90 && answer.1.get(2) == Some(&1), "SUBSCRIBE refused");
    Ok(())
}

/// Sends one packet.
async fn send(stream: &mut Stream, kind: u8, body: &[u8]) -> Result<()> {
    let mut bytes = Vec::new();
    put(&mut bytes, kind, body);
    stream.write_all(&bytes).await?;
    Ok(stream.flush().await?)
}

/// Writes a packet of at most 16,383 bytes.
pub fn put(out: &mut Vec<u8>, kind: u8, body: &[u8]) {
    out.push(kind);
    match body.len() {
        short @ 0..128 => out.push(short as u8),
        long => out.extend([(long & 0x7f) as u8 | 0x80, (long >> 7) as u8]),
    }
    out.extend_from_slice(body);
}

/// Reads one packet of at most 16,383 bytes.
///
/// # Errors
/// When the connection is gone.
pub async fn packet(reading: &mut (impl AsyncReadExt + Unpin)) -> Result<(u8, Vec<u8>)> {
    let kind = reading.read_u8().await?;
    let mut length = usize::from(reading.read_u8().await?);
    if length > 127 {
        length = (length & 0x7f) | usize::from(reading.read_u8().await?) << 7;
    }
    let mut body = vec![0; length];
    reading.read_exact(&mut body).await?;
    Ok((kind, body))
}

/// The first certificate of a PEM file.
///
/// # Errors
/// When there is none.
pub fn read_certificate(folder: &Path, name: &str) -> Result<CertificateDer<'static>> {
    let path = folder.join(name);
    CertificateDer::from_pem_file(&path).with_context(|| path.display().to_string())
}

/// The private key in a PEM file.
///
/// # Errors
/// When there is none.
pub fn read_key(folder: &Path, name: &str) -> Result<PrivateKeyDer<'static>> {
    let path = folder.join(name);
    PrivateKeyDer::from_pem_file(&path).with_context(|| path.display().to_string())
}

/// Adds a PUBLISH with QoS 1 of `size` bytes, of which the first 8 say how long after `begun` it
/// was put there.
///
/// # Errors
/// When the topic is longer than MQTT lets it be.
pub fn put_publish(
    out: &mut Vec<u8>,
    topic: &str,
    number: usize,
    size: usize,
    begun: Instant,
) -> Result<()> {
    let id = u16::try_from(number % 60_000)? + 1;
    let mut body = Vec::with_capacity(2 + topic.len() + 2 + size);
    body.extend_from_slice(&u16::try_from(topic.len())?.to_be_bytes());
    body.extend_from_slice(topic.as_bytes());
    body.extend_from_slice(&id.to_be_bytes());
    body.extend_from_slice(&u64::try_from(begun.elapsed().as_nanos())?.to_be_bytes());
    body.resize(2 + topic.len() + 2 + size, 0);
    put(out, 0x32, &body);
    Ok(())
}

/// Of what [`put_publish`] put: how long it took since, and the packet id to acknowledge.
///
/// # Errors
/// When the packet is none of these.
pub fn taken_publish(
    packet: &(u8, Vec<u8>),
    size: usize,
    begun: Instant,
) -> Result<(Duration, [u8; 2])> {
    let (kind, body) = packet;
    ensure!(kind & 0xf0 == 0x30, "not a PUBLISH");
    let id = body.len().checked_sub(size + 2).context("too short")?;
    let sent = body[id + 2..id + 10].try_into().map(u64::from_be_bytes)?;
    Ok((begun.elapsed().saturating_sub(Duration::from_nanos(sent)), body[id..id + 2].try_into()?))
}

/// Reads a PUBACK.
///
/// # Errors
/// When another packet comes, or the connection is gone.
pub async fn acknowledged(reading: &mut (impl AsyncReadExt + Unpin)) -> Result<()> {
    let (kind, _) = packet(reading).await?;
    ensure!(kind == 0x40, "not a PUBACK");
    Ok(())
}
