//! Messages that arrive twice, late or before their turn change nothing: one certificate is made, and
//! the history says what did not count and why.

#![allow(clippy::unwrap_used, reason = "a story's own machinery")]

mod world;

use perennial_core::{
    certificate::CertificateStatus,
    rotation::{Ignored, Outcome},
};
use world::{Bare, World};

#[tokio::test(flavor = "multi_thread")]
async fn repeated_late_and_early_messages_make_one_certificate() {
    let world = World::begin().await;
    let bare = Bare::named(&world, "pump-1");
    let outgoing = bare.enrolled().await;
    let (key, csr) = bare.csr("incoming");
    let (_, other_csr) = bare.csr("late");
    bare.rotation_begins().await;

    // An ack before there is anything to acknowledge.
    assert!(bare.publish(&outgoing, &bare.topic("crt_ack"), "{}").await);
    bare.ignored("AckReceived", Ignored::OutOfTurn).await;
    // The CSR thrice, and one that was made before it and arrives after it.
    for csr in [&csr, &csr, &csr, &other_csr] {
        bare.send_csr(&outgoing, csr).await;
    }
    let incoming = bare.issued(key).await;
    bare.ignored("CsrReceived", Ignored::OtherCsr).await;
    // The ack twice, and an error and a CSR that come after it.
    for (kind, payload) in [("crt_ack", "{}"), ("crt_ack", "{}"), ("crt_err", "{\"error\":\"?\"}")]
    {
        assert!(bare.publish(&incoming, &bare.topic(kind), payload).await);
    }
    bare.send_csr(&incoming, &other_csr).await;
    let ended = world.ended(&bare.thing).await;

    assert_eq!(ended.state.outcome(), Some(Outcome::Rotated), "{:?}", ended.state);
    assert_eq!(world.server.store().certificates(None, 10).await.unwrap().len(), 2);
    assert_eq!(world.outgoing(&ended).await.certificate.status, CertificateStatus::Inactive);
    assert_eq!(world.incoming(&ended).await.certificate.status, CertificateStatus::Active);
}
