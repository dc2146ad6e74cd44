//! TLS handshakes when all devices come at once: bounded in number, in turn, and never in the way
//! of the clients that are connected.

use std::{future::Future, io, pin::pin, sync::Arc, task::ready, time::Duration};

use tokio::{
    io::Interest, net::TcpStream, runtime::Handle, sync::Semaphore, time::error::Elapsed,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::sync::PollSemaphore;

use crate::settings::Limits;

/// Shakes hands with whoever was accepted.
#[derive(Clone)]
pub(crate) struct Handshakes {
    acceptor: TlsAcceptor,
    /// How long a client may take, not counting how long it waits for others.
    patience: Duration,
    /// Bounds how many handshakes hold memory.
    places: Arc<Semaphore>,
    /// Bounds how many compute: the others' steps wait here, first come first served, and not in
    /// the runtime's queue before the messages of connected clients.
    turns: Arc<Semaphore>,
}

/// Why a handshake did not end well.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandshakeFailed {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("the client took too long")]
    TooSlow(#[from] Elapsed),
    #[error("the client hung up before its turn")]
    HungUp,
}

impl Handshakes {
    /// Must be called inside a tokio runtime.
    pub(crate) fn new(acceptor: TlsAcceptor, limits: &Limits) -> Self {
        let places = limits.pending_handshakes.clamp(1, Semaphore::MAX_PERMITS);
        let turns = 2 * Handle::current().metrics().num_workers();
        Self {
            acceptor,
            patience: limits.handshake_timeout,
            places: Arc::new(Semaphore::new(places)),
            turns: Arc::new(Semaphore::new(turns)),
        }
    }

    /// Makes TLS of TCP. A connection that has sent nothing waits without a place, and one that
    /// waits for a place is charged no time for it.
    pub(crate) async fn shake(
        &self,
        stream: TcpStream,
    ) -> Result<TlsStream<TcpStream>, HandshakeFailed> {
        stream.set_nodelay(true)?;
        // Being told readable may be a mistake; a byte is not.
        timeout(self.patience, stream.peek(&mut [0])).await??;
        let _place = self.places.acquire().await.map_err(io::Error::other)?;
        if stream.ready(Interest::READABLE).await?.is_read_closed() {
            return Err(HandshakeFailed::HungUp);
        }
        let shaken = self.in_turn(self.acceptor.accept(stream));
        Ok(timeout(self.patience, shaken).await??)
    }

    /// Polls `handshake` only while holding a turn.
    async fn in_turn<T>(&self, handshake: impl Future<Output = io::Result<T>>) -> io::Result<T> {
        let mut handshake = pin!(handshake);
        let mut turns = PollSemaphore::new(Arc::clone(&self.turns));
        std::future::poll_fn(|cx| {
            let turn = ready!(turns.poll_acquire(cx));
            let step = handshake.as_mut().poll(cx);
            drop(turn);
            step
        })
        .await
    }
}
