//! An HTTPS endpoint on loopback: its certificate, what a server must know to send there, and one
//! that answers or hangs.

use std::{
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use perennial_server::Config;
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    sync::{Notify, mpsc},
};
use tokio_rustls::TlsAcceptor;

/// The role that rules name, whose credentials the server has.
pub(crate) const ROLE: &str = "arn:aws:iam::000000000000:role/rules";

/// Where requests are received over TLS.
pub(crate) struct Receiving {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) port: u16,
}

impl Receiving {
    /// A certificate for loopback, and a port that is free.
    pub(crate) fn prepare() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
            .args(["-nodes", "-days", "2", "-subj", "/CN=receiver"])
            .args(["-addext", "subjectAltName=IP:127.0.0.1"])
            .args(["-addext", "basicConstraints=critical,CA:FALSE"])
            .args(["-keyout", "receiver.key", "-out", "receiver.pem"])
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        Self { folder, port }
    }

    /// A server that may send there, tries again soon, and signs as rules want it.
    pub(crate) fn config(&self) -> Config {
        let secret = self.folder.path().join("secret");
        std::fs::write(&secret, "rules-secret\n").unwrap();
        let mut config = super::config();
        config.outbound.allow = vec!["127.0.0.1".to_owned()];
        config.outbound.ca_file = Some(self.folder.path().join("receiver.pem"));
        let rules = format!(
            "[rules]\nmax_tries = 3\nretry_secs = 0.05\n\
             lambda = {{ endpoint = \"{}\", role_arn = \"{ROLE}\" }}\n\
             [[rules.credentials]]\nrole_arn = \"{ROLE}\"\naccess_key_id = \"AKIARULES\"\n\
             secret_file = {secret:?}\n",
            self.url("")
        );
        config.rules = Config::parse(&rules).unwrap().rules;
        config
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://127.0.0.1:{}{path}", self.port)
    }

    /// Serves: every request is kept, and answered unless the endpoint hangs.
    pub(crate) async fn serve(&self) -> Endpoint {
        let certificate = CertificateDer::from_pem_file(self.folder.path().join("receiver.pem"));
        let key = PrivateKeyDer::from_pem_file(self.folder.path().join("receiver.key"));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.unwrap()], key.unwrap())
            .unwrap();
        let listener = TcpListener::bind(("127.0.0.1", self.port)).await.unwrap();
        let (heard, requests) = mpsc::unbounded_channel();
        let behaviour = Arc::new(Behaviour::default());
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        tokio::spawn(accept(listener, acceptor, heard, Arc::clone(&behaviour)));
        Endpoint { requests, behaviour }
    }
}

/// An endpoint that is served.
pub(crate) struct Endpoint {
    requests: mpsc::UnboundedReceiver<Received>,
    behaviour: Arc<Behaviour>,
}

/// A request: its path and its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) path: String,
    pub(crate) body: String,
}

#[derive(Default)]
struct Behaviour {
    hangs: AtomicBool,
    no_more: Notify,
    fails: AtomicBool,
}

impl Endpoint {
    /// The next request.
    pub(crate) async fn next(&mut self) -> Received {
        let next = tokio::time::timeout(super::PATIENCE, self.requests.recv()).await;
        next.unwrap().unwrap()
    }

    /// How many requests there are that nobody took.
    pub(crate) fn waiting(&self) -> usize {
        self.requests.len()
    }

    /// Answers 500 from now on, or 200.
    pub(crate) fn fail(&self, fails: bool) {
        self.behaviour.fails.store(fails, Ordering::SeqCst);
    }

    /// Answers nothing from now on, or all of it.
    pub(crate) fn hang(&self, hangs: bool) {
        self.behaviour.hangs.store(hangs, Ordering::SeqCst);
        if !hangs {
            self.behaviour.no_more.notify_waiters();
        }
    }
}

async fn accept(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    heard: mpsc::UnboundedSender<Received>,
    behaviour: Arc<Behaviour>,
) {
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, heard, behaviour) =
            (acceptor.clone(), heard.clone(), Arc::clone(&behaviour));
        tokio::spawn(async move {
            // Whoever goes away has gone away.
            let _ = answer(stream, acceptor, heard, behaviour).await;
        });
    }
}

async fn answer(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    heard: mpsc::UnboundedSender<Received>,
    behaviour: Arc<Behaviour>,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(acceptor.accept(stream).await?);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut len = 0;
        loop {
            line.clear();
            stream.read_line(&mut line).await?;
            if line == "\r\n" {
                break;
            }
            let field = line.to_ascii_lowercase();
            if let Some(value) = field.strip_prefix("content-length:") {
                len = value.trim().parse().unwrap_or_default();
            }
        }
        let mut body = vec![0; len];
        stream.read_exact(&mut body).await?;
        let body = String::from_utf8_lossy(&body).into_owned();
        // Decided before anybody hears of it: what is changed then holds for the next.
        let status = if behaviour.fails.load(Ordering::SeqCst) { "500 Oh No" } else { "200 OK" };
        // Nobody listens any more: the story is over.
        let _ = heard.send(Received { path, body });
        let no_more = behaviour.no_more.notified();
        if behaviour.hangs.load(Ordering::SeqCst) {
            no_more.await;
        }
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        stream.write_all(head.as_bytes()).await?;
        stream.flush().await?;
    }
}
