//! Presence: in the process, and as AWS IoT publishes it.

use perennial_broker::{DisconnectReason, Presence};
use perennial_core::certificate::CertificateStatus;

use crate::{client::Client, world::World};

#[tokio::test]
async fn connections_subscriptions_and_ends_are_reported_in_order() {
    let world = World::start().await;
    let mut events = world.handle.presence();
    let device = world.device("pump");

    let mut client = Client::start(&world, &device).await;
    client.subscribe("dev/x").await;
    client.leave().await;

    let Presence::Connected { principal, session_id, version, .. } = events.recv().await.unwrap()
    else {
        panic!("not connected first");
    };
    assert_eq!((principal, version), (device.id, 0));
    assert!(matches!(events.recv().await.unwrap(),
        Presence::Subscribed { filters, .. } if filters == ["dev/x"]));
    let Presence::Disconnected { session_id: ended, version, reason, .. } =
        events.recv().await.unwrap()
    else {
        panic!("not disconnected last");
    };
    assert_eq!((ended, version), (session_id, 0));
    assert_eq!(reason, DisconnectReason::ClientInitiatedDisconnect);
}

#[tokio::test]
async fn subscribers_get_presence_as_aws_iot_words_it() {
    let world = World::start().await;
    let mut reading = Client::start(&world, &world.device("reader")).await;
    reading.subscribe("$aws/events/presence/+/pump").await;
    let device = world.device("pump");

    let client = Client::start(&world, &device).await;
    let connected = reading.message().await;
    world.set_status(&device, CertificateStatus::Inactive);
    let disconnected = reading.message().await;
    drop(client);

    assert_eq!(&*connected.topic, "$aws/events/presence/connected/pump");
    let connected: serde_json::Value = serde_json::from_slice(&connected.payload).unwrap();
    assert_eq!(connected["clientId"], "pump");
    assert_eq!(connected["eventType"], "connected");
    assert_eq!(connected["principalIdentifier"], device.id.to_string());
    assert_eq!(connected["ipAddress"], "127.0.0.1");
    assert_eq!(connected["versionNumber"], 0);
    assert_eq!(&*disconnected.topic, "$aws/events/presence/disconnected/pump");
    let disconnected: serde_json::Value = serde_json::from_slice(&disconnected.payload).unwrap();
    assert_eq!(disconnected["sessionIdentifier"], connected["sessionIdentifier"]);
    assert_eq!(disconnected["disconnectReason"], "AUTH_ERROR");
    assert_eq!(disconnected["clientInitiatedDisconnect"], false);
}

#[tokio::test]
async fn subscribers_get_subscriptions_as_aws_iot_words_them() {
    let world = World::start().await;
    let mut reading = Client::start(&world, &world.device("reader")).await;
    reading.subscribe("$aws/events/subscriptions/subscribed/pump").await;

    let mut client = Client::start(&world, &world.device("pump")).await;
    client.subscribe("dev/x").await;

    let told: serde_json::Value = serde_json::from_slice(&reading.message().await.payload).unwrap();
    assert_eq!(told["eventType"], "subscribed");
    assert_eq!(told["topics"], serde_json::json!(["dev/x"]));
}

#[tokio::test]
async fn a_receiver_that_lags_is_told_so() {
    let world = World::start().await;
    let mut events = world.handle.presence();
    let mut client = Client::start(&world, &world.device("pump")).await;

    for _ in 0..5_000 {
        client.subscribe("dev/x").await;
    }

    let lagged = events.recv().await.unwrap_err();
    assert!(lagged.to_string().contains("lagged"), "{lagged}");
}
