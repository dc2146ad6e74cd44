//! Devices on the HTTPS port: who shows a certificate has a share of the connections, and no more.

#![allow(clippy::unwrap_used, reason = "a test's own machinery")]

use std::sync::Arc;

use axum::{Extension, Router, routing::get};
use perennial_api::{Limits, Listener, Peer};
use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    server::WebPkiClientVerifier,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_util::sync::CancellationToken;

/// A CA, and one certificate of it that does for everybody.
struct Pki {
    ca: CertificateDer<'static>,
    certificate: Certificate,
    key: KeyPair,
}

impl Pki {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca_key = KeyPair::generate().unwrap();
        let ca = params.self_signed(&ca_key).unwrap().der().clone();
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = leaf.signed_by(&key, &Issuer::new(params, ca_key)).unwrap();
        Self { ca, certificate, key }
    }

    fn own(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let key = PrivatePkcs8KeyDer::from(self.key.serialize_der());
        (vec![self.certificate.der().clone()], key.into())
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.ca.clone()).unwrap();
        roots
    }

    fn server(&self) -> Arc<ServerConfig> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let roots = Arc::new(self.roots());
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&provider))
            .allow_unauthenticated()
            .build()
            .unwrap();
        let (chain, key) = self.own();
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key);
        Arc::new(config.unwrap())
    }

    fn client(&self, shows_certificate: bool) -> TlsConnector {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(self.roots());
        let (chain, key) = self.own();
        TlsConnector::from(Arc::new(match shows_certificate {
            true => config.with_client_auth_cert(chain, key).unwrap(),
            false => config.with_no_client_auth(),
        }))
    }
}

/// What a request on a new connection is answered, and the connection.
async fn ask(
    listener: std::net::SocketAddr,
    client: TlsConnector,
) -> (String, TlsStream<TcpStream>) {
    let tcp = TcpStream::connect(listener).await.unwrap();
    let mut stream = client.connect("localhost".try_into().unwrap(), tcp).await.unwrap();
    // One that is turned away may be closed before it is written to.
    let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let mut heard = vec![0; 1024];
    let len = stream.read(&mut heard).await.unwrap_or(0);
    (String::from_utf8_lossy(&heard[..len]).into_owned(), stream)
}

#[tokio::test]
async fn devices_leave_room_for_who_shows_no_certificate() {
    let pki = Pki::new();
    let limits = Limits { connections: 8, device_connections: 1, ..Limits::default() };
    let address = "127.0.0.1:0".parse().unwrap();
    let listener = Listener::https(address, pki.server(), limits).await.unwrap();
    let address = listener.local_addr();
    let who = |Extension(peer): Extension<Peer>| async move {
        let is_own = peer.certificate.is_some();
        format!("a device: {is_own}")
    };
    let router = Router::new().route("/", get(who));
    tokio::spawn(listener.serve(router, CancellationToken::new()));

    let (first, held) = ask(address, pki.client(true)).await;
    let (second, _) = ask(address, pki.client(true)).await;
    let (operator, _held) = ask(address, pki.client(false)).await;
    drop(held);
    let third = loop {
        let (heard, _) = ask(address, pki.client(true)).await;
        if !heard.is_empty() {
            break heard;
        }
    };

    assert!(first.ends_with("a device: true"), "{first}");
    assert_eq!(second, "");
    assert!(operator.ends_with("a device: false"), "{operator}");
    assert!(third.ends_with("a device: true"), "{third}");
}
