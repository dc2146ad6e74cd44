//! Messages that must not count, sent by `mosquitto_pub`: acks over the outgoing certificate,
//! repeated and unasked CSRs, other clients' topics, other rotations, garbage.

#![allow(clippy::unwrap_used, reason = "a story's own machinery")]

mod world;

use perennial_core::rotation::{Ignored, Outcome};
use world::{Bare, World};

#[tokio::test(flavor = "multi_thread")]
async fn only_what_the_right_certificate_says_in_its_turn_counts() {
    let world = World::begin().await;
    let bare = Bare::named(&world, "pump-1");
    let outgoing = bare.enrolled().await;
    let csr_pem = bare.csr_of(&outgoing.key);
    let asking = serde_json::json!({ "CSR": csr_pem }).to_string();

    // Nobody asked, and another client's topic.
    assert!(bare.publish(&outgoing, &bare.topic("csr_res"), &asking).await);
    assert!(!bare.publish(&outgoing, "management/topic/pump-2/csr_res", &asking).await);
    assert!(bare.latest().await.is_none());

    // The outgoing key again, then a key of its own, three times over.
    bare.rotation_begins().await;
    assert!(bare.publish(&outgoing, &bare.topic("csr_res"), "{\"CSR\":").await);
    bare.ignored("csr_resUnreadable", Ignored::OutOfTurn).await;
    assert!(bare.publish(&outgoing, &bare.topic("csr_res"), &asking).await);
    bare.recorded("key_reused").await;
    let (key, csr_pem) = bare.csr("incoming");
    for _ in 0..3 {
        bare.send_csr(&outgoing, &csr_pem).await;
    }
    let incoming = bare.issued(key).await;

    // Acks that prove nothing.
    assert!(bare.publish(&outgoing, &bare.topic("crt_ack"), "{}").await);
    bare.ignored("AckReceived", Ignored::NoEvidence).await;
    let other = format!("{{\"rotationId\":\"{}\"}}", "0".repeat(32));
    assert!(bare.publish(&outgoing, &bare.topic("crt_ack"), &other).await);
    bare.ignored("AckReceived", Ignored::OtherRotation).await;
    assert_eq!(bare.latest().await.unwrap().state.name(), "AwaitingAck");

    // The one that does.
    assert!(bare.publish(&incoming, &bare.topic("crt_ack"), "{}").await);
    let ended = world.ended(&bare.thing).await;

    assert_eq!(ended.state.outcome(), Some(Outcome::Rotated), "{:?}", ended.state);
    assert_eq!(world.server.store().certificates(None, 10).await.unwrap().len(), 2);
    assert!(!bare.publish(&outgoing, &bare.topic("crt_ack"), "{}").await);
}
