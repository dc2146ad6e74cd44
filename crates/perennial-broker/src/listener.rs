//! The port: accepting connections, handing each to a task of its own, and shutting down.

use std::{fmt, future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::Semaphore,
    task::yield_now,
    time::{Instant, MissedTickBehavior, interval, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::{
    BrokerHandle, Clock, Principals, ServerIdentity, Settings, TrustAnchors, connection,
    core::Core,
    counters::count,
    end::End,
    handshake::Handshakes,
    presence::PresenceLog,
    verifier::{DeviceVerifier, certificate_id, server_config},
};

/// How many connections the kernel keeps for us before we accept them.
const BACKLOG: u32 = 4096;

/// How often sessions, delayed wills and certificates that end are looked at.
const SWEEP_EVERY: Duration = Duration::from_millis(250);

/// How often it is told how many failed handshakes were not recorded.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// A broker that has its port, not yet serving.
pub struct Broker {
    core: Arc<Core>,
    listener: TcpListener,
    address: SocketAddr,
    handshakes: Handshakes,
    connections: Arc<Semaphore>,
    verifier: Arc<DeviceVerifier>,
}

/// Why a broker could not start.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {}", explain(.source))]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
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

impl Broker {
    /// Opens the port and sets TLS up. Must run inside a tokio runtime.
    ///
    /// # Errors
    /// [`BindError`] when the address cannot be listened on; it names the address.
    pub fn bind(
        settings: Settings,
        identity: ServerIdentity,
        anchors: TrustAnchors,
        principals: Arc<dyn Principals>,
        clock: Clock,
    ) -> Result<Self, BindError> {
        let presence = Arc::new(PresenceLog::default());
        let (asked, time) = (Arc::clone(&principals), Arc::clone(&clock));
        let (told, log) = (Arc::clone(&presence), Arc::clone(&settings.log));
        let verifier = DeviceVerifier::new(anchors, asked, time, told, log);
        let verifier = Arc::new(verifier);
        let config = server_config(identity, Arc::clone(&verifier), settings.oldest_tls)?;
        let asked = settings.listen;
        let failed = |source| BindError::Listen { address: asked, source };
        let listener = listen(asked).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let handshakes = Handshakes::new(TlsAcceptor::from(Arc::new(config)), &settings.limits);
        let connections = settings.limits.connections.min(Semaphore::MAX_PERMITS);
        let connections = Arc::new(Semaphore::new(connections));
        let core = Arc::new(Core::new(settings, principals, clock, presence));
        Ok(Self { core, listener, address, handshakes, connections, verifier })
    }

    /// The address it listens on, with the port that was chosen.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// A way to talk to it from inside the process.
    pub fn handle(&self) -> BrokerHandle {
        BrokerHandle(Arc::clone(&self.core))
    }

    /// Serves until `shutdown` is ready, then drains: no new connections, MQTT 5 clients are
    /// told 0x8B, what is written is flushed, wills are published, in-process subscriptions end.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let core = Arc::clone(&self.core);
        let sweeping = sweep(&core);
        tokio::pin!(shutdown, sweeping);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                () = &mut sweeping => {}
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, peer)) => self.accept(stream, peer),
                    Err(error) => out_of_sockets(&error).await,
                },
            }
        }
        drop(self.listener);
        drain(&core).await;
    }

    fn accept(&self, stream: TcpStream, peer: SocketAddr) {
        count(&self.core.counters.accepted);
        let Ok(place) = Arc::clone(&self.connections).try_acquire_owned() else {
            count(&self.core.counters.turned_away);
            return;
        };
        let core = Arc::clone(&self.core);
        let handshakes = self.handshakes.clone();
        let verifier = Arc::clone(&self.verifier);
        tokio::spawn(async move {
            match Box::pin(handshakes.shake(stream)).await {
                Ok(stream) => greet(core, stream, peer, &verifier).await,
                Err(failed) => {
                    count(&core.counters.handshakes_failed);
                    let (log, now) = (&*core.settings.log, core.now());
                    core.handshakes.failed(log, peer.ip(), &failed, now);
                }
            }
            drop(place);
        });
    }
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Broker({})", self.address)
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Looks at sessions, delayed wills and certificates when they are due; never ready.
async fn sweep(core: &Core) {
    let mut sweeps = interval(SWEEP_EVERY);
    sweeps.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told_at = Instant::now();
    loop {
        sweeps.tick().await;
        if told_at.elapsed() >= TELL_EVERY {
            told_at = Instant::now();
            core.handshakes.tell(&*core.settings.log, core.now());
        }
        while core.sessions.sweep(core, Instant::now()) {
            yield_now().await;
        }
        while core.expiries.sweep(core.now()) {
            yield_now().await;
        }
    }
}

async fn greet(
    core: Arc<Core>,
    stream: TlsStream<TcpStream>,
    peer: SocketAddr,
    verifier: &DeviceVerifier,
) {
    let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let Some(principal) = certificates.first().map(certificate_id) else {
        return;
    };
    if let Some(introduction) = verifier.introduction(certificates) {
        core.judge.introduce(introduction);
    }
    connection::serve(core, stream, peer.ip(), principal).await;
}

/// Accepting fails when the process is out of sockets: others must close first.
async fn out_of_sockets(error: &io::Error) {
    tracing::error!(%error, "a connection could not be accepted");
    tokio::time::sleep(Duration::from_millis(20)).await;
}

async fn drain(core: &Core) {
    core.close();
    let drained = core.sessions.end_all(End::ShuttingDown);
    if timeout(core.settings.limits.drain_for, drained).await.is_err() {
        tracing::warn!("some connections did not end in time");
    }
    for inbox in core.inboxes.lock().drain(..) {
        if let Some(inbox) = inbox.upgrade() {
            inbox.close();
        }
    }
}
