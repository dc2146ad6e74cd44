//! Publishing over HTTPS, with MQTT 5's properties in header and query string.

use std::num::NonZeroU32;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::Method;
use perennial_core::access::Need;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    ApiError, Code, Message, NotPublished, Publisher,
    call::Call,
    decode::{Input, Nothing, Raw},
    described::Operation,
};

const USER_PROPERTIES: &str = "x-amz-mqtt5-user-properties";
const PAYLOAD_FORMAT: &str = "x-amz-mqtt5-payload-format-indicator";
const CORRELATION_DATA: &str = "x-amz-mqtt5-correlation-data";

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::iot("Publish", (Method::POST, "/topics/{*topic}"), Need::Operate, publish)
            .of_the_data_plane(),
    ]
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct TopicPath {
    pub(crate) topic: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct How {
    #[serde(default)]
    qos: u16,
    #[serde(default)]
    retain: bool,
    content_type: Option<String>,
    response_topic: Option<String>,
    message_expiry: Option<u64>,
}

/// A request to publish, whoever makes it.
pub(crate) type Publishing = Input<TopicPath, How, Raw>;

async fn publish(call: Call, input: Publishing) -> Result<Nothing, ApiError> {
    call.data_plane().publish(Publisher::Operator, message(input)?)?;
    Ok(Nothing {})
}

/// The message that a request carries.
pub(crate) fn message(input: Publishing) -> Result<Message, ApiError> {
    if input.query.qos > 1 {
        return Err(ApiError::invalid(format!("qos: {} is neither 0 nor 1", input.query.qos)));
    }
    let user_properties = input.optional_header(USER_PROPERTIES)?.map(user_properties);
    let correlation_data = input.optional_header(CORRELATION_DATA)?.map(|text| {
        STANDARD.decode(text).map_err(|_| not(CORRELATION_DATA, "base64")).map(Bytes::from)
    });
    let is_utf8 = match input.optional_header(PAYLOAD_FORMAT)? {
        Some("UTF8_DATA") => true,
        Some("UNSPECIFIED_BYTES") | None => false,
        Some(_) => return Err(not(PAYLOAD_FORMAT, "UTF8_DATA or UNSPECIFIED_BYTES")),
    };
    Ok(Message {
        user_properties: user_properties.transpose()?.unwrap_or_default(),
        is_utf8,
        correlation_data: correlation_data.transpose()?,
        expiry: input.query.message_expiry.map(expiry).transpose()?,
        topic: input.path.topic,
        payload: input.body.0,
        at_least_once: input.query.qos == 1,
        retain: input.query.retain,
        content_type: input.query.content_type,
        response_topic: input.query.response_topic,
    })
}

fn expiry(secs: u64) -> Result<NonZeroU32, ApiError> {
    let secs = u32::try_from(secs).ok().and_then(NonZeroU32::new);
    secs.ok_or_else(|| ApiError::invalid("messageExpiry: 1 to 4294967295 seconds are expected"))
}

fn not(member: &str, wanted: &str) -> ApiError {
    ApiError::invalid(format!("The header {member} is not {wanted}"))
}

/// `[{"name": "value"}, …]` in base64, as AWS's SDKs send it, or that text once more as JSON, as
/// they send what they are given as a text.
fn user_properties(header: &str) -> Result<Vec<(String, String)>, ApiError> {
    let malformed = || not(USER_PROPERTIES, "base64 of [{\"name\": \"value\"}, …]");
    let octets = STANDARD.decode(header).map_err(|_| malformed())?;
    let mut value: Value = serde_json::from_slice(&octets).map_err(|_| malformed())?;
    if let Value::String(text) = &value {
        value = serde_json::from_str(text).map_err(|_| malformed())?;
    }
    let objects: Vec<Map<String, Value>> =
        serde_json::from_value(value).map_err(|_| malformed())?;
    let pairs = objects.into_iter().flatten().map(|(name, value)| match value {
        Value::String(value) => Ok((name, value)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Err(malformed())
        }
    });
    pairs.collect()
}

impl From<NotPublished> for ApiError {
    fn from(why: NotPublished) -> Self {
        let code = match &why {
            NotPublished::Invalid(_) => Code::InvalidRequestException,
            NotPublished::Forbidden => Code::ForbiddenException,
            NotPublished::NoRoom(_) => Code::ThrottlingException,
            NotPublished::Unavailable(_) => Code::ServiceUnavailableException,
        };
        Self::new(code, why.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_properties_come_as_json_or_as_its_text() {
        let pairs = [("a".to_owned(), "1".to_owned()), ("a".to_owned(), "2".to_owned())];
        let json = r#"[{"a": "1"}, {"a": "2"}]"#;
        let text = serde_json::to_string(json).unwrap();

        for sent in [json, &text] {
            assert_eq!(user_properties(&STANDARD.encode(sent)), Ok(pairs.to_vec()));
        }
        for sent in ["", "{}", "[1]", r#"[{"a": 1}]"#, r#""x""#] {
            assert!(user_properties(&STANDARD.encode(sent)).is_err(), "{sent}");
        }
        assert!(user_properties("[]").is_err());
    }
}
