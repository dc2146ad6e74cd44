//! The observer: it sees every message that was let in, with who sent it, and no other.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use perennial_broker::{Observer, Outgoing, Properties, Publication, Published, Qos};

use crate::{
    client::{Client, will},
    world::{World, until},
};

#[derive(Default)]
struct Seen(Mutex<Vec<String>>);

impl Observer for Seen {
    fn wants(&self, topic: &str) -> bool {
        topic.starts_with("$aws/events/presence/connected/")
    }

    fn published(&self, message: Published<'_>) {
        let sender = message.client_id.map_or("nobody", |id| id.as_str());
        let certified = if message.principal.is_some() { "certified" } else { "uncertified" };
        let payload = if message.topic.starts_with('$') {
            "…".into()
        } else {
            String::from_utf8_lossy(message.payload)
        };
        self.0.lock().push(format!("{sender} {certified} {} {payload}", message.topic));
    }
}

#[tokio::test]
async fn whatever_is_published_is_seen_with_who_sent_it() {
    let world = World::start().await;
    let device = world.device("pump");
    let seen = Arc::new(Seen::default());
    assert!(world.handle.observe(Arc::clone(&seen) as _));
    assert!(!world.handle.observe(Arc::new(Seen::default())));

    let connect =
        crate::client::Connect { will: Some(will("dev/will", "gone")), ..crate::client::kept() };
    let mut client = Client::connect(&world, &device, connect).await.unwrap();
    client.publish("dev/1", "1").await;
    client.publish("other/refused", "2").await;
    let publication = |topic: &str| Publication {
        topic: topic.to_owned(),
        payload: Bytes::from_static(b"3"),
        qos: Qos::AtLeastOnce,
        retain: false,
        properties: Properties::default(),
    };
    world.handle.publish_for_operator(publication("dev/operator")).unwrap();
    let home = std::net::Ipv4Addr::LOCALHOST.into();
    world.handle.publish_for_holder((device.id, home), publication("dev/https")).unwrap();
    let payload = Bytes::from_static(b"4");
    let qos = Qos::AtMostOnce;
    world.handle.publish(vec![Outgoing { topic: "dev/own".into(), payload, qos, retain: false }]);
    drop(client);

    until("the will is seen", || seen.0.lock().iter().any(|it| it.contains("dev/will"))).await;
    let seen = seen.0.lock();
    assert_eq!(
        *seen,
        [
            "nobody uncertified $aws/events/presence/connected/pump …",
            "pump certified dev/1 1",
            "nobody uncertified dev/operator 3",
            "nobody certified dev/https 3",
            "nobody uncertified dev/own 4",
            "pump certified dev/will gone",
        ]
    );
}
