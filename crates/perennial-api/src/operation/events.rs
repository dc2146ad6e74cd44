//! The event log: listing, and checking its chain.

use http::Method;
use perennial_core::{access::Need, ids::Digest};
use perennial_store::{ChainLink, Event, EventFilter, Order};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    ApiError,
    call::Call,
    decode::{Input, Nothing},
    described::Operation,
    page::{self, Parts},
    wire::Seconds,
};

/// How many records one request checks.
const CHECKED_AT_ONCE: usize = 50_000;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::iot("ListEvents", (Method::GET, "/api/v1/events"), Need::Audit, list),
        Operation::iot(
            "VerifyEvents",
            (Method::GET, "/api/v1/events/verification"),
            Need::Audit,
            verify,
        ),
    ]
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Query {
    #[serde(default)]
    after_sequence: u64,
    #[serde(default)]
    is_ascending_order: bool,
    max_results: Option<u32>,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    events: Vec<Shown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    sequence: i64,
    at: Seconds,
    kind: String,
    body: Value,
    hash: Digest,
}

impl From<Event> for Shown {
    fn from(it: Event) -> Self {
        let Event { seq, at, kind, body, hash } = it;
        Self { sequence: seq, at: Seconds(at), kind, body, hash }
    }
}

async fn list(call: Call, input: Input<Nothing, Query>) -> Result<Listed, ApiError> {
    let Query { after_sequence, is_ascending_order, max_results, next_token } = input.query;
    let order = if is_ascending_order { Order::Ascending } else { Order::Descending };
    let list = format!("ListEvents/{after_sequence}/{order:?}");
    let limit = page::limit(max_results, "maxResults")?;
    let after = page::place(&list, next_token.as_deref())?;
    let filter = EventFilter { above: i64::try_from(after_sequence).unwrap_or(i64::MAX) };
    let found = call.store().list_events(filter, order, after, limit).await?;
    Ok(Listed {
        events: found.items.into_iter().map(Shown::from).collect(),
        next_token: found.next.map(|place| page::token(&list, &place)),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Token {
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Verified {
    intact: bool,
    /// The last record that is bound to all before it.
    last_sequence: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_hash: Option<Digest>,
    /// The first record that is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    broken_sequence: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

/// Checks a piece of the log; the token says where the next one begins.
async fn verify(call: Call, input: Input<Nothing, Token>) -> Result<Verified, ApiError> {
    let list = "VerifyEvents";
    let from: Option<Parts<ChainLink>> = page::place(list, input.query.next_token.as_deref())?;
    let from = from.map_or(ChainLink::START, |Parts(link)| link);
    let verified = match call.store().verify_events_after(from, CHECKED_AT_ONCE).await? {
        Err(broken) => Verified {
            intact: false,
            last_sequence: broken.seq - 1,
            last_hash: None,
            broken_sequence: Some(broken.seq),
            next_token: None,
        },
        Ok(link) => Verified {
            intact: true,
            last_sequence: link.seq,
            last_hash: Some(link.hash),
            broken_sequence: None,
            next_token: (link != from).then(|| page::token(list, &Parts(link))),
        },
    };
    Ok(verified)
}
