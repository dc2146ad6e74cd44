//! Messages: what is published, within SNS's limits, and what each protocol gets of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{AttributeError, MessageAttribute, MessageAttributes, Protocol};

/// The most bytes of a message with its attributes.
pub const MAX_MESSAGE: usize = 256 * 1024;
/// The longest subject, in characters.
const MAX_SUBJECT: usize = 100;

/// A message that keeps to the limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// What mails are headed.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    /// What there is to say.
    text: String,
    /// What there is to say to those whom a protocol reaches.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    by_protocol: BTreeMap<String, String>,
    /// Typed values beside it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    attributes: MessageAttributes,
}

/// A message that may not be: InvalidParameter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// Nothing to say.
    #[error("the message is empty")]
    Empty,
    /// Too much.
    #[error(
        "the message has {0} bytes with its attributes, more than the {MAX_MESSAGE} there may be"
    )]
    TooLong(usize),
    /// Not a subject.
    #[error(
        "the subject {0:?}: use 1 to 100 printable ASCII characters, the first of them no space"
    )]
    Subject(String),
    /// `MessageStructure` is `json`, and the message is no JSON object of texts with a `default`.
    #[error(
        "with MessageStructure json a message is a JSON object of strings with \"default\" among them: {0}"
    )]
    Structure(String),
    /// An attribute.
    #[error(transparent)]
    Attribute(#[from] AttributeError),
}

impl Message {
    /// Checks a message that is the same for everybody.
    ///
    /// # Errors
    /// [`MessageError`] says what of it may not be.
    pub fn new(
        subject: Option<String>,
        text: String,
        attributes: MessageAttributes,
    ) -> Result<Self, MessageError> {
        Self { subject, text, by_protocol: BTreeMap::new(), attributes }.checked()
    }

    /// Checks a message whose text is a JSON object with a member for each protocol, and `default`.
    ///
    /// # Errors
    /// [`MessageError`] says what of it may not be.
    pub fn structured(
        subject: Option<String>,
        json: &str,
        attributes: MessageAttributes,
    ) -> Result<Self, MessageError> {
        let bad = |why: String| MessageError::Structure(why);
        let members: BTreeMap<String, Value> =
            serde_json::from_str(json).map_err(|error| bad(error.to_string()))?;
        // As SNS has it, a member that is no string is nobody's.
        let strings = members.into_iter().filter_map(|(name, value)| match value {
            Value::String(text) => Some((name, text)),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_) => None,
        });
        let mut by_protocol: BTreeMap<String, String> = strings.collect();
        let text =
            by_protocol.remove("default").ok_or_else(|| bad("there is no default".to_owned()))?;
        Self { subject, text, by_protocol, attributes }.checked()
    }

    fn checked(self) -> Result<Self, MessageError> {
        if self.text.is_empty() {
            return Err(MessageError::Empty);
        }
        let len = self.len();
        if len > MAX_MESSAGE {
            return Err(MessageError::TooLong(len));
        }
        if let Some(subject) = self.subject.as_ref().filter(|subject| !is_subject(subject)) {
            return Err(MessageError::Subject(subject.chars().take(MAX_SUBJECT).collect()));
        }
        self.attributes
            .iter()
            .try_for_each(|(name, it): (&String, &MessageAttribute)| it.check(name))?;
        Ok(self)
    }

    /// Its bytes, attributes included.
    pub fn len(&self) -> usize {
        let texts = self.by_protocol.iter().map(|(name, text)| name.len() + text.len());
        let attributes = self
            .attributes
            .iter()
            .map(|(name, it)| name.len() + it.data_type.len() + it.value.len());
        self.text.len() + texts.sum::<usize>() + attributes.sum::<usize>()
    }

    /// Whether there is nothing to say, which no message that was checked has.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// What mails are headed.
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// What there is to say to everybody.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What there is to say to those whom `protocol` reaches.
    pub fn text_for(&self, protocol: Protocol) -> &str {
        self.by_protocol.get(protocol.as_str()).unwrap_or(&self.text)
    }

    /// What each protocol gets, as SNS takes it with MessageStructure `json`; nothing when all get
    /// the same.
    pub fn structure(&self) -> Option<String> {
        if self.by_protocol.is_empty() {
            return None;
        }
        let default = ("default", self.text.as_str());
        let others = self.by_protocol.iter().map(|(name, text)| (name.as_str(), text.as_str()));
        let all: BTreeMap<&str, &str> = others.chain([default]).collect();
        serde_json::to_string(&all).ok()
    }

    /// Typed values beside it.
    pub fn attributes(&self) -> &MessageAttributes {
        &self.attributes
    }
}

fn is_subject(subject: &str) -> bool {
    let printable = subject.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
    (1..=MAX_SUBJECT).contains(&subject.len()) && printable && !subject.starts_with(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(subject: &str, text: &str) -> Result<Message, MessageError> {
        Message::new(Some(subject.to_owned()), text.to_owned(), MessageAttributes::new())
    }

    #[test]
    fn a_message_keeps_to_the_limits() {
        let long = "x".repeat(MAX_MESSAGE);

        assert!(message("Pump 7 is away", &long).is_ok());
        assert_eq!(message("s", ""), Err(MessageError::Empty));
        assert_eq!(message("s", &format!("{long}x")), Err(MessageError::TooLong(MAX_MESSAGE + 1)));
        for bad in ["", " s", "a\r\nBcc: b@example.com", "caf\u{e9}", &"s".repeat(101)] {
            assert!(matches!(message(bad, "x"), Err(MessageError::Subject(_))), "{bad:?}");
        }
    }

    #[test]
    fn each_protocol_gets_its_own_text() {
        let json = r#"{"default": "all", "email": "mail", "sqs": "queue", "https": 5}"#;

        let message = Message::structured(None, json, MessageAttributes::new()).unwrap();

        assert_eq!(message.text_for(Protocol::Email), "mail");
        assert_eq!(message.text_for(Protocol::Https), "all");
        for bad in ["", "[]", r#"{"email": "x"}"#, r#"{"default": 1}"#] {
            let read = Message::structured(None, bad, MessageAttributes::new());
            assert!(matches!(read, Err(MessageError::Structure(_))), "{bad}");
        }
    }
}
