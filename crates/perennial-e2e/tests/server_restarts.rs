//! The server stops and starts again while rotations are open: each still ends well.

mod world;

use perennial_core::rotation::Outcome;
use world::World;

#[tokio::test(flavor = "multi_thread")]
async fn rotations_that_were_open_go_on_after_a_restart() {
    let mut config = world::config();
    // Later than the restart, so that every rotation is open then.
    config.rotation.spread_secs = 3;
    let mut world = World::begin_with(config).await;
    let mut devices = Vec::new();
    for number in 0..5 {
        devices.push(world.connect(world.enroll(&format!("pump-{number}")).await).await);
    }

    world.server.audit_now().await.unwrap();
    for _ in 0..3 {
        world = world.restart().await;
    }

    for device in devices {
        let ended = world.ended(&device.thing).await;
        assert_eq!(ended.state.outcome(), Some(Outcome::Rotated), "{:?}", ended.state);
        device.stop().await;
    }
    assert!(world.server.store().verify_events().await.unwrap().is_ok());
}
