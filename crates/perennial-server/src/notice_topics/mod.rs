//! Notice topics while the server runs: publishing to them from inside, and delivering what was
//! published by anybody.

mod delivery;
mod lane;
mod mail;
mod post;
mod sending;
mod signer;
mod urls;

use std::sync::Arc;

use perennial_api::NoticeDelivery;
use perennial_core::{
    notice_topic::{
        Message, MessageAttributes, MessageError, NameError, Protocol, Uuid, parse_topic_arn,
    },
    policy::Scope,
};
use perennial_orchestrator::{SystemClock, port::Clock as _};
use perennial_outbound::{HttpSender, MailSender};
use perennial_store::{Store, StoreError};
use tokio::sync::Notify;

pub(crate) use self::{
    delivery::deliver,
    sending::{NotSent, Sending},
    signer::MessageSigner,
    urls::Urls,
};
use crate::{adapter::SystemEntropy, aws_sns::AwsSns};

/// Where what happens inside the server is published to people. Cheap to clone.
#[derive(Clone)]
pub struct NoticeTopics {
    store: Store,
    scope: Scope,
    signer: Arc<MessageSigner>,
    http: HttpSender,
    mail: Option<MailSender>,
    aws: AwsSns,
    wake: Arc<Notify>,
}

/// A message that was not published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// Not a topic of this server's.
    #[error(transparent)]
    Topic(#[from] NameError),
    /// Not a message.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// There is no such topic, or it cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl PublishError {
    /// Whether the same may work later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Store(error) => error.is_retryable(),
            Self::Topic(_) | Self::Message(_) => false,
        }
    }
}

impl NoticeTopics {
    pub(crate) fn new(
        store: Store,
        scope: Scope,
        signer: Arc<MessageSigner>,
        (http, mail, aws): (HttpSender, Option<MailSender>, AwsSns),
    ) -> Self {
        Self { store, scope, signer, http, mail, aws, wake: Arc::default() }
    }

    /// Publishes to a topic. When this returns the message is durable and will be delivered to
    /// everybody who wants it, at least once, under the id that is answered.
    ///
    /// # Errors
    /// [`PublishError`] says what of it may not be, or that it could not be written.
    pub async fn publish(
        &self,
        topic_arn: &str,
        subject: Option<String>,
        message: String,
        attributes: MessageAttributes,
    ) -> Result<Uuid, PublishError> {
        self.publish_message(topic_arn, Message::new(subject, message, attributes)?).await
    }

    /// As [`publish`](Self::publish), of a message that was checked.
    ///
    /// # Errors
    /// As [`publish`](Self::publish).
    pub(crate) async fn publish_message(
        &self,
        topic_arn: &str,
        message: Message,
    ) -> Result<Uuid, PublishError> {
        let topic = parse_topic_arn(topic_arn, &self.scope)?;
        let id = Uuid::from_random(SystemEntropy::default().octets());
        self.store.publish_notices(topic, vec![(id, message)], SystemClock.now()).await?;
        self.nudge();
        Ok(id)
    }
}

impl NoticeDelivery for NoticeTopics {
    fn check(&self, protocol: Protocol, endpoint: &str) -> Result<(), String> {
        match protocol {
            Protocol::Http | Protocol::Https | Protocol::Slack | Protocol::Teams => {
                let uri = endpoint.parse().map_err(|_| format!("{endpoint:?} is no URL"))?;
                self.http.destinations().check(&uri).map_err(|refusal| refusal.to_string())
            }
            Protocol::Email | Protocol::EmailJson if self.mail.is_none() => {
                let why =
                    "no mail leaves: name a mail server under [mail] in the server's configuration";
                Err(why.to_owned())
            }
            Protocol::Sns => self.aws.check(endpoint),
            Protocol::Email | Protocol::EmailJson | Protocol::Mqtt => Ok(()),
        }
    }

    fn nudge(&self) {
        self.wake.notify_one();
    }

    fn unsubscribe_token(&self, subscription: &Uuid) -> String {
        self.signer.unsubscribe_token(subscription)
    }

    fn signing_certificate(&self, name: &str) -> Option<String> {
        self.signer.certificate(name)
    }
}
