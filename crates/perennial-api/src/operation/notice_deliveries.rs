//! Deliveries of notices: what became of a message, and what was given up.

use http::Method;
use perennial_core::{
    access::Need,
    notice_topic::{Protocol, Uuid, topic_arn},
    policy::Scope,
};
use perennial_store::{DeliveryState, EndedDelivery, Page};
use serde::{Deserialize, Serialize};

use crate::{
    ApiError,
    call::Call,
    decode::{Input, Nothing},
    described::Operation,
    page::{self, Paged},
    wire::Seconds,
};

pub(super) fn operations() -> Vec<Operation> {
    let (dead, replay) =
        ("/api/v1/notice-deliveries/dead", "/api/v1/notice-deliveries/{deliveryNumber}/replay");
    let of_message = "/api/v1/notice-messages/{messageId}/deliveries";
    vec![
        Operation::iot("ListDeadNoticeDeliveries", (Method::GET, dead), Need::Read, list_dead),
        Operation::iot("ReplayNoticeDelivery", (Method::PUT, replay), Need::Operate, self::replay),
        Operation::iot("ListNoticeDeliveries", (Method::GET, of_message), Need::Read, list),
    ]
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    deliveries: Vec<Shown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    delivery_number: i64,
    message_id: String,
    subscription_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    topic_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol: Option<Protocol>,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<String>,
    state: &'static str,
    at: Seconds,
    tries: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    said: Option<String>,
}

impl Shown {
    fn of(it: EndedDelivery, scope: &Scope) -> Self {
        let (protocol, endpoint) = it.place.unzip();
        Self {
            delivery_number: it.number,
            message_id: it.message_id.to_string(),
            subscription_id: it.subscription.to_string(),
            topic_arn: it.topic.map(|name| topic_arn(scope, &name)),
            protocol,
            endpoint,
            state: match it.state {
                DeliveryState::Waiting => "WAITING",
                DeliveryState::Delivered => "DELIVERED",
                DeliveryState::Dead => "DEAD",
            },
            at: Seconds(it.at),
            tries: it.tries,
            said: it.said,
        }
    }
}

fn listed(call: &Call, list: &str, found: Page<EndedDelivery, i64>) -> Listed {
    Listed {
        deliveries: found.items.into_iter().map(|it| Shown::of(it, call.scope())).collect(),
        next_token: found.next.map(|place| page::token(list, &place)),
    }
}

async fn list_dead(call: Call, input: Input<Nothing, Paged>) -> Result<Listed, ApiError> {
    let (list, limit) =
        ("ListDeadNoticeDeliveries", page::limit(input.query.max_results, "maxResults")?);
    let after = page::place(list, input.query.next_token.as_deref())?;
    let found = call.store().dead_deliveries(after, limit).await?;
    Ok(listed(&call, list, found))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MessagePath {
    message_id: String,
}

async fn list(call: Call, input: Input<MessagePath, Paged>) -> Result<Listed, ApiError> {
    let bad = |error: &dyn std::fmt::Display| ApiError::invalid(format!("messageId: {error}"));
    let id: Uuid = input.path.message_id.parse().map_err(|error| bad(&error))?;
    let list = format!("ListNoticeDeliveries/{id}");
    let limit = page::limit(input.query.max_results, "maxResults")?;
    let after = page::place(&list, input.query.next_token.as_deref())?;
    let found = call.store().deliveries_of(id, after, limit).await?;
    Ok(listed(&call, &list, found))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DeliveryPath {
    delivery_number: i64,
}

async fn replay(call: Call, input: Input<DeliveryPath>) -> Result<Nothing, ApiError> {
    call.store().replay_delivery(input.path.delivery_number, call.now()).await?;
    call.notices().nudge();
    Ok(Nothing {})
}
