//! Notice topics when something is in the way: what was published arrives, and nobody waits for
//! somebody else.
#![allow(clippy::unwrap_used, reason = "a story's own machinery")]

mod world;

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use perennial_core::{
    notice_topic::{
        MessageAttributes, Protocol, SubscriptionSettings, TopicName, TopicSettings, Uuid,
        topic_arn,
    },
    policy::Scope,
    registry::Tags,
};
use perennial_orchestrator::{SystemClock, port::Clock as _};
use perennial_store::{DeliveryState, Subscribing};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinHandle,
    time::timeout,
};
use world::{World, config, until};

const PATIENCE: Duration = Duration::from_secs(60);

/// A world whose messages may go to loopback without TLS, with a topic `alarms`.
async fn begin() -> World {
    let mut config = config();
    config.outbound.allow = vec!["http://127.0.0.0/8".to_owned()];
    let world = World::begin_with(config).await;
    let (name, settings) = (alarms(), TopicSettings::default());
    let store = world.server.store();
    store.create_notice_topic(name, settings, Tags::default(), SystemClock.now()).await.unwrap();
    world
}

fn alarms() -> TopicName {
    TopicName::new("alarms").unwrap()
}

/// Subscribes a URL, as if it had confirmed.
async fn subscribe(world: &World, n: u8, endpoint: String) {
    // A second between two tries, however long the machine takes for what lies between.
    let policy =
        r#"{"healthyRetryPolicy": {"numRetries": 100, "minDelayTarget": 1, "maxDelayTarget": 1}}"#;
    let delivery_policy = Some(policy.to_owned());
    let wish = Subscribing {
        id: Uuid::from_random([n; 16]),
        topic: alarms(),
        protocol: Protocol::Http,
        endpoint,
        settings: SubscriptionSettings { delivery_policy, ..SubscriptionSettings::default() },
        confirming: None,
    };
    world.server.store().subscribe(wish, SystemClock.now()).await.unwrap();
}

async fn publish(world: &World, text: &str) -> Uuid {
    let arn = topic_arn(&Scope::default(), &alarms());
    let topics = world.server.notice_topics();
    topics.publish(&arn, None, text.to_owned(), MessageAttributes::new()).await.unwrap()
}

/// Takes requests, and says whose path and message id they have.
async fn receive(listener: TcpListener, got: mpsc::UnboundedSender<(String, String)>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        tokio::spawn(answer(stream, got.clone()));
    }
}

async fn answer(stream: TcpStream, got: mpsc::UnboundedSender<(String, String)>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut path, mut id, mut len) = (String::new(), String::new(), 0);
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await.ok().filter(|&read| read > 0)?;
            match line.trim_end().split_once(' ') {
                Some(("POST", rest)) => path = rest.split(' ').next()?.to_owned(),
                Some(("content-length:", value)) => len = value.parse().ok()?,
                Some(("x-amz-sns-message-id:", value)) => id = value.to_owned(),
                Some(_) => {}
                None => break,
            }
        }
        let mut body = vec![0; len];
        stream.read_exact(&mut body).await.ok()?;
        if path.starts_with("/hang") {
            std::future::pending::<()>().await;
        }
        got.send((path, id)).ok()?;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.ok()?;
    }
}

/// A receiver on this address, and what it gets.
async fn receiver(at: &str) -> (SocketAddr, mpsc::UnboundedReceiver<(String, String)>) {
    let listener = TcpListener::bind(at).await.unwrap();
    let (got, gets) = mpsc::unbounded_channel();
    let address = listener.local_addr().unwrap();
    tokio::spawn(receive(listener, got));
    (address, gets)
}

/// An address where everybody is hung up on, how often that was, and who does it.
async fn hanging_up() -> (SocketAddr, Arc<AtomicUsize>, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, asked) = (listener.local_addr().unwrap(), Arc::<AtomicUsize>::default());
    let counted = Arc::clone(&asked);
    let task = tokio::spawn(async move {
        loop {
            drop(listener.accept().await.unwrap());
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    (address, asked, task)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_survives_the_servers_end_and_its_endpoints() {
    let world = begin().await;
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    subscribe(&world, 1, format!("http://{free}/hook")).await;
    let id = publish(&world, "hello").await;
    let store = world.server.store().clone();
    until("it was tried", || {
        let store = store.clone();
        async move {
            store
                .deliveries_of(id, None, 1)
                .await
                .unwrap()
                .items
                .iter()
                .any(|it| it.tries > 0)
                .then_some(())
        }
    })
    .await;
    drop(store);

    let world = world.restart().await;
    let (_, mut gets) = receiver(&free.to_string()).await;
    let got = timeout(PATIENCE, gets.recv()).await.unwrap().unwrap();

    assert_eq!(got, ("/hook".to_owned(), id.to_string()));
    drop(world);
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoints_that_hang_delay_nobody_else() {
    let world = begin().await;
    let (address, mut gets) = receiver("127.0.0.1:0").await;
    for n in 1..=50 {
        subscribe(&world, n, format!("http://{address}/hang/{n}")).await;
    }
    subscribe(&world, 200, format!("http://{address}/good")).await;

    let (first, second) = (publish(&world, "one").await, publish(&world, "two").await);
    // Far less than one time-out.
    let got = timeout(Duration::from_secs(10), async {
        [gets.recv().await.unwrap().1, gets.recv().await.unwrap().1]
    });

    let mut got = got.await.unwrap();
    let mut expected = [first.to_string(), second.to_string()];
    got.sort_unstable();
    expected.sort_unstable();
    assert_eq!(got, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_comes_back_gets_all_that_waited_and_was_not_stormed() {
    let world = begin().await;
    let (free, asked, hanging_up) = hanging_up().await;
    subscribe(&world, 1, format!("http://{free}/hook")).await;
    let mut published = Vec::new();
    for n in 0..300 {
        published.push(publish(&world, &n.to_string()).await.to_string());
    }
    let store = world.server.store().clone();
    let last = published.last().unwrap().parse().unwrap();
    until("the last one was put off", || {
        let store = store.clone();
        async move {
            let items = store.deliveries_of(last, None, 9).await.unwrap().items;
            items.iter().any(|it| it.tries > 0).then_some(())
        }
    })
    .await;
    hanging_up.abort();
    let _ = hanging_up.await;
    assert!(asked.load(Ordering::Relaxed) < 100, "{asked:?} connections for 300 messages");

    let (_, mut gets) = receiver(&free.to_string()).await;
    let mut got = Vec::new();
    while got.len() < published.len() {
        got.push(timeout(PATIENCE, gets.recv()).await.unwrap().unwrap().1);
    }

    published.sort_unstable();
    got.sort_unstable();
    assert_eq!(got, published);
    until("all is written down", || {
        let store = store.clone();
        async move {
            let items = store.deliveries_of(last, None, 9).await.unwrap().items;
            items.iter().all(|it| it.state == DeliveryState::Delivered).then_some(())
        }
    })
    .await;
}
