//! A TLS server on loopback that answers as a test wants.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls_pki_types::PrivateKeyDer;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

/// What a receiver does.
#[derive(Clone, Copy)]
pub(crate) enum Answer {
    Bytes(&'static [u8]),
    /// Reads, and says nothing.
    Hang,
    /// A byte now and then, for ever.
    Drip,
    /// A body without an end, as fast as it is read.
    Endless,
    /// Accepts TCP and leaves it at that.
    NoHandshake,
}

#[derive(Default)]
struct Seen {
    connections: usize,
    requests: Vec<String>,
}

pub(crate) struct Receiver {
    address: SocketAddr,
    folder: tempfile::TempDir,
    seen: Arc<std::sync::Mutex<Seen>>,
    serving: JoinHandle<()>,
}

impl Receiver {
    pub(crate) async fn start(answer: Answer) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let acceptor = certified(&folder.path().join("ca.pem"));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::<std::sync::Mutex<Seen>>::default();
        let serving = tokio::spawn(serve(listener, acceptor, answer, Arc::clone(&seen)));
        Self { address, folder, seen, serving }
    }

    pub(crate) fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn url(&self, host: &str) -> String {
        format!("https://{host}:{}/hook", self.port())
    }

    pub(crate) fn connections(&self) -> usize {
        self.seen.lock().unwrap().connections
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.seen.lock().unwrap().requests.clone()
    }

    pub(crate) async fn stop(self) {
        self.serving.abort();
        let _ = self.serving.await;
    }
}

/// TLS for `localhost` and `127.0.0.1`, of an authority of its own, which is written to `ca_file`.
fn certified(ca_file: &std::path::Path) -> TlsAcceptor {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    std::fs::write(ca_file, ca.pem()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let leaf = CertificateParams::new(names).unwrap().signed_by(&key, &ca).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

async fn serve(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    answer: Answer,
    seen: Arc<std::sync::Mutex<Seen>>,
) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        seen.lock().unwrap().connections += 1;
        tokio::spawn(talk(stream, acceptor.clone(), answer, Arc::clone(&seen)));
    }
}

/// Reads requests that end in "hello", and answers each.
async fn talk(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    answer: Answer,
    seen: Arc<std::sync::Mutex<Seen>>,
) -> Option<()> {
    if matches!(answer, Answer::NoHandshake) {
        let _held = stream;
        return std::future::pending().await;
    }
    let mut stream = acceptor.accept(stream).await.ok()?;
    loop {
        let mut request = Vec::new();
        while !request.ends_with(b"hello") {
            request.push(stream.read_u8().await.ok()?);
        }
        seen.lock().unwrap().requests.push(String::from_utf8(request).unwrap());
        match answer {
            Answer::Bytes(bytes) => stream.write_all(bytes).await.ok()?,
            Answer::Hang | Answer::NoHandshake => std::future::pending().await,
            Answer::Drip => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n").await.ok()?;
                loop {
                    stream.write_all(b"x").await.ok()?;
                    stream.flush().await.ok()?;
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
            Answer::Endless => {
                let head = b"HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n";
                stream.write_all(head).await.ok()?;
                loop {
                    stream.write_all(&[b'x'; 8192]).await.ok()?;
                }
            }
        }
        stream.flush().await.ok()?;
    }
}
