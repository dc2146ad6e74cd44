//! The broker's own certificate is renewed before it ends, and sessions do not notice.

mod world;

use perennial_core::ids::ClientId;
use world::{World, until};

#[tokio::test(flavor = "multi_thread")]
async fn sessions_outlive_the_brokers_certificate_and_new_ones_find_a_fresh_one() {
    let mut config = world::config();
    config.certificates.server_secs = 3;
    let world = World::begin_with(config).await;
    let device = world.connect(world.enroll("pump-1").await).await;
    let client_id = ClientId::from(&device.thing);
    let begun = world.server.broker().session(&client_id).unwrap();
    let ends_at = std::time::Instant::now() + std::time::Duration::from_secs(4);

    until("the first certificate is over", async || {
        (std::time::Instant::now() > ends_at).then_some(())
    })
    .await;
    let later = world.connect(world.enroll("pump-2").await).await;

    let session = world.server.broker().session(&client_id).unwrap();
    assert_eq!(session.connected_at, begun.connected_at);
    device.stop().await;
    later.stop().await;
}
