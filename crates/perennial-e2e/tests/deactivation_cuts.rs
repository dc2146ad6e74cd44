//! Deactivating a certificate cuts the session that it opened, keeps it out, and calls its
//! rotation off.

mod world;

use std::sync::atomic::Ordering;

use perennial_core::{
    certificate::CertificateStatus,
    ids::{ClientId, ThingName},
    rotation::{Cancellation, Failure, State},
};
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

#[tokio::test(flavor = "multi_thread")]
async fn deactivating_the_outgoing_certificate_calls_its_rotation_off() {
    let world = World::begin().await;
    world.enroll("pump-1").await;
    let thing = ThingName::new("pump-1").unwrap();
    world.server.audit_now().await.unwrap();
    let opened = until("the rotation is open", async || {
        world.server.store().latest_rotation(thing.clone()).await.unwrap()
    })
    .await;

    let outgoing = opened.rotation.outgoing;
    let inactive = CertificateStatus::Inactive;
    world.server.update_certificate_status(outgoing, inactive).await.unwrap();
    let ended = world.ended(&thing).await;

    assert!(opened.state.is_open(), "{:?}", opened.state);
    let State::Failed(failed) = &ended.state else { panic!("{:?}", ended.state) };
    let withdrawn = Failure::Cancelled { by: Cancellation::OutgoingWithdrawn };
    assert_eq!(failed.reason, withdrawn);
    assert_eq!((ended.rotation.id, failed.incoming), (opened.rotation.id, None));
}
