//! A connection to the server: HTTP/1.1, over TLS that trusts one file of anchors.

use std::{sync::Arc, time::Duration};

use http::StatusCode;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    body::Bytes,
    client::conn::http1::{SendRequest, handshake},
};
use hyper_util::rt::TokioIo;
use perennial_core::printable::printable;
use perennial_pki::certificates_from_pem;
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs, pki_types::ServerName};
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use super::{Access, CallError};

/// How long TCP and TLS together may take.
const CONNECT_FOR: Duration = Duration::from_secs(10);
/// How long an answer may take.
const ANSWER_FOR: Duration = Duration::from_secs(120);
/// The longest answer, in bytes.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// A connection that may carry one request after the other.
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
}

/// What the server answered.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Value,
    code: String,
}

impl Answer {
    pub(super) fn into_error(self) -> CallError {
        let message = self.body["message"].as_str().unwrap_or("the server gives no reason");
        let message = printable(message).into_owned();
        CallError::Refused { code: self.code, message, status: self.status }
    }
}

impl Connection {
    pub(super) async fn open(access: &Access) -> Result<Self, CallError> {
        let unreachable =
            |reason: String| CallError::Unreachable { endpoint: access.endpoint(), reason };
        match timeout(CONNECT_FOR, Self::connect(access, &unreachable)).await {
            Ok(connected) => connected,
            Err(_) => Err(unreachable(format!("no answer within {} s", CONNECT_FOR.as_secs()))),
        }
    }

    async fn connect(
        access: &Access,
        unreachable: &impl Fn(String) -> CallError,
    ) -> Result<Self, CallError> {
        let (host, port) = access.address();
        let stream = TcpStream::connect((host, port)).await;
        let stream = stream.map_err(|error| unreachable(error.to_string()))?;
        // Latency matters more than a few packets.
        let _ = stream.set_nodelay(true);
        let Some(bundle) = access.anchors() else { return Self::speak(stream).await };
        let name = ServerName::try_from(host.to_owned());
        let name = name.map_err(|error| unreachable(error.to_string()))?;
        let tls = TlsConnector::from(tls(bundle)?);
        let stream = tls.connect(name, stream).await.map_err(|error| CallError::Untrusted {
            endpoint: access.endpoint(),
            reason: error.to_string(),
            bundle: bundle.display().to_string(),
        })?;
        Self::speak(stream).await
    }

    async fn speak(
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> Result<Self, CallError> {
        let (sender, connection) =
            handshake(TokioIo::new(stream)).await.map_err(|error| broken(&error))?;
        // How it ends is seen by the request under way.
        tokio::spawn(async move { drop(connection.await) });
        Ok(Self { sender })
    }

    /// Whether another request may be sent.
    pub(super) async fn is_ready(&mut self) -> bool {
        self.sender.ready().await.is_ok()
    }

    pub(super) async fn send(
        &mut self,
        request: http::Request<Vec<u8>>,
    ) -> Result<Answer, CallError> {
        let request = request.map(|body| Full::new(Bytes::from(body)));
        match timeout(ANSWER_FOR, self.ask(request)).await {
            Ok(answered) => answered,
            Err(_) => Err(CallError::Broken(format!("no answer in {} s", ANSWER_FOR.as_secs()))),
        }
    }

    async fn ask(&mut self, request: http::Request<Full<Bytes>>) -> Result<Answer, CallError> {
        let response = self.sender.send_request(request).await.map_err(|error| broken(&error))?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, MAX_ANSWER).collect().await;
        let body = body.map_err(|error| CallError::Broken(error.to_string()))?.to_bytes();
        let body = if body.is_empty() { Value::Null } else { read(&body)? };
        let code = head.headers.get("x-amzn-errortype").and_then(|it| it.to_str().ok());
        let code = code.unwrap_or(head.status.as_str()).to_owned();
        Ok(Answer { status: head.status, body, code })
    }
}

fn read(body: &[u8]) -> Result<Value, CallError> {
    serde_json::from_slice(body).map_err(|error| CallError::Unreadable(error.to_string()))
}

fn broken(error: &hyper::Error) -> CallError {
    if error.is_parse() {
        // TLS answers where plain HTTP was spoken, say.
        return CallError::Unreadable(
            "it is not HTTP, as where an http:// URL meets TLS".to_owned(),
        );
    }
    CallError::Broken(error.to_string())
}

/// TLS that trusts the certificates of one file.
fn tls(bundle: &std::path::Path) -> Result<Arc<ClientConfig>, CallError> {
    let bad = |reason: String| CallError::Anchors { bundle: bundle.display().to_string(), reason };
    let text = std::fs::read_to_string(bundle).map_err(|error| bad(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    for anchor in certificates_from_pem(&text).map_err(|error| bad(error.to_string()))? {
        roots.add(anchor).map_err(|error| bad(error.to_string()))?;
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    let versions = builder.with_safe_default_protocol_versions();
    let config = versions.map_err(|error| bad(error.to_string()))?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}
