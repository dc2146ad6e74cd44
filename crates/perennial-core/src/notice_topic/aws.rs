//! Topics at AWS: their ARNs, where they are published to, and the form that publishes.

use std::str::FromStr;

use super::{Message, TopicName};

/// A topic at AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsTopic {
    arn: String,
    partition: String,
    region: String,
    account: String,
}

/// A text that names no topic at AWS.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AwsTopicError {
    /// Not an ARN of one.
    #[error("{0:?} is no topic's ARN at AWS: arn:aws:sns:REGION:ACCOUNT:NAME is expected")]
    Arn(String),
    /// A FIFO topic.
    #[error("{0:?} is a FIFO topic, which nothing is published to from here: use a standard one")]
    Fifo(String),
}

impl AwsTopic {
    /// Its ARN.
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// The region that requests are signed for.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Whether it is of this account and region.
    pub fn is_of(&self, account: &str, region: &str) -> bool {
        (self.account.as_str(), self.region.as_str()) == (account, region)
    }

    /// Where AWS takes what is published to it.
    pub fn endpoint(&self) -> String {
        let below = if self.partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
        format!("https://sns.{}.{below}", self.region)
    }

    /// The form that publishes `message`, in SNS's query protocol.
    pub fn publish_form(&self, message: &Message) -> Vec<(String, String)> {
        let structured = message.structure();
        let mut form = vec![
            ("Action".to_owned(), "Publish".to_owned()),
            ("Version".to_owned(), "2010-03-31".to_owned()),
            ("TopicArn".to_owned(), self.arn.clone()),
        ];
        form.extend(message.subject().map(|it| ("Subject".to_owned(), it.to_owned())));
        if structured.is_some() {
            form.push(("MessageStructure".to_owned(), "json".to_owned()));
        }
        let text = structured.unwrap_or_else(|| message.text().to_owned());
        form.push(("Message".to_owned(), text));
        for (number, (name, it)) in (1..).zip(message.attributes()) {
            let entry = format!("MessageAttributes.entry.{number}");
            let value = if it.is_binary() { "BinaryValue" } else { "StringValue" };
            form.push((format!("{entry}.Name"), name.clone()));
            form.push((format!("{entry}.Value.DataType"), it.data_type.clone()));
            form.push((format!("{entry}.Value.{value}"), it.value.clone()));
        }
        form
    }
}

impl FromStr for AwsTopic {
    type Err = AwsTopicError;
    fn from_str(arn: &str) -> Result<Self, AwsTopicError> {
        let shown = || arn.chars().take(300).collect();
        let parts: Vec<&str> = arn.split(':').collect();
        let ["arn", partition, "sns", region, account, name] = parts.as_slice() else {
            return Err(AwsTopicError::Arn(shown()));
        };
        if name.ends_with(".fifo") {
            return Err(AwsTopicError::Fifo(shown()));
        }
        let is_plain = |text: &str| {
            let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
            (1..=32).contains(&text.len()) && text.bytes().all(plain)
        };
        let is_account = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
        if !is_plain(partition) || !is_plain(region) || !is_account || TopicName::new(name).is_err()
        {
            return Err(AwsTopicError::Arn(shown()));
        }
        let (partition, region) = ((*partition).to_owned(), (*region).to_owned());
        Ok(Self { arn: arn.to_owned(), partition, region, account: (*account).to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notice_topic::MessageAttribute;

    const ARN: &str = "arn:aws:sns:eu-central-1:123456789012:fleet";

    #[test]
    fn a_topic_leads_to_its_regions_endpoint_and_to_no_other_host() {
        let endpoint = |arn: &str| arn.parse::<AwsTopic>().map(|it| it.endpoint());

        assert_eq!(endpoint(ARN).unwrap(), "https://sns.eu-central-1.amazonaws.com");
        let china = "arn:aws-cn:sns:cn-north-1:123456789012:fleet";
        assert_eq!(endpoint(china).unwrap(), "https://sns.cn-north-1.amazonaws.com.cn");
        for bad in [
            "arn:aws:sns:evil.example/:123456789012:fleet",
            "arn:aws:sns::123456789012:fleet",
            "arn:aws:sqs:eu-central-1:123456789012:fleet",
            "arn:aws:sns:eu-central-1:1234:fleet",
            "arn:aws:sns:eu-central-1:123456789012:fleet:1",
            "fleet",
        ] {
            assert!(matches!(endpoint(bad), Err(AwsTopicError::Arn(_))), "{bad}");
        }
        assert!(matches!(endpoint(&format!("{ARN}.fifo")), Err(AwsTopicError::Fifo(_))));
    }

    #[test]
    fn the_form_has_what_each_protocol_gets_and_typed_values() {
        let binary = MessageAttribute { data_type: "Binary".to_owned(), value: "AQI=".to_owned() };
        let attributes =
            [("kind".to_owned(), MessageAttribute::text("disk_low")), ("raw".to_owned(), binary)];
        let json = r#"{"default": "words", "sqs": "{}"}"#;
        let message =
            Message::structured(Some("Pump 7".to_owned()), json, attributes.into()).unwrap();

        let form = ARN.parse::<AwsTopic>().unwrap().publish_form(&message);

        let member = |name: &str| form.iter().find(|(it, _)| it == name).map(|(_, it)| it.as_str());
        assert_eq!(member("TopicArn"), Some(ARN));
        assert_eq!((member("Subject"), member("MessageStructure")), (Some("Pump 7"), Some("json")));
        let texts: serde_json::Value = serde_json::from_str(member("Message").unwrap()).unwrap();
        assert_eq!(texts, serde_json::json!({ "default": "words", "sqs": "{}" }));
        assert_eq!(member("MessageAttributes.entry.1.Value.StringValue"), Some("disk_low"));
        assert_eq!(member("MessageAttributes.entry.2.Value.BinaryValue"), Some("AQI="));
    }

    #[test]
    fn a_message_that_is_the_same_for_everybody_is_not_structured() {
        let message = Message::new(None, "away".to_owned(), [].into()).unwrap();

        let form = ARN.parse::<AwsTopic>().unwrap().publish_form(&message);

        assert!(form.contains(&("Message".to_owned(), "away".to_owned())), "{form:?}");
        assert!(form.iter().all(|(name, _)| name != "MessageStructure" && name != "Subject"));
    }
}
