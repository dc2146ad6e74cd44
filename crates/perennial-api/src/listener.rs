//! The port: accepting connections, shaking hands outside the accept loop, and limits on all that
//! a peer can make us hold.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use aws_lc_rs::digest::{SHA256, digest};
use axum::{Router, body::Body};
use http::Request;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use perennial_core::ids::CertificateId;
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower_service::Service as _;
use tracing::{debug, error};

/// What a listener holds at most, and how long it waits.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at a time; more are closed at once.
    pub connections: usize,
    /// How many of them may be of devices, who show a certificate, so that a fleet leaves room
    /// for its operators.
    pub device_connections: usize,
    /// How long a TLS handshake may take.
    pub handshake_for: Duration,
    /// How long a request's head may take, and a connection may be idle.
    pub head_for: Duration,
    /// How long a connection may live; then it ends after the request under way.
    pub life_for: Duration,
    /// The longest head, in bytes.
    pub head_len: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1024,
            device_connections: 768,
            handshake_for: Duration::from_secs(10),
            head_for: Duration::from_secs(30),
            life_for: Duration::from_secs(600),
            head_len: 32 * 1024,
        }
    }
}

/// How long requests under way may still take when their connection has to end.
const GRACE: Duration = Duration::from_secs(35);

/// Who is at the other end of a connection; every request carries it as an extension.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// Their address.
    pub address: SocketAddr,
    /// The client certificate they showed, which the TLS handshake verified.
    pub certificate: Option<CertificateId>,
}

/// Why nobody can listen.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The address cannot be listened on.
    #[error("cannot listen for HTTP on {address}: {reason}")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system said, and what to do.
        reason: String,
    },
    /// Plain HTTP for others than this machine.
    #[error(
        "plain HTTP on {address} would be open to the network: only a loopback address may do \
         without TLS"
    )]
    NotLoopback {
        /// The address that was asked for.
        address: SocketAddr,
    },
}

fn explain(error: &io::Error) -> String {
    let kind = error.kind();
    let advice = if kind == io::ErrorKind::AddrInUse {
        "the port is in use; stop the other program or choose another address"
    } else if kind == io::ErrorKind::AddrNotAvailable {
        "no interface of this machine has that address; choose one of its own, or 0.0.0.0 for all"
    } else if kind == io::ErrorKind::PermissionDenied {
        "this user may not use that port; choose one above 1023, or give it CAP_NET_BIND_SERVICE"
    } else {
        return error.to_string();
    };
    advice.to_owned()
}

/// A listener that has its port, not yet serving.
pub struct Listener {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
    limits: Arc<Limits>,
    connections: Arc<Semaphore>,
    devices: Arc<Semaphore>,
}

impl Listener {
    /// Listens for HTTPS.
    ///
    /// # Errors
    /// [`BindError`] names the address.
    pub async fn https(
        address: SocketAddr,
        config: Arc<ServerConfig>,
        limits: Limits,
    ) -> Result<Self, BindError> {
        Self::bind(address, Some(TlsAcceptor::from(config)), limits).await
    }

    /// Listens for HTTP without TLS, on loopback only.
    ///
    /// # Errors
    /// [`BindError::NotLoopback`] for any other address.
    pub async fn plain(address: SocketAddr, limits: Limits) -> Result<Self, BindError> {
        if !address.ip().is_loopback() {
            return Err(BindError::NotLoopback { address });
        }
        Self::bind(address, None, limits).await
    }

