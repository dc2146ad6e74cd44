//! The embedded broker as the API's data plane.

use async_trait::async_trait;
use perennial_api::{DataPlane, Disconnection, Message, NotPublished, Publisher, Retained};
use perennial_broker::{
    BrokerHandle, Properties, Publication, PublishRefused, Qos, RetainedMessage,
};
use perennial_core::{ids::ClientId, topic::Prefix};

/// The broker, whose management topics are under a prefix.
pub(crate) struct BrokerDataPlane {
    broker: BrokerHandle,
    prefix: Prefix,
}

impl BrokerDataPlane {
    pub(crate) fn new(broker: BrokerHandle, prefix: Prefix) -> Self {
        Self { broker, prefix }
    }

    /// Rotations believe a session: whose client id and certificate it is. Over HTTPS there is
    /// none, and a message that nobody reads must not be called published.
    fn is_for_rotations(&self, topic: &str) -> bool {
        let behind = topic.strip_prefix(self.prefix.as_str());
        behind.is_some_and(|behind| behind.starts_with('/'))
    }
}

#[async_trait]
impl DataPlane for BrokerDataPlane {
    fn publish(&self, by: Publisher, message: Message) -> Result<(), NotPublished> {
        let publication = publication(message);
        let published = match by {
            Publisher::Operator => self.broker.publish_for_operator(publication),
            Publisher::Device { .. } if self.is_for_rotations(&publication.topic) => {
                let why = "A rotation's messages are taken over MQTT only";
                return Err(NotPublished::Invalid(why.to_owned()));
            }
            Publisher::Device { certificate, address } => {
                self.broker.publish_for_holder((certificate, address), publication)
            }
        };
        published.map_err(not_published)
    }

    fn retained(&self, topic: &str) -> Option<Retained> {
        self.broker.retained(topic).map(retained)
    }

    fn retained_after(&self, after: Option<&str>, most: usize) -> Vec<Retained> {
        self.broker.retained_after(after, most).into_iter().map(retained).collect()
    }

    fn is_connected(&self, client_id: &ClientId) -> bool {
        self.broker.session(client_id).is_some()
    }

    async fn disconnect(&self, client_id: &ClientId, how: Disconnection) {
        let Disconnection { clean_session, prevent_will } = how;
        let how = perennial_broker::Disconnection { clean_session, with_will: !prevent_will };
        // Gone by itself or by this: it is gone.
        self.broker.disconnect(client_id, how).await;
    }
}

fn publication(message: Message) -> Publication {
    Publication {
        topic: message.topic,
        payload: message.payload,
        qos: if message.at_least_once { Qos::AtLeastOnce } else { Qos::AtMostOnce },
        retain: message.retain,
        properties: Properties {
            user: message.user_properties,
            is_utf8: message.is_utf8,
            content_type: message.content_type,
            response_topic: message.response_topic,
            correlation_data: message.correlation_data,
            expiry: message.expiry,
        },
    }
}

fn retained(message: RetainedMessage) -> Retained {
    Retained {
        topic: message.topic,
        payload: message.payload,
        at_least_once: message.qos == Qos::AtLeastOnce,
        since: message.since,
        user_properties: message.user_properties,
    }
}

fn not_published(why: PublishRefused) -> NotPublished {
    let text = why.to_string();
    match why {
        PublishRefused::Topic(_)
        | PublishRefused::Reserved(_)
        | PublishRefused::Payload { .. }
        | PublishRefused::Property(_) => NotPublished::Invalid(text),
        PublishRefused::NotAuthorized => NotPublished::Forbidden,
        PublishRefused::Full(_) | PublishRefused::NotRetained => NotPublished::NoRoom(text),
        PublishRefused::Unavailable(_) => NotPublished::Unavailable(text),
    }
}
