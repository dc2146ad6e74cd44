//! Packets over one TLS stream, with reads that may be abandoned at any await.

use std::{collections::VecDeque, io, time::Duration};

use bytes::BytesMut;
use rmqtt_codec::v5::{Codec, Packet};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::client::TlsStream;
use tokio_util::codec::{Decoder as _, Encoder as _};

/// Larger than the largest payload of the protocol; a larger packet ends the connection.
pub(crate) const MAX_PACKET: u32 = 40 * 1024;
const WRITE_FOR: Duration = Duration::from_secs(15);

pub(crate) struct Wire {
    pub(crate) stream: TlsStream<TcpStream>,
    codec: Codec,
    input: BytesMut,
    output: BytesMut,
    early: VecDeque<Packet>,
}

impl Wire {
    pub(crate) fn new(stream: TlsStream<TcpStream>) -> Self {
        let codec = codec();
        let (input, output) = (BytesMut::new(), BytesMut::new());
        Self { stream, codec, input, output, early: VecDeque::new() }
    }

    /// The next packet. Cancel-safe.
    pub(crate) async fn read(&mut self) -> io::Result<Packet> {
        if let Some(packet) = self.early.pop_front() {
            return Ok(packet);
        }
        self.read_fresh().await
    }

    pub(crate) async fn read_fresh(&mut self) -> io::Result<Packet> {
        loop {
            let decoded = self.codec.decode(&mut self.input);
            let decoded =
                decoded.map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e.to_string()))?;
            if let Some((packet, _)) = decoded {
                return Ok(packet);
            }
            if self.stream.read_buf(&mut self.input).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Keeps a packet that came out of turn for the next [`read`](Self::read).
    pub(crate) fn keep(&mut self, packet: Packet) {
        self.early.push_back(packet);
    }

    /// Puts a packet behind those that leave with the next [`write`](Self::write) or
    /// [`flush`](Self::flush): together they are one TLS record and one segment.
    pub(crate) fn queue(&mut self, packet: Packet) -> io::Result<()> {
        encoded(self.codec.encode(packet, &mut self.output))
    }

    /// Writes a packet and all that was queued before it, within [`WRITE_FOR`].
    pub(crate) async fn write(&mut self, packet: Packet) -> io::Result<()> {
        self.queue(packet)?;
        self.flush().await
    }

    /// Writes what is queued, within [`WRITE_FOR`].
    pub(crate) async fn flush(&mut self) -> io::Result<()> {
        if self.output.is_empty() {
            return Ok(());
        }
        let Self { stream, output, .. } = self;
        let written = timeout(WRITE_FOR, async {
            stream.write_all(output).await?;
            stream.flush().await
        });
        let written = written.await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut));
        // Given back whole: a session that is up has nothing to write for days.
        self.output = BytesMut::new();
        written?
    }
}

/// Writes a packet for a stream that does not exist yet.
pub(crate) fn encode(packet: Packet, output: &mut BytesMut) -> io::Result<()> {
    encoded(codec().encode(packet, output))
}

fn codec() -> Codec {
    Codec::new(MAX_PACKET, 0)
}

fn encoded<E: std::fmt::Display>(outcome: Result<(), E>) -> io::Result<()> {
    outcome.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))
}
