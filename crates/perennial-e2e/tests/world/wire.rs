//! A wire between a device and the server that loses one flight of octets, and the connection with it.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::Notify,
};

/// Which way a flight goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    ToDevice,
    ToServer,
}

/// Carries everything until it is armed; then loses one flight, once.
pub(crate) struct Wire {
    pub(crate) address: SocketAddr,
    fault: Arc<Fault>,
}

struct Fault {
    way: Way,
    armed: AtomicBool,
    /// How many flights that way still arrive.
    left: AtomicUsize,
    lost: AtomicBool,
}

impl Wire {
    /// A wire to `server` that will lose the flight number `number` (from 0) that way.
    pub(crate) async fn to(server: SocketAddr, way: Way, number: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (armed, lost) = (AtomicBool::new(false), AtomicBool::new(false));
        let fault = Arc::new(Fault { way, armed, left: AtomicUsize::new(number), lost });
        tokio::spawn(accept(listener, server, Arc::clone(&fault)));
        Self { address, fault }
    }

    /// Counts flights from now on.
    pub(crate) fn arm(&self) {
        self.fault.armed.store(true, Ordering::SeqCst);
    }

    /// Whether the flight was lost.
    pub(crate) fn has_lost(&self) -> bool {
        self.fault.lost.load(Ordering::SeqCst)
    }
}

impl Fault {
    /// Whether this flight is the one.
    fn strikes(&self, way: Way) -> bool {
        if way != self.way || !self.armed.load(Ordering::SeqCst) || self.lost.load(Ordering::SeqCst)
        {
            return false;
        }
        let one_less = |left: usize| left.checked_sub(1);
        let strikes = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_err();
        self.lost.fetch_or(strikes, Ordering::SeqCst);
        strikes
    }
}

async fn accept(listener: TcpListener, server: SocketAddr, fault: Arc<Fault>) {
    while let Ok((device, _)) = listener.accept().await {
        let Ok(server) = TcpStream::connect(server).await else { continue };
        let ((from_device, to_device), (from_server, to_server)) =
            (device.into_split(), server.into_split());
        let cut = Arc::new(Notify::new());
        let carry = |way, from, to| carry(from, to, way, Arc::clone(&fault), Arc::clone(&cut));
        tokio::spawn(carry(Way::ToServer, from_device, to_server));
        tokio::spawn(carry(Way::ToDevice, from_server, to_device));
    }
}

/// Carries one way until either way ends.
async fn carry(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    way: Way,
    fault: Arc<Fault>,
    cut: Arc<Notify>,
) {
    let mut flight = vec![0; 65_536];
    loop {
        let length = tokio::select! {
            () = cut.notified() => return,
            read = from.read(&mut flight) => read.unwrap_or(0),
        };
        if length == 0 || fault.strikes(way) || to.write_all(&flight[..length]).await.is_err() {
            // Kept for the other way even if it is not waiting just now.
            return cut.notify_one();
        }
    }
}
