//! A notice topic as a target: letters are published to it, and its subscriptions deliver them.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use perennial_core::notice_topic::{Message, MessageAttribute, MessageError, TopicName, Uuid};
use perennial_orchestrator::{SystemClock, port::Clock as _};
use perennial_store::{DeliveryOutcome, Proof, Store, StoreError};
use serde_json::json;

use super::{letter::Letter, target::Target};

/// A notice topic of this server.
pub(crate) struct Topic {
    store: Store,
    name: TopicName,
    nudge: Nudge,
}

/// Says that something was published.
pub(crate) type Nudge = Arc<dyn Fn() + Send + Sync>;

impl Topic {
    pub(crate) fn new(store: Store, name: TopicName, nudge: Nudge) -> Self {
        Self { store, name, nudge }
    }

    /// How many subscriptions are confirmed.
    async fn subscriptions(&self) -> Result<i64, String> {
        let name = &self.name;
        match self.store.notice_topic(name.clone()).await {
            Ok(topic) if topic.subscriptions[0] > 0 => Ok(topic.subscriptions[0]),
            Ok(_) => Err(format!("the notice topic {name} has no confirmed subscription")),
            Err(StoreError::NotFound { .. }) => Err(format!(
                "there is no notice topic {name}: make it with `aws sns create-topic --name {name}`"
            )),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Publishes one letter; the id under which SNS's subscribers know it.
    async fn publish(&self, letter: &Letter) -> Result<Uuid, String> {
        let message = message(letter).map_err(|error| error.to_string())?;
        let id = Uuid::from_random(std::array::from_fn(|_| fastrand::u8(..)));
        let letter = (id, letter.message.kind, message);
        let published = self.store.publish_letter(self.name.clone(), letter, SystemClock.now());
        published.await.map_err(|error| error.to_string())?;
        (self.nudge)();
        Ok(id)
    }
}

#[async_trait]
impl Target for Topic {
    async fn deliver(&self, letters: &[Letter]) -> Vec<DeliveryOutcome> {
        let subscriptions = match self.subscriptions().await {
            Ok(subscriptions) => subscriptions,
            Err(reason) => return letters.iter().map(|_| failed(reason.clone())).collect(),
        };
        let mut outcomes = Vec::with_capacity(letters.len());
        for letter in letters {
            outcomes.push(match self.publish(letter).await {
                Err(reason) => failed(reason),
                Ok(id) => DeliveryOutcome::Delivered(Proof {
                    message_id: id.to_string(),
                    taken_by: format!(
                        "notice topic {} for {subscriptions} subscriptions",
                        self.name
                    ),
                }),
            });
        }
        outcomes
    }
}

fn failed(reason: String) -> DeliveryOutcome {
    DeliveryOutcome::Failed { reason, hopeless: false }
}

/// Words for people, and JSON for programs; filter policies may go by the attributes.
pub(super) fn message(letter: &Letter) -> Result<Message, MessageError> {
    let data = letter.json().to_string();
    let by_protocol = json!({ "default": letter.text(), "http": data, "https": data, "mqtt": data,
        "sqs": data, "lambda": data });
    let it = &letter.message;
    let attributes = [
        ("kind", it.kind.name()),
        ("severity", it.severity.name()),
        ("occasion", it.occasion.name()),
        ("recipient", it.recipient.name()),
    ];
    let attribute = |(name, value): (&str, &str)| {
        let (data_type, value) = ("String".to_owned(), value.to_owned());
        (name.to_owned(), MessageAttribute { data_type, value })
    };
    let attributes: BTreeMap<_, _> = attributes.into_iter().map(attribute).collect();
    Message::structured(Some(it.title()), &by_protocol.to_string(), attributes)
}

#[cfg(test)]
mod tests {
    use perennial_core::{
        notice::{Kind, Message as Told, Occasion, Recipient, Sample, Severity},
        notice_topic::Protocol,
        time::Timestamp,
    };
    use perennial_store::{DeliveryId, Settings};

    use super::*;

    fn letter() -> Letter {
        let at = Timestamp::from_secs(1_800_000_000);
        let message = Told {
            notice_id: perennial_core::ids::NoticeId::from_bytes([1; 16]),
            kind: Kind::DiskLow,
            severity: Severity::Critical,
            occasion: Occasion::Opening,
            recipient: Recipient::First,
            count: 1,
            sample: Sample::default(),
            opened_at: at,
            last_at: at,
            ends_at: None,
            resolved: false,
        };
        let acknowledge = Some("https://example.com/acknowledge/1".to_owned());
        Letter { id: DeliveryId(7), message, acknowledge }
    }

    #[test]
    fn people_read_words_and_programs_json() {
        let message = message(&letter()).unwrap();

        assert_eq!(message.subject(), Some("[critical] disk nearly full, 1 times"));
        let words = message.text_for(Protocol::Email);
        assert!(words.ends_with("I see to it: https://example.com/acknowledge/1"), "{words}");
        let data: serde_json::Value =
            serde_json::from_str(message.text_for(Protocol::Https)).unwrap();
        assert_eq!(data["kind"], "disk_low");
        assert_eq!(message.attributes()["severity"].value, "critical");
    }

    #[tokio::test]
    async fn a_topic_that_reaches_nobody_takes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), Settings::default()).unwrap();
        let topic = Topic::new(store, TopicName::new("support").unwrap(), Arc::new(|| {}));

        let outcomes = topic.deliver(&[letter()]).await;

        let [DeliveryOutcome::Failed { reason, hopeless: false }] = &outcomes[..] else {
            panic!("{outcomes:?}")
        };
        assert!(reason.contains("aws sns create-topic --name support"), "{reason}");
    }
}
