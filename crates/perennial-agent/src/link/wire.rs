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
        let codec = Codec::new(MAX_PACKET, 0);
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

    /// Writes a packet, within [`WRITE_FOR`].
    pub(crate) async fn write(&mut self, packet: Packet) -> io::Result<()> {
        self.output.clear();
        let encoded = self.codec.encode(packet, &mut self.output);
        encoded.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?;
        let Self { stream, output, .. } = self;
        let written = timeout(WRITE_FOR, async {
            stream.write_all(output).await?;
            stream.flush().await
        });
        written.await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }
}
