//! TLS handshakes when all devices come at once: bounded in number, first come first served.

mod words;

use std::{io, sync::Arc, time::Duration};

use tokio::{
    io::Interest,
    net::TcpStream,
    sync::Semaphore,
    time::{error::Elapsed, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::settings::Limits;

/// Shakes hands with whoever was accepted.
#[derive(Clone)]
pub(crate) struct Handshakes {
    acceptor: TlsAcceptor,
    /// How long a client may take, not counting how long it waits for others.
    patience: Duration,
    /// One for each handshake that holds memory; whoever waits for one waits in line.
    places: Arc<Semaphore>,
}

/// Why a handshake did not end well.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandshakeFailed {
    #[error("{}", words::in_words(.0))]
    Io(#[from] io::Error),
    #[error("the client did not begin, or not end, its handshake in time")]
    TooSlow(#[from] Elapsed),
    #[error("the client hung up before its turn")]
    HungUp,
}

impl Handshakes {
    pub(crate) fn new(acceptor: TlsAcceptor, limits: &Limits) -> Self {
        let places = limits.pending_handshakes.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            acceptor,
            patience: limits.handshake_timeout,
            places: Arc::new(Semaphore::new(places)),
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
        Ok(timeout(self.patience, self.acceptor.accept(stream)).await??)
    }
}
