//! A listener's limits: what a peer can make it hold ends by itself.

#![allow(clippy::unwrap_used, reason = "a test's own machinery")]

use std::{net::SocketAddr, time::Duration};

use axum::{Router, routing::get};
use perennial_api::{BindError, Limits, Listener};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(20);

struct Serving {
    address: SocketAddr,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

async fn serve(limits: Limits) -> Serving {
    let listener = Listener::plain("127.0.0.1:0".parse().unwrap(), limits).await.unwrap();
    let (address, shutdown) = (listener.local_addr(), CancellationToken::new());
    let router = Router::new().route("/", get(|| async { "hello" }));
    let task = tokio::spawn(listener.serve(router, shutdown.clone()));
    Serving { address, shutdown, task }
}

async fn connect(serving: &Serving, says: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(serving.address).await.unwrap();
    stream.write_all(says).await.unwrap();
    stream
}

/// All that comes until the other end closes.
async fn hear(mut stream: TcpStream) -> String {
    let mut heard = Vec::new();
    // A reset is an end too.
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut heard)).await.unwrap();
    String::from_utf8(heard).unwrap()
}

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";

#[tokio::test]
async fn a_connection_that_says_nothing_half_or_no_more_is_ended() {
    let quick = Duration::from_millis(50);
    let serving = serve(Limits { head_for: quick, ..Limits::default() }).await;

    let silent = hear(connect(&serving, b"").await).await;
    let half = hear(connect(&serving, b"GET / HTTP/1.1\r\nHost:").await).await;
    let idle = hear(connect(&serving, REQUEST).await).await;

    assert_eq!((silent.contains("200"), half.contains("200")), (false, false));
    assert!(idle.starts_with("HTTP/1.1 200") && idle.ends_with("hello"), "{idle}");
}

#[tokio::test]
async fn a_connection_too_many_is_closed_and_the_others_are_served() {
    let serving = serve(Limits { connections: 1, ..Limits::default() }).await;
    let mut first = connect(&serving, REQUEST).await;
    let mut begun = [0; 12];
    first.read_exact(&mut begun).await.unwrap();

    let second = hear(connect(&serving, REQUEST).await).await;

    assert_eq!(second, "");
    assert_eq!(&begun, b"HTTP/1.1 200");
}

#[tokio::test]
async fn a_head_too_long_is_refused() {
    let serving = serve(Limits { head_len: 8192, ..Limits::default() }).await;
    let long = [b"GET / HTTP/1.1\r\nx: ".to_vec(), vec![b'x'; 20_000]].concat();

    let heard = hear(connect(&serving, &long).await).await;

    assert!(heard.starts_with("HTTP/1.1 431"), "{heard}");
}

#[tokio::test]
async fn a_listener_that_stops_ends_idle_connections() {
    let serving = serve(Limits::default()).await;
    let mut idle = connect(&serving, REQUEST).await;
    let mut begun = [0; 12];
    idle.read_exact(&mut begun).await.unwrap();

    serving.shutdown.cancel();

    tokio::time::timeout(PATIENCE, serving.task).await.unwrap().unwrap();
    assert!(hear(idle).await.ends_with("hello"));
}

#[tokio::test]
async fn plain_http_is_for_loopback_only() {
    let everywhere = "0.0.0.0:0".parse().unwrap();

    let refused = Listener::plain(everywhere, Limits::default()).await.err().unwrap();

    assert!(matches!(refused, BindError::NotLoopback { .. }), "{refused}");
    assert!(refused.to_string().contains("loopback"));
}
