//! TLS handshakes when all devices come at once: bounded in number, first come first served.

mod log;
mod words;

pub(crate) use log::{HandshakeLog, note};

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

/// A handshake that did not end well.
#[derive(Debug)]
pub(crate) struct HandshakeFailed {
    why: Why,
    /// The certificate that was refused, if it was that.
    refused: Option<log::Refused>,
}

impl From<Why> for HandshakeFailed {
    fn from(why: Why) -> Self {
        Self { why, refused: None }
    }
}

impl From<io::Error> for HandshakeFailed {
    fn from(error: io::Error) -> Self {
        Why::Io(error).into()
    }
}

impl From<Elapsed> for HandshakeFailed {
    fn from(elapsed: Elapsed) -> Self {
        Why::TooSlow(elapsed).into()
    }
}

/// Why a handshake did not end well.
#[derive(Debug, thiserror::Error)]
enum Why {
    #[error("{}", words::in_words(.0))]
    Io(#[source] io::Error),
    #[error("the client did not begin, or not end, its handshake in time")]
    TooSlow(#[source] Elapsed),
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
            return Err(Why::HungUp.into());
        }
        let shaking = timeout(self.patience, self.acceptor.accept(stream));
        let (shaken, refused) = log::noting(shaking).await;
        match shaken {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(HandshakeFailed { why: Why::Io(error), refused }),
            Err(elapsed) => Err(elapsed.into()),
        }
    }
}
