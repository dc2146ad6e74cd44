//! Dead letters of topic rules: listing them, trying them again, forgetting them.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::Method;
use perennial_core::{access::Need, ids::RuleName};
use perennial_store::DeadLetter;
use serde::{Deserialize, Serialize};

use crate::{
    ApiError, Code,
    call::Call,
    decode::{Input, Nothing},
    described::Operation,
    page,
    wire::Seconds,
};

const ALL: &str = "/api/v1/dead-letters";
const ONE: &str = "/api/v1/dead-letters/{id}";
const REPLAY: &str = "/api/v1/dead-letters/{id}/replay";

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::iot("ListDeadLetters", (Method::GET, ALL), Need::Operate, list),
        Operation::iot("ReplayDeadLetter", (Method::PUT, REPLAY), Need::Operate, replay),
        Operation::iot("DeleteDeadLetter", (Method::DELETE, ONE), Need::Operate, delete),
    ]
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Query {
    rule_name: Option<RuleName>,
    max_results: Option<u32>,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    dead_letters: Vec<Shown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    id: i64,
    rule_name: RuleName,
    topic: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    action: &'static str,
    resource: String,
    reason: String,
    /// Base64.
    payload: String,
    died_at: Seconds,
}

impl From<(i64, DeadLetter)> for Shown {
    fn from((id, it): (i64, DeadLetter)) -> Self {
        Self {
            id,
            action: it.delivery.action(),
            resource: it.delivery.resource().to_owned(),
            payload: STANDARD.encode(&it.delivery.payload().0),
            rule_name: it.rule,
            topic: it.topic,
            client_id: it.client_id,
            reason: it.reason,
            died_at: Seconds(it.died_at),
        }
    }
}

/// The oldest first. What they carry is the fleet's own data: for those who run it.
async fn list(call: Call, input: Input<Nothing, Query>) -> Result<Listed, ApiError> {
    let Query { rule_name, max_results, next_token } = input.query;
    let list = format!("ListDeadLetters/{rule_name:?}");
    let limit = page::limit(max_results, "maxResults")?;
    let after = page::place(&list, next_token.as_deref())?;
    let found = call.store().dead_letters(rule_name, after, limit).await?;
    Ok(Listed {
        dead_letters: found.items.into_iter().map(Shown::from).collect(),
        next_token: found.next.map(|place| page::token(&list, &place)),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LetterPath {
    id: i64,
}

/// It stays a dead letter until it arrives.
async fn replay(call: Call, input: Input<LetterPath>) -> Result<Nothing, ApiError> {
    let id = input.path.id;
    let letter = call.store().dead_letter(id).await?;
    if !call.routing().replay(id, letter).await {
        let message = "As many dead letters are being tried again as may be: try later";
        return Err(ApiError::new(Code::ThrottlingException, message));
    }
    Ok(Nothing {})
}

async fn delete(call: Call, input: Input<LetterPath>) -> Result<Nothing, ApiError> {
    if call.store().forget_dead_letters(vec![input.path.id]).await? == 0 {
        let message = format!("there is no dead letter {}", input.path.id);
        return Err(ApiError::not_found(message));
    }
    Ok(Nothing {})
}
