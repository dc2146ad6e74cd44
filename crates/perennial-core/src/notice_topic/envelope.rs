//! SNS's envelope: the JSON that endpoints get, and the text that its signature is of.

use serde::Serialize;

use super::MessageAttributes;
use crate::{calendar, time::Timestamp};

/// The signature's version: RSA PKCS#1 v1.5 over SHA-256. (Version 1 is over SHA-1, which is
/// forgeable.)
pub const SIGNATURE_VERSION: &str = "2";

/// What an envelope carries.
#[derive(Debug, Clone)]
pub enum Envelope<'a> {
    /// A message.
    Notification(Notification<'a>),
    /// The question whether messages are wanted.
    SubscriptionConfirmation(Confirmation<'a>),
}

/// A message on its way to a subscriber.
#[derive(Debug, Clone)]
pub struct Notification<'a> {
    /// Its id, the same for every subscriber and every try.
    pub message_id: String,
    /// Its topic.
    pub topic_arn: String,
    /// What mails are headed.
    pub subject: Option<&'a str>,
    /// What there is to say.
    pub message: &'a str,
    /// When it was published.
    pub at: Timestamp,
    /// Where a GET ends the subscription.
    pub unsubscribe_url: String,
    /// Typed values beside it.
    pub attributes: &'a MessageAttributes,
}

/// The question whether messages are wanted.
#[derive(Debug, Clone)]
pub struct Confirmation<'a> {
    /// Its id.
    pub message_id: String,
    /// The topic that was subscribed to.
    pub topic_arn: String,
    /// What confirms.
    pub token: &'a str,
    /// When it was asked.
    pub at: Timestamp,
    /// Where a GET confirms.
    pub subscribe_url: String,
}

/// A signature, and where the key to it is.
#[derive(Debug, Clone)]
pub struct Signed {
    /// Base64.
    pub signature: String,
    /// Where its certificate is.
    pub signing_cert_url: String,
}

impl Envelope<'_> {
    /// `Notification` or `SubscriptionConfirmation`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Notification(_) => "Notification",
            Self::SubscriptionConfirmation(_) => "SubscriptionConfirmation",
        }
    }

    /// Its message's id.
    pub fn message_id(&self) -> &str {
        match self {
            Self::Notification(it) => &it.message_id,
            Self::SubscriptionConfirmation(it) => &it.message_id,
        }
    }

    /// Its topic.
    pub fn topic_arn(&self) -> &str {
        match self {
            Self::Notification(it) => &it.topic_arn,
            Self::SubscriptionConfirmation(it) => &it.topic_arn,
        }
    }

    /// The text that is signed: some members by name, each and its value on a line.
    pub fn to_sign(&self) -> String {
        let pairs = match self {
            Self::Notification(it) => vec![
                ("Message", it.message.to_owned()),
                ("MessageId", it.message_id.clone()),
                ("Subject", it.subject.unwrap_or_default().to_owned()),
                ("Timestamp", calendar::iso(it.at)),
                ("TopicArn", it.topic_arn.clone()),
                ("Type", self.kind().to_owned()),
            ],
            Self::SubscriptionConfirmation(it) => vec![
                ("Message", it.question()),
                ("MessageId", it.message_id.clone()),
                ("SubscribeURL", it.subscribe_url.clone()),
                ("Timestamp", calendar::iso(it.at)),
                ("Token", it.token.to_owned()),
                ("TopicArn", it.topic_arn.clone()),
                ("Type", self.kind().to_owned()),
            ],
        };
        let told =
            pairs.into_iter().filter(|(name, value)| *name != "Subject" || !value.is_empty());
        told.map(|(name, value)| format!("{name}\n{value}\n")).collect()
    }

    /// The JSON.
    pub fn json(&self, signed: Signed) -> String {
        let Signed { signature, signing_cert_url } = signed;
        let mut body = Body {
            kind: self.kind(),
            message_id: self.message_id(),
            token: None,
            topic_arn: self.topic_arn(),
            subject: None,
            message: String::new(),
            subscribe_url: None,
            timestamp: String::new(),
            signature_version: SIGNATURE_VERSION,
            signature,
            signing_cert_url,
            unsubscribe_url: None,
            attributes: None,
        };
        match self {
            Self::Notification(it) => {
                body.subject = it.subject;
                body.message = it.message.to_owned();
                body.timestamp = calendar::iso(it.at);
                body.unsubscribe_url = Some(&it.unsubscribe_url);
                body.attributes = Some(it.attributes).filter(|them| !them.is_empty());
            }
            Self::SubscriptionConfirmation(it) => {
                body.token = Some(it.token);
                body.message = it.question();
                body.timestamp = calendar::iso(it.at);
                body.subscribe_url = Some(&it.subscribe_url);
            }
        }
        // Texts under names that are texts: there is nothing that could not be written.
        serde_json::to_string_pretty(&body).unwrap_or_default()
    }
}

