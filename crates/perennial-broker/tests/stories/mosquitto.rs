//! Debian's `mosquitto_pub` and `mosquitto_sub`, as an operator would try the broker with.
//!
//! They must be installed (`apt-get install mosquitto-clients`); these tests fail without them.

use std::process::Stdio;

use perennial_core::certificate::CertificateStatus;
use rcgen::{CertificateParams, KeyPair};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use crate::{
    client::Client,
    world::{Ca, Device, POLICY, World},
};

fn command(world: &World, program: &str, device: Option<&Device>) -> Command {
    let mut command = Command::new(program);
    let ca = world.file("ca.pem", &world.ca.pem);
    command.args(["-h", "127.0.0.1", "-p", &world.address.port().to_string(), "-q", "1"]);
    command.arg("--cafile").arg(ca).kill_on_drop(true);
    if let Some(device) = device {
        command.arg("--cert").arg(world.file("device.pem", &device.pem));
        command.arg("--key").arg(world.file("device.key", &device.key_pem));
        command.args(["-i", &device.name]);
    }
    command
}

/// Publishes to `topic`; whether mosquitto_pub reports success.
async fn publishes(world: &World, device: Option<&Device>, topic: &str, version: &str) -> bool {
    let mut command = command(world, "mosquitto_pub", device);
    let done = command.args(["-V", version, "-t", topic, "-m", "hello"]).output().await;
    done.expect("mosquitto_pub is not installed: apt-get install mosquitto-clients")
        .status
        .success()
}

fn subscribes(world: &World, device: &Device, filter: &str, version: &str) -> Child {
    let mut command = command(world, "mosquitto_sub", Some(device));
    command.args(["-V", version, "-t", filter, "-v"]);
    command.stdout(Stdio::piped()).spawn().expect("mosquitto_sub is not installed")
}

#[tokio::test]
async fn a_good_certificate_publishes_what_its_policy_allows() {
    let world = World::start().await;
    let device = world.device("pump");
    let mut reading = Client::start(&world, &world.device("reader")).await;
    reading.subscribe("dev/#").await;

    for version in ["311", "5"] {
        assert!(publishes(&world, Some(&device), "dev/x", version).await);
        assert_eq!(reading.message().await.payload, "hello");
        assert!(!publishes(&world, Some(&device), "elsewhere/x", "311").await);
    }
}

#[tokio::test]
async fn a_good_certificate_receives_what_its_policy_allows() {
    let world = World::start().await;
    let device = world.device("pump");
    let mut events = world.handle.presence();

    for version in ["311", "5"] {
        let mut child = subscribes(&world, &device, "dev/#", version);
        while !matches!(events.recv().await.unwrap(), perennial_broker::Presence::Subscribed { .. })
        {
        }
        let mut writing = Client::start(&world, &world.device("writer")).await;
        writing.publish("dev/x", "hello").await;
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(lines.next_line().await.unwrap().unwrap(), "dev/x hello");
    }
}

#[tokio::test]
async fn every_other_certificate_is_refused() {
    let world = World::start().await;
    let (inactive, revoked) = (world.device("inactive"), world.device("revoked"));
    world.set_status(&inactive, CertificateStatus::Inactive);
    world.set_status(&revoked, CertificateStatus::Revoked);
    let foreign = Ca::new("Foreign CA").issue_now("foreign");
    world.registry.register(foreign.id, CertificateStatus::Active, POLICY);
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(Vec::new()).unwrap().self_signed(&key).unwrap();
    let own = Device::new("own", own.der().clone(), own.pem(), &key);

    for device in [Some(&inactive), Some(&revoked), Some(&foreign), Some(&own), None] {
        for version in ["311", "5"] {
            let name = device.map_or("nobody", |device| &device.name);
            assert!(!publishes(&world, device, "dev/x", version).await, "{name} {version}");
        }
    }
}
