//! Deactivating a certificate cuts the session that it opened, and keeps it out.

mod world;

use std::sync::atomic::Ordering;

use perennial_core::{certificate::CertificateStatus, ids::ClientId};
use world::{World, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_deactivated_certificate_loses_its_session_until_it_is_active_again() {
    let world = World::begin().await;
    let device = world.connect(world.enroll("pump-1").await).await;
    let client_id = ClientId::from(&device.thing);
    let broker = world.server.broker();
    let principal = broker.session(&client_id).unwrap().principal;

    let inactive = CertificateStatus::Inactive;
    world.server.update_certificate_status(principal, inactive).await.unwrap();
    until("the session is cut", async || broker.session(&client_id).is_none().then_some(())).await;
    until("the device was refused", async || {
        let refused = broker.counters().handshakes_failed.load(Ordering::Relaxed);
        (refused > 0).then_some(())
    })
    .await;
    let active = CertificateStatus::Active;
    world.server.update_certificate_status(principal, active).await.unwrap();

    until("the device is back", async || broker.session(&client_id).map(drop)).await;
    device.stop().await;
}
