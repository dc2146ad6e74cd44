//! Any one flight of a rotation is lost on the wire, and the connection with it: the rotation is
//! completed all the same.

#![allow(clippy::unwrap_used, reason = "a story's own machinery")]

mod world;

use perennial_core::{certificate::CertificateStatus, rotation::Outcome};
use world::{Device, Way, Wire, World};

/// More flights than a rotation has either way.
const FLIGHTS: usize = 12;

/// A connected device whose wire will lose that flight.
async fn device(world: &World, way: Way, number: usize) -> (Device, Wire) {
    let wire = Wire::to(world.server.mqtt(), way, number).await;
    let mut config = world.enroll(&format!("{way:?}-{number}")).await;
    config.server = wire.address.to_string();
    (world.connect(config).await, wire)
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_flight_is_lost_the_device_rotates() {
    let world = World::begin().await;
    let mut devices = Vec::new();
    for number in 0..FLIGHTS {
        devices.push(device(&world, Way::ToDevice, number).await);
        devices.push(device(&world, Way::ToServer, number).await);
    }

    devices.iter().for_each(|(_, wire)| wire.arm());
    world.server.audit_now().await.unwrap();

    let mut lost = 0;
    for (device, wire) in devices {
        let ended = world.ended(&device.thing).await;
        assert_eq!(ended.state.outcome(), Some(Outcome::Rotated), "{}", device.thing);
        assert_eq!(world.outgoing(&ended).await.certificate.status, CertificateStatus::Inactive);
        assert_eq!(world.server.store().thing(device.thing.clone()).await.unwrap().1.len(), 1);
        lost += usize::from(wire.has_lost());
        device.stop().await;
    }
    assert!(lost >= FLIGHTS, "only {lost} flights were lost: the story tells nothing");
}
