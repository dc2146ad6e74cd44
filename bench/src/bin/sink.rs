//! What one rule brings to an HTTPS endpoint, and what it costs when the endpoint hangs.
//!
//! `sink [SECONDS]`, 10 unless told otherwise; prints one JSON object. A whole server, the rule
//! `SELECT *, clientid() AS device FROM 'from/#' WHERE number > 0` with one `http` action, and an
//! endpoint in the same process that answers at once. Messages are published as fast as the
//! action's queue has room for them. Then the endpoint stops answering and a hundred thousand
//! messages of 1 KB come: `hanging_rss_mb` is by how much the process grew. The goals are 10,000 messages a second,
//! and bounded memory.
#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use std::{
    convert::Infallible,
    env,
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use http_body_util::{BodyExt as _, Empty};
use hyper::{Request, Response, body::Bytes, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use perennial_broker::{Properties, Publication, Qos};
use perennial_core::{
    ids::{Digest, RuleName},
    registry::Tags,
    rule::TopicRule,
};
use perennial_orchestrator::{SystemClock, port::Clock as _};
use perennial_server::{Config, Server};
use rustls_pki_types::PrivatePkcs8KeyDer;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// How many messages may be on their way: what the queue holds, less some.
const ON_THE_WAY: usize = 1_500;
/// How many messages come while the endpoint hangs, and of how many bytes.
const HANGING: (usize, usize) = (100_000, 1_000);

/// What the endpoint has seen, and whether it answers.
#[derive(Default)]
struct Sink {
    answered: AtomicUsize,
    hangs: AtomicBool,
}

#[tokio::main]
async fn main() -> Result<()> {
    let seconds = match env::args().nth(1) {
        Some(seconds) => seconds.parse().context("SECONDS must be a number")?,
        None => 10,
    };
    let folder = tempfile::tempdir()?;
    let sink = Arc::new(Sink::default());
    let address = serve(folder.path(), Arc::clone(&sink)).await?;
    let server = start(folder.path(), address).await?;

    let mut published = 0;
    pump(&server, &sink, &mut published, Duration::from_secs(1)).await?;
    let (before, began) = (sink.answered.load(Ordering::Relaxed), Instant::now());
    pump(&server, &sink, &mut published, Duration::from_secs(seconds)).await?;
    let answered = sink.answered.load(Ordering::Relaxed) - before;
    let per_second = answered as f64 / began.elapsed().as_secs_f64();

    sink.hangs.store(true, Ordering::Relaxed);
    let rss = rss_mb()?;
    let mut highest = rss;
    for number in 0..HANGING.0 {
        publish(&server, number + 1, HANGING.1)?;
        if number % 1_000 == 0 {
            highest = highest.max(rss_mb()?);
            tokio::task::yield_now().await;
        }
    }
    let report = json!({ "seconds": seconds, "messages_per_second": per_second.round(),
        "hanging_messages": HANGING.0, "hanging_rss_mb": (highest - rss).round() });
    println!("{report}");
    Ok(())
}

/// Publishes for so long, never more than fit into the queue.
async fn pump(server: &Server, sink: &Sink, published: &mut usize, span: Duration) -> Result<()> {
    let end = Instant::now() + span;
    while Instant::now() < end {
        while *published - sink.answered.load(Ordering::Relaxed) < ON_THE_WAY {
            *published += 1;
            publish(server, *published, 100)?;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}

fn publish(server: &Server, number: usize, len: usize) -> Result<()> {
    let filling = "x".repeat(len);
    server.broker().publish_for_operator(Publication {
        topic: "from/here".to_owned(),
        payload: format!("{{\"number\":{number},\"filling\":\"{filling}\"}}").into(),
        qos: Qos::AtMostOnce,
        retain: false,
        properties: Properties::default(),
    })?;
    Ok(())
}

/// A server with the rule, which may send to the endpoint.
async fn start(folder: &Path, address: SocketAddr) -> Result<Server> {
    let mut config = Config::default();
    config.mqtt.listen.set_port(0);
    config.http.listen.set_port(0);
    config.outbound.allow = vec![address.ip().to_string()];
    config.outbound.ca_file = Some(folder.join("sink.pem"));
    let server = Server::start(&folder.join("server"), config).await?;
    let (store, now, token) = (server.store(), SystemClock.now(), Digest::from_bytes([1; 32]));
    let url = format!("https://{address}/in");
    store.create_rule_destination(url.clone(), token, now).await?;
    store.confirm_rule_destination(token, now).await?;
    let rule: TopicRule = serde_json::from_value(json!({
        "sql": "SELECT *, clientid() AS device FROM 'from/#' WHERE number > 0",
        "actions": [{ "http": { "url": url } }]
    }))?;
    store.create_topic_rule(RuleName::new("sink")?, rule, Tags::default(), now).await?;
    server.rules().reload().await?;
    Ok(server)
}

/// The endpoint; its certificate is in `sink.pem`.
async fn serve(folder: &Path, sink: Arc<Sink>) -> Result<SocketAddr> {
    let key = rcgen::KeyPair::generate()?;
    let certificate =
        rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()])?.self_signed(&key)?;
    std::fs::write(folder.join("sink.pem"), certificate.pem())?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let acceptor = TlsAcceptor::from(Arc::new(tls));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, sink) = (acceptor.clone(), Arc::clone(&sink));
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let answer = service_fn(move |request| answer(Arc::clone(&sink), request));
                let http = hyper::server::conn::http1::Builder::new();
                // Whoever goes away has gone away.
                let _ = http.serve_connection(TokioIo::new(stream), answer).await;
            });
        }
    });
    Ok(address)
}

async fn answer(
    sink: Arc<Sink>,
    request: Request<Incoming>,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    let _ = request.into_body().collect().await;
    if sink.hangs.load(Ordering::Relaxed) {
        std::future::pending::<()>().await;
    }
    sink.answered.fetch_add(1, Ordering::Relaxed);
    Ok(Response::new(Empty::new()))
}

/// What the process holds, in MB.
fn rss_mb() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kb: f64 = line.context("no VmRSS")?.trim().trim_end_matches(" kB").parse()?;
    Ok(kb / 1000.0)
}