    async fn bind(
        address: SocketAddr,
        tls: Option<TlsAcceptor>,
        limits: Limits,
    ) -> Result<Self, BindError> {
        let failed = |error: io::Error| BindError::Listen { address, reason: explain(&error) };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let places = |most: usize| Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS)));
        let (connections, devices) =
            (places(limits.connections), places(limits.device_connections));
        Ok(Self { listener, address, tls, limits: Arc::new(limits), connections, devices })
    }

    /// The address it listens on, with the port that was chosen.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves `router` until `shutdown`, then lets requests under way end.
    pub async fn serve(self, router: Router, shutdown: CancellationToken) {
        let open = TaskTracker::new();
        loop {
            let accepted = tokio::select! {
                () = shutdown.cancelled() => break,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, address)) => self.accept(stream, address, &router, &shutdown, &open),
                Err(error) => out_of_sockets(&error).await,
            }
        }
        drop(self.listener);
        open.close();
        open.wait().await;
    }

    fn accept(
        &self,
        stream: TcpStream,
        address: SocketAddr,
        router: &Router,
        shutdown: &CancellationToken,
        open: &TaskTracker,
    ) {
        let Ok(place) = Arc::clone(&self.connections).try_acquire_owned() else {
            debug!(network.peer = %address, "turned away: there are too many connections");
            return;
        };
        let connection = Connection {
            limits: Arc::clone(&self.limits),
            router: router.clone(),
            shutdown: shutdown.clone(),
            devices: Arc::clone(&self.devices),
            _place: place,
        };
        let tls = self.tls.clone();
        open.spawn(async move {
            let peer = Peer { address, certificate: None };
            // Latency matters more than a few packets; a socket that refuses is served anyway.
            let _ = stream.set_nodelay(true);
            match tls {
                None => connection.serve(stream, peer).await,
                Some(tls) => connection.serve_tls(stream, &tls, peer).await,
            }
        });
    }
}

/// One connection's share of the listener.
struct Connection {
    limits: Arc<Limits>,
    router: Router,
    shutdown: CancellationToken,
    devices: Arc<Semaphore>,
    _place: OwnedSemaphorePermit,
}

impl Connection {
    async fn serve_tls(self, stream: TcpStream, tls: &TlsAcceptor, mut peer: Peer) {
        match timeout(self.limits.handshake_for, Box::pin(tls.accept(stream))).await {
            Ok(Ok(stream)) => {
                peer.certificate = certificate(&stream);
                let devices = Arc::clone(&self.devices);
                let place = peer.certificate.map(|_| devices.try_acquire_owned()).transpose();
                if place.is_err() {
                    debug!(network.peer = %peer.address, "turned away: too many devices");
                    return;
                }
                self.serve(stream, peer).await;
            }
            Ok(Err(error)) => {
                debug!(network.peer = %peer.address, %error, "TLS handshake failed");
            }
            Err(_) => debug!(network.peer = %peer.address, "TLS handshake took too long"),
        }
    }

    async fn serve(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send, peer: Peer) {
        let service = service_fn(|request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(peer);
            let mut router = self.router.clone();
            async move { router.call(request).await }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.head_for)
            .max_buf_size(self.limits.head_len)
            .serve_connection(TokioIo::new(stream), service);
        tokio::pin!(connection);
        let ended = tokio::select! {
            ended = &mut connection => Some(ended),
            () = self.shutdown.cancelled() => None,
            () = tokio::time::sleep(self.limits.life_for) => None,
        };
        let ended = match ended {
            Some(ended) => ended,
            None => {
                connection.as_mut().graceful_shutdown();
                timeout(GRACE, connection).await.unwrap_or(Ok(()))
            }
        };
        if let Err(error) = ended {
            debug!(network.peer = %peer.address, %error, "a connection broke");
        }
    }
}

/// The id of the client's certificate, if it showed one.
fn certificate(stream: &TlsStream<TcpStream>) -> Option<CertificateId> {
    let shown: &CertificateDer<'_> = stream.get_ref().1.peer_certificates()?.first()?;
    let digest = digest(&SHA256, shown);
    digest.as_ref().try_into().ok().map(CertificateId::from_bytes)
}

/// Accepting fails when the process is out of sockets: others must close first.
async fn out_of_sockets(error: &io::Error) {
    error!(%error, "an HTTPS connection could not be accepted");
    tokio::time::sleep(Duration::from_millis(20)).await;
}
