//! The bytes of one connection: what came in, what goes out, and waiting for either.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Buf, BytesMut};
use tokio::{
    io::{AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::Sleep,
};
use tokio_rustls::server::TlsStream;
use tokio_util::io::poll_read_buf;

use crate::{
    end::End,
    wire::{Incoming, Wire},
};

/// Room to read into while nothing is known of what comes.
const READ_BYTES: usize = 512;

/// Buffers larger than this are given back once they are empty.
const KEEP_BYTES: usize = 2 * READ_BYTES;

/// A TLS stream with its codec and buffers.
pub(super) struct Socket {
    stream: TlsStream<TcpStream>,
    wire: Wire,
    input: BytesMut,
    out: BytesMut,
    /// Whether TLS may hold bytes that the network has not taken.
    unflushed: bool,
}

/// What waiting ended with.
pub(super) enum Event {
    /// There is more to decode.
    Read,
    /// All that was to be sent is sent.
    Written,
    Woken,
    Timer,
    Closed,
}

impl Socket {
    pub(super) fn new(stream: TlsStream<TcpStream>, wire: Wire) -> Self {
        Self { stream, wire, input: BytesMut::new(), out: BytesMut::new(), unflushed: false }
    }

    pub(super) fn limit_outgoing(&mut self, max: u32) {
        self.wire.limit_outgoing(max);
    }

    pub(super) fn is_v5(&self) -> bool {
        self.wire.is_v5()
    }

    /// Writes packets behind what is still to be sent.
    pub(super) fn answer<T>(&mut self, write: impl FnOnce(&mut Wire, &mut BytesMut) -> T) -> T {
        write(&mut self.wire, &mut self.out)
    }

    pub(super) fn unsent(&self) -> usize {
        self.out.len()
    }

    /// The next packet that is there already.
    pub(super) fn next_packet(&mut self) -> Result<Option<Incoming>, End> {
        let packet = self.wire.decode(&mut self.input)?;
        if packet.is_none() && self.input.is_empty() && self.input.capacity() > KEEP_BYTES {
            self.input = BytesMut::new();
        }
        Ok(packet)
    }

    /// Reads more.
    pub(super) async fn read(&mut self) -> Result<(), End> {
        match poll_fn(|cx| self.poll_read(cx)).await {
            true => Ok(()),
            false => Err(End::Lost),
        }
    }

    /// Sends and receives until there is something to do.
    pub(super) async fn wait(
        &mut self,
        may_read: bool,
        woken: impl Future<Output = ()>,
        mut timer: Pin<&mut Sleep>,
    ) -> Event {
        tokio::pin!(woken);
        poll_fn(|cx| {
            let had_output = !self.out.is_empty();
            match self.poll_send(cx) {
                Poll::Ready(false) => return Poll::Ready(Event::Closed),
                Poll::Ready(true) if had_output => return Poll::Ready(Event::Written),
                Poll::Ready(true) | Poll::Pending => {}
            }
            if may_read && let Poll::Ready(open) = self.poll_read(cx) {
                return Poll::Ready(if open { Event::Read } else { Event::Closed });
            }
            if woken.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Event::Woken);
            }
            timer.as_mut().poll(cx).map(|()| Event::Timer)
        })
        .await
    }

    /// Sends what is left and closes.
    pub(super) async fn close(&mut self) {
        if poll_fn(|cx| self.poll_send(cx)).await {
            self.stream.shutdown().await.ok();
        }
    }

    /// Ready(whether the connection is open).
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        if self.input.capacity() - self.input.len() < READ_BYTES / 2 {
            self.input.reserve(READ_BYTES.max(self.input.len()));
        }
        let read = poll_read_buf(Pin::new(&mut self.stream), cx, &mut self.input);
        read.map(|read| read.is_ok_and(|bytes| bytes > 0))
    }

    /// Ready(true) when everything is sent, Ready(false) when the connection is lost.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        while !self.out.is_empty() {
            match Pin::new(&mut self.stream).poll_write(cx, &self.out) {
                Poll::Ready(Ok(written)) if written > 0 => {
                    self.out.advance(written);
                    self.unflushed = true;
                }
                Poll::Ready(_) => return Poll::Ready(false),
                Poll::Pending => return Poll::Pending,
            }
        }
        if self.out.capacity() > 0 {
            self.out = BytesMut::new();
        }
        if self.unflushed {
            match Pin::new(&mut self.stream).poll_flush(cx) {
                Poll::Ready(Ok(())) => self.unflushed = false,
                Poll::Ready(Err(_)) => return Poll::Ready(false),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(true)
    }
}
