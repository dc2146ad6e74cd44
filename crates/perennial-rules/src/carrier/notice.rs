//! Publishing to a notice topic.

use async_trait::async_trait;
use perennial_core::rule::action::MessageFormat;

use super::Undelivered;

/// Whoever keeps notice topics and brings what is published to those who subscribed.
#[async_trait]
pub trait NoticeTopics: Send + Sync {
    /// Publishes; when this returns well, the message is durable.
    ///
    /// # Errors
    /// [`Undelivered`], for good when there is no such topic or it cannot be its message.
    async fn publish(
        &self,
        topic_arn: &str,
        format: MessageFormat,
        payload: &[u8],
    ) -> Result<(), Undelivered>;
}
