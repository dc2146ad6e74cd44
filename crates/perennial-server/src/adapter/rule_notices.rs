//! Notice topics as rules' `sns` actions use them.

use async_trait::async_trait;
use perennial_core::{notice_topic::Message, rule::action::MessageFormat};
use perennial_rules::Undelivered;

use crate::notice_topics::NoticeTopics;

#[async_trait]
impl perennial_rules::NoticeTopics for NoticeTopics {
    async fn publish(
        &self,
        topic_arn: &str,
        format: MessageFormat,
        payload: &[u8],
    ) -> Result<(), Undelivered> {
        let text = std::str::from_utf8(payload).map_err(|_| {
            let why = "a notice is text, and this payload is not UTF-8: encode(*, 'base64') makes \
                       text of it";
            Undelivered::for_good(why)
        })?;
        let none = Default::default();
        let message = match format {
            MessageFormat::Raw => Message::new(None, text.to_owned(), none),
            MessageFormat::Json => Message::structured(None, text, none),
        };
        let message = message.map_err(|error| Undelivered::for_good(error.to_string()))?;
        self.publish_message(topic_arn, message).await.map(drop).map_err(|error| {
            let (reason, may_work_later) = (error.to_string(), error.is_retryable());
            Undelivered { reason, may_work_later }
        })
    }
}
