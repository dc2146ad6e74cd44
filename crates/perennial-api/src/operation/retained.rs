//! Retained messages: showing one, listing them.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::Method;
use perennial_core::access::Need;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::messages::TopicPath;
use crate::{
    ApiError, Retained,
    call::Call,
    decode::{Input, Nothing},
    described::Operation,
    page,
};

/// The most items of a page, and how many there are when nothing is asked for.
const MAX_ITEMS: u32 = 200;
const USUAL_ITEMS: u32 = 25;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::iot(
            "GetRetainedMessage",
            (Method::GET, "/retainedMessage/{*topic}"),
            Need::Read,
            show,
        )
        .of_the_data_plane(),
        Operation::iot("ListRetainedMessages", (Method::GET, "/retainedMessage"), Need::Read, list)
            .of_the_data_plane(),
    ]
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    topic: String,
    payload: String,
    qos: u8,
    last_modified_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_properties: Option<String>,
}

async fn show(call: Call, input: Input<TopicPath>) -> Result<Shown, ApiError> {
    let topic = input.path.topic;
    let retained = call.data_plane().retained(&topic);
    let none = || ApiError::not_found(format!("There is no retained message of the topic {topic}"));
    let Retained { topic, payload, at_least_once, since, user_properties } =
        retained.ok_or_else(none)?;
    Ok(Shown {
        topic,
        payload: STANDARD.encode(payload),
        qos: at_least_once.into(),
        last_modified_time: since.as_millis(),
        user_properties: in_base64(&user_properties),
    })
}

fn in_base64(properties: &[(String, String)]) -> Option<String> {
    let objects: Vec<_> = properties.iter().map(|(name, value)| json!({ name: value })).collect();
    (!objects.is_empty()).then(|| STANDARD.encode(json!(objects).to_string()))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Paged {
    max_results: Option<u32>,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    retained_topics: Vec<Summary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    topic: String,
    payload_size: usize,
    qos: u8,
    last_modified_time: i64,
}

async fn list(call: Call, input: Input<Nothing, Paged>) -> Result<Listed, ApiError> {
    const LIST: &str = "ListRetainedMessages";
    let limit = input.query.max_results.unwrap_or(USUAL_ITEMS);
    if !(1..=MAX_ITEMS).contains(&limit) {
        let message = format!("maxResults: {limit} is not between 1 and {MAX_ITEMS}");
        return Err(ApiError::invalid(message));
    }
    let (limit, after) = (limit as usize, page::place(LIST, input.query.next_token.as_deref())?);
    let after: Option<String> = after;
    let mut found = call.data_plane().retained_after(after.as_deref(), limit + 1);
    let next_token = page::cut(&mut found, limit, LIST, |it| it.topic.clone());
    let summary = |it: Retained| Summary {
        topic: it.topic,
        payload_size: it.payload.len(),
        qos: it.at_least_once.into(),
        last_modified_time: it.since.as_millis(),
    };
    Ok(Listed { retained_topics: found.into_iter().map(summary).collect(), next_token })
}
