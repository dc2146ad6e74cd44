//! A client of the API over one kept connection: signs, sends, waits.

use std::{net::SocketAddr, path::Path, time::SystemTime};

use anyhow::{Context as _, Result, bail};
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, body::Bytes, client::conn::http1::SendRequest, header::HOST};
use hyper_util::rt::TokioIo;
use perennial_api::sigv4::{SigningSecret, sign};
use perennial_core::time::Timestamp;
use serde_json::Value;
use tokio::net::TcpStream;

/// An access key.
#[derive(Clone)]
pub(crate) struct Key {
    id: String,
    secret: SigningSecret,
    region: &'static str,
}

impl Key {
    /// The key in an AWS credentials file.
    pub(crate) fn read(credentials: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(credentials)?;
        let member = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            let value = line.and_then(|rest| rest.trim().strip_prefix('='));
            value.map(|value| value.trim().to_owned()).context("a member is missing")
        };
        let (id, secret) = (member("aws_access_key_id")?, member("aws_secret_access_key")?);
        Ok(Self { id, secret: SigningSecret::new(secret), region: "local-1" })
    }

    /// A key for who does not look at it, but at the region.
    pub(crate) fn any() -> Self {
        let (id, secret) = ("AKIAIOSFODNN7EXAMPLE".to_owned(), SigningSecret::new("any"));
        Self { id, secret, region: "us-east-1" }
    }
}

/// A connection.
pub(crate) struct Client {
    sender: SendRequest<Full<Bytes>>,
    address: SocketAddr,
    key: Key,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr, key: &Key) -> Result<Self> {
        Ok(Self { sender: open(address).await?, address, key: key.clone() })
    }

    /// Calls, with an empty object if it posts, and answers the body.
    pub(crate) async fn call(&mut self, method: &str, uri: &str) -> Result<Value> {
        let body = if method == "POST" { b"{}".to_vec() } else { Vec::new() };
        self.call_with(method, uri, body).await
    }

    /// Calls with this body, and answers the body that comes back.
    pub(crate) async fn call_with(
        &mut self,
        method: &str,
        uri: &str,
        body: Vec<u8>,
    ) -> Result<Value> {
        let mut request = Request::builder()
            .method(method)
            .uri(uri)
            .header(HOST, self.address.to_string())
            .body(body)?;
        sign(&mut request, &self.key.id, &self.key.secret, self.key.region, now())?;
        if self.sender.ready().await.is_err() {
            // moto's server closes after each answer.
            self.sender = open(self.address).await?;
        }
        let answer =
            self.sender.send_request(request.map(|body| Full::new(Bytes::from(body)))).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        if !status.is_success() {
            bail!("{method} {uri}: {status}: {}", String::from_utf8_lossy(&body));
        }
        Ok(serde_json::from_slice(&body)?)
    }
}

async fn open(address: SocketAddr) -> Result<SendRequest<Full<Bytes>>> {
    let tcp = TcpStream::connect(address).await?;
    tcp.set_nodelay(true)?;
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(tcp)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_secs(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}
