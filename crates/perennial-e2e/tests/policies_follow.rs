//! What an operator gives to or takes from the outgoing certificate while its rotation is open
//! holds for the incoming one too: no right outlives its withdrawal by way of a rotation.

#![allow(clippy::unwrap_used, reason = "a story's own machinery")]

mod world;

use perennial_core::{
    ids::PolicyName,
    policy::Document,
    registry::{PolicyTarget, Tags},
};
use perennial_orchestrator::{SystemClock, port::Clock as _};
use perennial_server::DEVICE_POLICY;
use world::{Bare, World};

const EXTRA: &str = r#"{"Version":"2012-10-17","Statement":
    [{"Effect":"Allow","Action":"iot:Publish","Resource":"*"}]}"#;

fn named(name: &str) -> PolicyName {
    PolicyName::new(name).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_incoming_certificate_gains_and_loses_what_the_outgoing_one_does() {
    let world = World::begin().await;
    let (store, now) = (world.server.store(), SystemClock.now());
    let bare = Bare::named(&world, "pump-1");
    let outgoing = bare.enrolled().await;
    bare.rotation_begins().await;
    let target = PolicyTarget::Certificate(bare.latest().await.unwrap().rotation.outgoing);
    for name in ["withdrawn", "late"] {
        let document = Document::parse(EXTRA).unwrap();
        store.create_policy(named(name), &document, Tags::default(), now).await.unwrap();
    }
    store.attach_policy(named("withdrawn"), target.clone(), now).await.unwrap();
    let (key, csr) = bare.csr("incoming");
    bare.send_csr(&outgoing, &csr).await;
    bare.issued(key).await;
    let waiting = bare.latest().await.unwrap();
    let before = world.incoming(&waiting).await.policies;

    let lost = store.detach_policy(named("withdrawn"), target.clone(), now).await.unwrap();
    let gained = store.attach_policy(named("late"), target, now).await.unwrap();

    assert_eq!(before, [named(DEVICE_POLICY), named("withdrawn")]);
    let incoming = world.incoming(&waiting).await;
    assert_eq!(incoming.policies, [named("late"), named(DEVICE_POLICY)]);
    let touched = [waiting.rotation.outgoing, incoming.certificate.certificate_id];
    assert_eq!(lost.certificates, touched);
    assert_eq!(gained.certificates, touched);
}
