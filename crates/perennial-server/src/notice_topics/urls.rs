//! URLs in messages: where subscribers confirm, unsubscribe, and find the key to signatures.

use perennial_core::{
    notice_topic::{TopicName, Uuid, subscription_arn, topic_arn},
    policy::Scope,
};

use crate::client::segment;

/// URLs of this server, as others reach it.
#[derive(Debug, Clone)]
pub(crate) struct Urls {
    base: String,
    scope: Scope,
}

impl Urls {
    /// URLs below `base`, which has no slash at its end.
    pub(crate) fn new(base: &str, scope: Scope) -> Self {
        Self { base: base.trim_end_matches('/').to_owned(), scope }
    }

    pub(super) fn topic_arn(&self, topic: &TopicName) -> String {
        topic_arn(&self.scope, topic)
    }

    pub(super) fn subscription_arn(&self, topic: &TopicName, id: &Uuid) -> String {
        subscription_arn(&self.scope, topic, id)
    }

    pub(super) fn subscribe(&self, topic: &TopicName, token: &str) -> String {
        let topic = segment(&self.topic_arn(topic));
        format!(
            "{}/?Action=ConfirmSubscription&TopicArn={topic}&Token={}",
            self.base,
            segment(&token)
        )
    }

    pub(super) fn unsubscribe(&self, topic: &TopicName, id: &Uuid, token: &str) -> String {
        let arn = segment(&self.subscription_arn(topic, id));
        format!("{}/?Action=Unsubscribe&SubscriptionArn={arn}&Token={}", self.base, segment(&token))
    }

    pub(super) fn certificate(&self, name: &str) -> String {
        format!("{}/sns/{name}", self.base)
    }
}
