//! A device that floods the rotation inbox: refused beyond what a rotation needs, and nobody else is.

#![allow(clippy::unwrap_used, reason = "a story's own machinery")]

mod world;

use perennial_core::rotation::Outcome;
use world::{Bare, World};

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_is_refused_and_other_devices_rotate_meanwhile() {
    let world = World::begin().await;
    let (loud, quiet) = (Bare::named(&world, "loud"), Bare::named(&world, "quiet"));
    let (flooding, outgoing) = (loud.enrolled().await, quiet.enrolled().await);

    let topic = loud.topic("csr_res");
    let refused = loud.floods(&flooding, &topic, "{\"CSR\":\"unasked\"}", 1000).await;
    quiet.rotation_begins().await;
    let (key, csr_pem) = quiet.csr("incoming");
    quiet.send_csr(&outgoing, &csr_pem).await;
    let incoming = quiet.issued(key).await;
    assert!(quiet.publish(&incoming, &quiet.topic("crt_ack"), "{}").await);

    let ended = world.ended(&quiet.thing).await;
    assert_eq!(ended.state.outcome(), Some(Outcome::Rotated), "{:?}", ended.state);
    assert!((800..=940).contains(&refused), "{refused}");
}
