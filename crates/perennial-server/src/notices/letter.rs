//! A letter: a message to people as targets pass it on.

use perennial_api::Links;
use perennial_core::{
    notice::{Message, Occasion},
    time::Timestamp,
};
use perennial_store::{DeliveryId, DueMessage};
use serde_json::{Value, json};

/// A message on its way.
#[derive(Debug, Clone)]
pub(crate) struct Letter {
    pub(crate) id: DeliveryId,
    pub(crate) message: Message,
    /// The link that acknowledges its notice, if there is still something to acknowledge.
    pub(crate) acknowledge: Option<String>,
}

impl Letter {
    /// The letter for what is to be delivered now.
    pub(crate) fn of(
        DueMessage { id, message }: DueMessage,
        links: &Links,
        now: Timestamp,
    ) -> Self {
        let open = message.occasion != Occasion::Closing && !message.resolved;
        let acknowledge = open.then(|| links.of(message.notice_id, now));
        Self { id, message, acknowledge }
    }

    /// The letter in words.
    pub(crate) fn text(&self) -> String {
        let text = self.message.text();
        match &self.acknowledge {
            Some(link) => format!("{text}\n\nI see to it: {link}"),
            None => text,
        }
    }

    /// The id to tell a letter by that comes twice.
    pub(crate) fn message_id(&self) -> String {
        format!("{}-{}", self.message.notice_id, self.id.0)
    }

    /// The letter as data: what docs/protocol.md describes.
    pub(crate) fn json(&self) -> Value {
        let Message { notice_id, kind, severity, occasion, recipient, .. } = &self.message;
        let seconds = |at: Timestamp| at.as_millis() as f64 / 1_000.0;
        let sample: Vec<_> = self
            .message
            .sample
            .as_slice()
            .iter()
            .map(|it| json!({ "subject": it.subject, "text": it.text, "at": seconds(it.at) }))
            .collect();
        json!({
            "messageId": self.message_id(),
            "noticeId": notice_id,
            "kind": kind,
            "severity": severity,
            "occasion": occasion,
            "recipient": recipient,
            "title": self.message.title(),
            "text": self.message.text(),
            "count": self.message.count,
            "sample": sample,
            "openedAt": seconds(self.message.opened_at),
            "lastAt": seconds(self.message.last_at),
            "endsAt": self.message.ends_at.map(seconds),
            "resolved": self.message.resolved,
            "acknowledgeUrl": self.acknowledge,
        })
    }
}
