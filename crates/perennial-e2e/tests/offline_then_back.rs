//! A device that is away for a rotation's whole time is rotated when it is back.

mod world;

use perennial_core::rotation::Outcome;
use world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_was_away_is_rotated_by_the_next_audit() {
    let mut config = world::config();
    config.rotation.hold_secs = 1;
    let world = World::begin_with(config).await;
    let agent = world.enroll("pump-1").await;
    let thing = perennial_core::ids::ThingName::new("pump-1").unwrap();

    world.server.audit_now().await.unwrap();
    let missed = world.ended(&thing).await;
    let device = world.connect(agent).await;
    world.server.audit_now().await.unwrap();

    assert_eq!(missed.state.outcome(), Some(Outcome::Unreachable));
    let rotated = world::until("a later rotation ends", async || {
        let ended = world.ended(&thing).await;
        (ended.rotation.id != missed.rotation.id).then_some(ended)
    })
    .await;
    assert_eq!(rotated.state.outcome(), Some(Outcome::Rotated));
    device.stop().await;
}
