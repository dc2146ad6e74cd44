//! The policy that the first start makes for devices, kept in step with the configuration for as
//! long as nobody has changed it by hand.

use perennial_core::{
    ids::PolicyName,
    policy::{Document, Scope},
    registry::Tags,
    time::Timestamp,
};
use perennial_store::{Store, StoreError};
use serde_json::Value;
use tracing::{info, warn};

use crate::Config;

/// Its name: devices get their own connection and topics by it, and no more.
pub const DEVICE_POLICY: &str = "perennial-device";

/// What stands for the device in its resources.
const THING: &str = "${iot:Connection.Thing.ThingName}";

/// Makes the policy. One that an earlier configuration made becomes what this one wants; one that
/// was changed by hand stays as it is.
pub(crate) async fn ensure(store: &Store, config: &Config, now: Timestamp) -> anyhow::Result<()> {
    let name = PolicyName::new(DEVICE_POLICY)?;
    let wanted = Document::parse(&text(&config.scope(), config.mqtt.prefix.as_str()))?;
    match store.create_policy(name.clone(), &wanted, Tags::default(), now).await {
        Ok(_) => Ok(()),
        Err(StoreError::Exists { .. }) => follow(store, name, &wanted, now).await,
        Err(error) => Err(error.into()),
    }
}

async fn follow(
    store: &Store,
    name: PolicyName,
    wanted: &Document,
    now: Timestamp,
) -> anyhow::Result<()> {
    let stored = store.policy(name.clone()).await?.document;
    if stored == wanted.as_json() {
        return Ok(());
    }
    if !is_ours(&stored) {
        info!(
            "the policy {name} was changed by hand and stays so; see that devices may use the topics under mqtt.prefix"
        );
        return Ok(());
    }
    match store.create_policy_version(name.clone(), wanted, true, now).await {
        Ok(version) => {
            info!(%version, "the policy {name} follows the configuration");
            Ok(())
        }
        Err(StoreError::VersionsLimitExceeded(_)) => {
            warn!(
                "the policy {name} has too many versions to follow the configuration: delete one and start again, or devices cannot use the topics under mqtt.prefix"
            );
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether this server would write `document` itself, under some configuration.
fn is_ours(document: &str) -> bool {
    let written = || {
        let parsed: Value = serde_json::from_str(document).ok()?;
        let own = parsed.pointer("/Statement/1/Resource/0")?.as_str()?;
        let [_, partition, _, region, account, topic] =
            own.splitn(6, ':').collect::<Vec<_>>().try_into().ok()?;
        let prefix = topic.strip_prefix("topic/")?.strip_suffix(&format!("/{THING}/*"))?;
        let scope = Scope {
            partition: partition.to_owned(),
            region: region.to_owned(),
            account: account.to_owned(),
        };
        Some(text(&scope, prefix))
    };
    written().as_deref() == Some(document)
}

/// What a device needs for its own rotation, and its own name's topics besides.
fn text(scope: &Scope, prefix: &str) -> String {
    let arn = |kind: &str, name: &str| scope.arn(kind, name);
    let (own, devices) = (format!("{prefix}/{THING}/*"), format!("devices/{THING}/*"));
    serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [
            { "Effect": "Allow", "Action": "iot:Connect", "Resource": arn("client", THING),
              "Condition": { "Bool": { "iot:Connection.Thing.IsAttached": "true" } } },
            { "Effect": "Allow", "Action": ["iot:Publish", "iot:Receive"],
              "Resource": [arn("topic", &own), arn("topic", &devices)] },
            { "Effect": "Allow", "Action": "iot:Subscribe",
              "Resource": [arn("topicfilter", &own), arn("topicfilter", &devices)] }
        ]
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use perennial_store::Settings;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn under(prefix: &str) -> Config {
        let mut config = Config::default();
        config.mqtt.prefix = prefix.parse().unwrap();
        config
    }

    async fn in_force(store: &Store) -> String {
        store.policy(PolicyName::new(DEVICE_POLICY).unwrap()).await.unwrap().document
    }

    #[tokio::test]
    async fn the_policy_follows_the_prefix_and_the_account() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), Settings::default()).unwrap();
        ensure(&store, &under("management/topic"), NOW).await.unwrap();
        let mut elsewhere = under("plant/rotation");
        elsewhere.account.id = "123456789012".to_owned();

        ensure(&store, &elsewhere, NOW).await.unwrap();
        ensure(&store, &elsewhere, NOW).await.unwrap();

        let document = in_force(&store).await;
        assert!(document.contains(":123456789012:topic/plant/rotation/${iot:"), "{document}");
        let versions = store.policy_versions(PolicyName::new(DEVICE_POLICY).unwrap()).await;
        assert_eq!(versions.unwrap().len(), 2);
    }

    #[tokio::test]
    async fn a_policy_that_was_changed_by_hand_stays() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), Settings::default()).unwrap();
        ensure(&store, &under("management/topic"), NOW).await.unwrap();
        let narrower = in_force(&store).await.replace("devices/", "pumps/");
        let (name, document) =
            (PolicyName::new(DEVICE_POLICY).unwrap(), Document::parse(&narrower).unwrap());
        store.create_policy_version(name, &document, true, NOW).await.unwrap();

        ensure(&store, &under("plant/rotation"), NOW).await.unwrap();

        assert_eq!(in_force(&store).await, narrower);
    }
}
