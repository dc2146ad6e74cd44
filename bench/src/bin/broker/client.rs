//! A bare MQTT 3.1.1 client over TLS, cheap enough not to be what is measured.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::{Result, bail, ensure};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::certificates;

/// How many clients connect at once where it does not matter.
const WORKERS: usize = 32;

pub(super) type Stream = TlsStream<TcpStream>;

/// Devices that all show the same certificate.
#[derive(Clone)]
pub(super) struct Clients {
    port: u16,
    connector: TlsConnector,
}

impl Clients {
    pub(super) fn new(port: u16, folder: &Path) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(certificates::read(folder, "ca.pem")?)?;
        let chain = vec![certificates::read(folder, "device.pem")?];
        let key = certificates::read_key(folder, "device.key")?;
        let mut config =
            ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()?
                .with_root_certificates(roots)
                .with_client_auth_cert(chain, key)?;
        config.resumption = rustls::client::Resumption::disabled();
        Ok(Self { port, connector: TlsConnector::from(Arc::new(config)) })
    }

    pub(super) async fn wait_until_served(&self) -> Result<()> {
        for _ in 0..200 {
            if self.connect("first").await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("nothing serves port {} with these certificates", self.port)
    }

    /// TCP, mutual TLS, and a CONNECT with clean session that is accepted.
    pub(super) async fn connect(&self, client_id: &str) -> Result<Stream> {
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
    pub(super) async fn connect_many(
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
pub(super) async fn subscribe(stream: &mut Stream, filter: &str) -> Result<()> {
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
pub(super) fn put(out: &mut Vec<u8>, kind: u8, body: &[u8]) {
    out.push(kind);
    match body.len() {
        short @ 0..128 => out.push(short as u8),
        long => out.extend([(long & 0x7f) as u8 | 0x80, (long >> 7) as u8]),
    }
    out.extend_from_slice(body);
}

/// Reads one packet of at most 16,383 bytes.
pub(super) async fn packet(reading: &mut (impl AsyncReadExt + Unpin)) -> Result<(u8, Vec<u8>)> {
    let kind = reading.read_u8().await?;
    let mut length = usize::from(reading.read_u8().await?);
    if length > 127 {
        length = (length & 0x7f) | usize::from(reading.read_u8().await?) << 7;
    }
    let mut body = vec![0; length];
    reading.read_exact(&mut body).await?;
    Ok((kind, body))
}
