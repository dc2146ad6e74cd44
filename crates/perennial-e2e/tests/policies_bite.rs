//! What is changed in the registry is felt by a session that is open, within a second.
#![allow(clippy::unwrap_used, reason = "a story's own machinery")]

mod world;

use std::time::{Duration, Instant};

use perennial_broker::{Delivery, Outgoing, Qos};
use perennial_core::{
    certificate::CertificateStatus,
    ids::{CertificateId, ClientId, PolicyName, ThingGroupName, ThingName},
    policy::Document,
    registry::{AttributeChange, GroupProperties, PolicyTarget, Tags, ThingUpdate},
    time::Timestamp,
};
use perennial_orchestrator::{SystemClock, port::Clock as _};
use perennial_store::Shared;
use world::{Bare, World, until};

/// From a change's commit until the session feels it.
const SOON: Duration = Duration::from_secs(1);

fn now() -> Timestamp {
    SystemClock.now()
}

fn policy(name: &str) -> PolicyName {
    PolicyName::new(name).unwrap()
}

/// Lets a device hear what is of `site`, and nothing else below `site/`.
fn hearing(site: &str) -> Document {
    let arn = "arn:aws:iot:local-1:000000000000";
    let text = format!(
        r#"{{"Version":"2012-10-17","Statement":[
        {{"Effect":"Allow","Action":"iot:Subscribe","Resource":"{arn}:topicfilter/site/*"}},
        {{"Effect":"Allow","Action":"iot:Receive","Resource":"{arn}:topic/site/{site}/*"}}]}}"#
    );
    Document::parse(&text).unwrap()
}

fn publish(world: &World, topic: &str) -> Delivery {
    let (topic, payload) = (topic.to_owned(), "{}".into());
    let message = Outgoing { topic, payload, qos: Qos::AtMostOnce, retain: false };
    world.server.broker().publish(vec![message])[0]
}

/// Waits until just these sites are heard, which must be soon.
async fn hears(world: &World, what: &str, sites: &[&str]) {
    let begun = Instant::now();
    until(what, async || {
        let heard = |site: &&str| publish(world, &format!("site/{site}/x")).online == 1;
        let all = ["north", "south"].iter().all(|site| heard(site) == sites.contains(site));
        all.then_some(())
    })
    .await;
    let took = begun.elapsed();
    assert!(took < SOON, "{what}: after {took:?}");
}

/// A pump at the north site that may hear its own site, and what it is attached to.
async fn pump(world: &World) -> (Bare<'_>, world::Credential, CertificateId) {
    let bare = Bare::named(world, "pump-1");
    let credential = bare.enrolled().await;
    let (store, thing) = (world.server.store(), bare.thing.clone());
    let own = hearing("${iot:Connection.Thing.Attributes[site]}");
    store.create_policy(policy("site"), &own, Tags::default(), now()).await.unwrap();
    let (_, certificates) = store.thing(thing).await.unwrap();
    let id = certificates[0].certificate_id;
    let target = PolicyTarget::Certificate(id);
    store.attach_policy(policy("site"), target, now()).await.unwrap();
    move_to(world, &bare.thing, "north").await;
    world.server.registry().changed(&[id]);
    (bare, credential, id)
}

async fn move_to(world: &World, thing: &ThingName, site: &str) {
    let attributes = [("site".to_owned(), site.to_owned())].into();
    let change = AttributeChange { attributes, merge: true };
    let update = ThingUpdate { attributes: Some(change), ..ThingUpdate::default() };
    world.server.store().update_thing(thing.clone(), update, now()).await.unwrap();
    world.server.registry().thing_changed(thing.clone()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attribute_and_the_version_in_force_reach_an_open_session() {
    let world = World::begin().await;
    let (bare, credential, id) = pump(&world).await;
    let _listening = bare.listens(&credential, "site/#");
    until("it listens", async || (publish(&world, "site/north/x").online == 1).then_some(())).await;
    let (store, registry) = (world.server.store(), world.server.registry());
    let shared = || Shared::Policy(policy("site"));

    hears(&world, "its own site", &["north"]).await;
    move_to(&world, &bare.thing, "south").await;
    hears(&world, "the other site's attribute", &["south"]).await;
    store.create_policy_version(policy("site"), &hearing("*"), true, now()).await.unwrap();
    registry.shared_changed(shared()).await;
    hears(&world, "a wider version", &["north", "south"]).await;
    store.put_policy_version_in_force(policy("site"), 1, now()).await.unwrap();
    registry.shared_changed(shared()).await;
    hears(&world, "the version before", &["south"]).await;
    let target = PolicyTarget::Certificate(id);
    store.detach_policy(policy("site"), target, now()).await.unwrap();
    registry.changed(&[id]);
    hears(&world, "no policy", &[]).await;

    let gone = async || (publish(&world, "site/south/x") == Delivery::default()).then_some(());
    until("the subscription it may not have is gone", gone).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_its_policies_and_the_status_reach_an_open_session() {
    let world = World::begin().await;
    let (bare, credential, id) = pump(&world).await;
    let _listening = bare.listens(&credential, "site/#");
    until("it listens", async || (publish(&world, "site/north/x").online == 1).then_some(())).await;
    let (store, registry) = (world.server.store(), world.server.registry());
    let group = |name: &str| ThingGroupName::new(name).unwrap();
    let (plain, thing) = (GroupProperties::default(), bare.thing.clone());
    for (name, parent) in [("plant", None), ("hall", Some(group("plant")))] {
        let (properties, tags) = (plain.clone(), Tags::default());
        store.create_thing_group(group(name), parent, properties, tags, now()).await.unwrap();
    }
    store.create_policy(policy("all"), &hearing("*"), Tags::default(), now()).await.unwrap();
    let plant = PolicyTarget::ThingGroup(group("plant"));
    let number = store.group_number(group("plant")).await.unwrap();

    store.attach_policy(policy("all"), plant.clone(), now()).await.unwrap();
    let (join, none) = (vec![group("hall")], Vec::new());
    store.change_groups(thing.clone(), join, none.clone(), now()).await.unwrap();
    registry.thing_changed(thing.clone()).await.unwrap();
    hears(&world, "the group above its own", &["north", "south"]).await;
    store.detach_policy(policy("all"), plant.clone(), now()).await.unwrap();
    registry.shared_changed(Shared::Group(number)).await;
    hears(&world, "the group without its policy", &["north"]).await;
    store.attach_policy(policy("all"), plant, now()).await.unwrap();
    registry.shared_changed(Shared::Group(number)).await;
    hears(&world, "the group with its policy", &["north", "south"]).await;
    let deleted = store.delete_thing_group(group("hall"), None, now()).await.unwrap().unwrap();
    registry.shared_changed(Shared::Group(deleted)).await;
    hears(&world, "the group deleted", &["north"]).await;

    let client_id = ClientId::from(&thing);
    let begun = Instant::now();
    let inactive = CertificateStatus::Inactive;
    world.server.update_certificate_status(id, inactive).await.unwrap();
    until("the session is cut", async || {
        world.server.broker().session(&client_id).is_none().then_some(())
    })
    .await;
    assert!(begun.elapsed() < SOON);
}
