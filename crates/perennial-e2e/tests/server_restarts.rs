//! The server stops and starts again while rotations are open: each still ends well.

mod world;

use std::collections::BTreeMap;

use perennial_core::{ids::ThingName, rotation::Outcome};
use perennial_orchestrator::port::Stored;
use world::{World, until};

const DEVICES: usize = 5;

/// All rotations, once there is one for each device.
async fn opened(world: &World) -> Vec<Stored> {
    until("a rotation is open for each device", async || {
        let found = world.rotations().await;
        (found.len() == DEVICES).then_some(found)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn rotations_that_were_open_go_on_after_a_restart() {
    let mut config = world::config();
    // Long beside the restart, so that rotations wait for their turn then.
    config.rotation.spread_secs = 20;
    let mut world = World::begin_with(config).await;
    let mut devices = Vec::new();
    for number in 0..DEVICES {
        devices.push(world.connect(world.enroll(&format!("pump-{number}")).await).await);
    }

    world.server.audit_now().await.unwrap();
    let opened = opened(&world).await;
    let open = opened.iter().filter(|stored| stored.state.is_open()).count();
    for _ in 0..3 {
        world = world.restart().await;
    }

    assert!(open > 0, "no rotation was open when the server stopped: {opened:?}");
    let ids: BTreeMap<&ThingName, _> =
        opened.iter().map(|stored| (&stored.rotation.thing, stored.rotation.id)).collect();
    for device in devices {
        let ended = world.ended(&device.thing).await;
        assert_eq!(ended.state.outcome(), Some(Outcome::Rotated), "{:?}", ended.state);
        assert_eq!(ids.get(&device.thing), Some(&ended.rotation.id), "another was opened");
        device.stop().await;
    }
    assert!(world.server.store().verify_events().await.unwrap().is_ok());
}
