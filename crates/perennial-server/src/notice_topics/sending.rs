//! Sending one message to one subscriber, and what becomes of it.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use perennial_api::{DataPlane, NotPublished, Publisher};
use perennial_core::{
    notice_topic::{Confirmation, Envelope, Notification, Protocol, Signed, SubscriptionSettings},
    time::Timestamp,
};
use perennial_outbound::{HttpSender, MailSender, RetrySchedule};
use perennial_store::{Due, DueDelivery, Lane, Outcome};
use tracing::{info, warn};

use super::{MessageSigner, NoticeTopics, Urls, mail, post};
use crate::aws_sns::AwsSns;

/// How what did not arrive is tried again, unless its subscription says otherwise: for about half a
/// day.
const SCHEDULE: RetrySchedule = RetrySchedule {
    first: Duration::from_secs(1),
    longest: Duration::from_secs(20 * 60),
    max_tries: 50,
};
/// The longest that is kept of what an endpoint said, in characters.
const MAX_SAID: usize = 500;

/// Everything that a message may leave by.
pub(crate) struct Sending {
    pub(super) http: HttpSender,
    pub(super) mail: Option<MailSender>,
    aws: AwsSns,
    pub(super) broker: Arc<dyn DataPlane>,
    pub(super) signer: Arc<MessageSigner>,
    pub(super) urls: Urls,
}

/// A try that did not work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotSent {
    /// It never will.
    Never(String),
    /// It may, later.
    NotNow(String),
    /// Nobody answers: nothing else would get there now.
    Unreachable(String),
}

/// What became of a try, and whether anybody answered.
pub(super) struct Tried {
    pub(super) outcome: Outcome,
    /// Why nobody did.
    pub(super) unreachable: Option<String>,
}

impl From<Outcome> for Tried {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, unreachable: None }
    }
}

impl Sending {
    pub(crate) fn new(topics: &NoticeTopics, broker: Arc<dyn DataPlane>, urls: Urls) -> Self {
        let NoticeTopics { http, mail, aws, signer, .. } = topics.clone();
        Self { http, mail, aws, broker, signer, urls }
    }

    /// Sends what is due in a lane; answers what became of it.
    pub(super) async fn send(&self, lane: &Lane, delivery: &DueDelivery, now: Timestamp) -> Tried {
        let Some(due) = &delivery.due else { return Outcome::Gone.into() };
        let sent = self.by_protocol(lane, delivery, due, now).await;
        let (message, subscription) = (delivery.message_id, due.subscription);
        match sent {
            Ok(said) => {
                info!(message.id = %message, subscription.id = %subscription, "delivered");
                Outcome::Delivered(shown(&said)).into()
            }
            Err(NotSent::Never(why)) => {
                warn!(message.id = %message, subscription.id = %subscription, %why, "given up");
                Outcome::Dead(shown(&why)).into()
            }
            Err(NotSent::NotNow(why)) => again(&due.settings, delivery.tries + 1, &why, now).into(),
            Err(NotSent::Unreachable(why)) => {
                let outcome = again(&due.settings, delivery.tries + 1, &why, now);
                Tried { outcome, unreachable: Some(why) }
            }
        }
    }

    async fn by_protocol(
        &self,
        lane: &Lane,
        delivery: &DueDelivery,
        due: &Due,
        now: Timestamp,
    ) -> Result<String, NotSent> {
        match lane.protocol {
            Protocol::Http | Protocol::Https | Protocol::Slack | Protocol::Teams => {
                post::send(self, lane, delivery, due).await
            }
            Protocol::Email | Protocol::EmailJson => mail::send(self, lane, delivery, due).await,
            Protocol::Mqtt => self.publish(&lane.endpoint, delivery, due),
            Protocol::Sns => self.publish_at_aws(&lane.endpoint, due, now).await,
        }
    }

    /// What AWS answers is the id under which its subscribers get the message.
    async fn publish_at_aws(
        &self,
        arn: &str,
        due: &Due,
        now: Timestamp,
    ) -> Result<String, NotSent> {
        // Nobody is asked there, so there is no question to send.
        let asked = |_| NotSent::Never("a topic at AWS confirms nothing".to_owned());
        let message = due.what.as_ref().map_err(asked)?;
        Ok(format!("MessageId {}", self.aws.publish(arn, message, now).await?))
    }

    fn publish(&self, topic: &str, delivery: &DueDelivery, due: &Due) -> Result<String, NotSent> {
        let payload = match &due.what {
            Ok(message) if due.settings.raw_message_delivery => {
                message.text_for(Protocol::Mqtt).to_owned()
            }
            Ok(_) | Err(_) => self.enveloped(Protocol::Mqtt, delivery, due)?,
        };
        let message = perennial_api::Message {
            topic: topic.to_owned(),
            payload: payload.into(),
            at_least_once: true,
            ..perennial_api::Message::default()
        };
        match self.broker.publish(Publisher::Operator, message) {
            Ok(()) => Ok("published".to_owned()),
            Err(NotPublished::Invalid(why)) => Err(NotSent::Never(why)),
            Err(error) => Err(NotSent::NotNow(error.to_string())),
        }
    }

    /// The signed envelope around what is due.
    pub(super) fn enveloped(
        &self,
        protocol: Protocol,
        delivery: &DueDelivery,
        due: &Due,
    ) -> Result<String, NotSent> {
        let (message_id, topic_arn) =
            (delivery.message_id.to_string(), self.urls.topic_arn(&due.topic));
        let envelope = match &due.what {
            Ok(message) => Envelope::Notification(Notification {
                message_id,
                topic_arn,
                subject: message.subject(),
                message: message.text_for(protocol),
                at: due.published_at,
                unsubscribe_url: self.unsubscribe_url(due),
                attributes: message.attributes(),
            }),
            Err(token) => Envelope::SubscriptionConfirmation(Confirmation {
                message_id,
                topic_arn,
                token,
                at: due.published_at,
                subscribe_url: self.urls.subscribe(&due.topic, token),
            }),
        };
        let (signature, certificate) = self
            .signer
            .sign(&envelope.to_sign())
            .map_err(|error| NotSent::NotNow(error.to_string()))?;
        let signing_cert_url = self.urls.certificate(&certificate);
        Ok(envelope.json(Signed { signature: STANDARD.encode(signature), signing_cert_url }))
    }

    pub(super) fn unsubscribe_url(&self, due: &Due) -> String {
        let token = self.signer.unsubscribe_token(&due.subscription);
        self.urls.unsubscribe(&due.topic, &due.subscription, &token)
    }
}

/// What follows upon a try that may work later.
pub(super) fn again(
    settings: &SubscriptionSettings,
    tries: u32,
    why: &str,
    now: Timestamp,
) -> Outcome {
    let own = settings.pause_after(tries);
    match own.unwrap_or_else(|| SCHEDULE.pause_after(tries, fastrand::u32(..))) {
        Some(pause) => Outcome::Again { at: now + pause, why: shown(why) },
        None => {
            warn!(tries, %why, "given up");
            Outcome::Dead(shown(why))
        }
    }
}

fn shown(text: &str) -> String {
    text.chars().take(MAX_SAID).collect()
}
