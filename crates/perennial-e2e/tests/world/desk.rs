//! A desk: somebody who hears what people are told, and devices that give them something to hear.

use perennial_broker::{Outgoing, Qos};
use perennial_core::{
    ids::PolicyName,
    policy::Document,
    registry::{PolicyTarget, Tags},
};
use perennial_orchestrator::{SystemClock, port::Clock as _};
use perennial_server::Config;

use super::{Bare, Device, Listening, World, config, until};

/// Told by MQTT only, first and second.
pub(crate) fn telling() -> Config {
    let mut config = config();
    config.notices.targets = vec!["mqtt".to_owned()];
    config.notices.retry_secs = 1;
    config
}

/// Somebody at a desk who hears all that people are told of certificates withdrawn again.
pub(crate) async fn desk(world: &World) -> Listening {
    desk_at(world, "$perennial/notices/+/rotation_rolled_back", "$perennial/notices").await
}

/// Somebody at a desk who hears what is published as `filter`, all of which is below `topic`.
pub(crate) async fn desk_at(world: &World, filter: &str, topic: &str) -> Listening {
    let bare = Bare::named(world, "desk");
    let credential = bare.enrolled().await;
    let arn = "arn:aws:iot:local-1:000000000000";
    let text = format!(
        r#"{{"Version":"2012-10-17","Statement":[
        {{"Effect":"Allow","Action":"iot:Subscribe","Resource":"{arn}:topicfilter/{topic}/*"}},
        {{"Effect":"Allow","Action":"iot:Receive","Resource":"{arn}:topic/{topic}/*"}}]}}"#
    );
    let (store, now) = (world.server.store(), SystemClock.now());
    let (name, document) = (PolicyName::new("desk").unwrap(), Document::parse(&text).unwrap());
    store.create_policy(name.clone(), &document, Tags::default(), now).await.unwrap();
    let (_, certificates) = store.thing(bare.thing.clone()).await.unwrap();
    let target = PolicyTarget::Certificate(certificates[0].certificate_id);
    store.attach_policy(name, target, now).await.unwrap();
    bare.listens(&credential, filter)
}

/// Waits until what is published there is heard.
pub(crate) async fn is_heard(world: &World, topic: &str) {
    until("the desk hears", async || {
        let message = Outgoing {
            topic: topic.to_owned(),
            payload: "{}".into(),
            qos: Qos::AtMostOnce,
            retain: false,
        };
        (world.server.broker().publish(vec![message])[0].online == 1).then_some(())
    })
    .await;
}

/// A device that will refuse its certificate.
pub(crate) async fn refusing(world: &World, name: &str) -> Device {
    let mut config = world.enroll(name).await;
    config.faults.refuse_certificate = true;
    world.connect(config).await
}