impl Confirmation<'_> {
    /// The question in words.
    pub fn question(&self) -> String {
        format!(
            "You were subscribed to the topic {}. If you want its messages, visit the SubscribeURL of \
             this message; if you do not, do nothing.",
            self.topic_arn
        )
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Body<'a> {
    #[serde(rename = "Type")]
    kind: &'static str,
    message_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
    topic_arn: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    message: String,
    #[serde(rename = "SubscribeURL", skip_serializing_if = "Option::is_none")]
    subscribe_url: Option<&'a str>,
    timestamp: String,
    signature_version: &'static str,
    signature: String,
    #[serde(rename = "SigningCertURL")]
    signing_cert_url: String,
    #[serde(rename = "UnsubscribeURL", skip_serializing_if = "Option::is_none")]
    unsubscribe_url: Option<&'a str>,
    #[serde(rename = "MessageAttributes", skip_serializing_if = "Option::is_none")]
    attributes: Option<&'a MessageAttributes>,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::notice_topic::MessageAttribute;

    fn signed() -> Signed {
        Signed { signature: "c2ln".to_owned(), signing_cert_url: "https://s/cert.pem".to_owned() }
    }

    #[test]
    fn a_notification_has_snss_members_and_signs_some_of_them() {
        let attributes = [("store".to_owned(), MessageAttribute::text("north"))].into();
        let envelope = Envelope::Notification(Notification {
            message_id: "m-1".to_owned(),
            topic_arn: "arn:t".to_owned(),
            subject: Some("Away"),
            message: "pump\n7",
            at: Timestamp::from_millis(1_335_920_046_655),
            unsubscribe_url: "https://s/?u".to_owned(),
            attributes: &attributes,
        });

        let (text, json) = (envelope.to_sign(), envelope.json(signed()));

        assert_eq!(
            text,
            "Message\npump\n7\nMessageId\nm-1\nSubject\nAway\nTimestamp\n2012-05-02T00:54:06.655Z\n\
             TopicArn\narn:t\nType\nNotification\n"
        );
        let told: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(
            told,
            json!({
                "Type": "Notification", "MessageId": "m-1", "TopicArn": "arn:t", "Subject": "Away",
                "Message": "pump\n7", "Timestamp": "2012-05-02T00:54:06.655Z", "SignatureVersion": "2",
                "Signature": "c2ln", "SigningCertURL": "https://s/cert.pem",
                "UnsubscribeURL": "https://s/?u",
                "MessageAttributes": {"store": {"Type": "String", "Value": "north"}},
            })
        );
    }

    #[test]
    fn a_confirmation_signs_its_token_and_url() {
        let confirmation = Confirmation {
            message_id: "m-2".to_owned(),
            topic_arn: "arn:t".to_owned(),
            token: "tok",
            at: Timestamp::from_millis(1_335_920_046_655),
            subscribe_url: "https://s/?c".to_owned(),
        };
        let question = confirmation.question();
        let envelope = Envelope::SubscriptionConfirmation(confirmation);

        let (text, json) = (envelope.to_sign(), envelope.json(signed()));

        assert_eq!(
            text,
            format!(
                "Message\n{question}\nMessageId\nm-2\nSubscribeURL\nhttps://s/?c\nTimestamp\n\
                 2012-05-02T00:54:06.655Z\nToken\ntok\nTopicArn\narn:t\nType\nSubscriptionConfirmation\n"
            )
        );
        let told: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(
            (&told["Token"], &told["SubscribeURL"]),
            (&json!("tok"), &json!("https://s/?c"))
        );
        assert_eq!((told.get("Subject"), told.get("UnsubscribeURL")), (None, None));
    }
}
