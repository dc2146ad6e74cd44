//! Notices: listing, showing one with what was sent of it, acknowledging.

use http::Method;
use perennial_core::{access::Need, ids::NoticeId, notice::Kind};
use perennial_store::{Dated, NoticeFilter, Order};
use serde::{Deserialize, Deserializer, Serialize, de};

use super::shown_notice::{Shown, WithDeliveries};
use crate::{
    ApiError,
    call::Call,
    decode::{Input, Nothing},
    described::Operation,
    page,
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::iot("ListNotices", (Method::GET, "/api/v1/notices"), Need::Read, list),
        Operation::iot("DescribeNotice", (Method::GET, ONE), Need::Read, describe),
        Operation::iot(
            "AcknowledgeNotice",
            (Method::PUT, "/api/v1/notices/{noticeId}/acknowledge"),
            Need::Operate,
            acknowledge,
        ),
    ]
}

const ONE: &str = "/api/v1/notices/{noticeId}";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Query {
    #[serde(default)]
    open: bool,
    kind: Option<KindName>,
    #[serde(default)]
    is_ascending_order: bool,
    max_results: Option<u32>,
    next_token: Option<String>,
}

/// The name of a kind.
struct KindName(Kind);

impl<'de> Deserialize<'de> for KindName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let found = Kind::ALL.into_iter().find(|kind| kind.name() == text);
        found.map(Self).ok_or_else(|| {
            let names = Kind::ALL.map(Kind::name).join(", ");
            de::Error::custom(format!("{text:?} is no kind of notice: use {names}"))
        })
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    notices: Vec<Shown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

async fn list(call: Call, input: Input<Nothing, Query>) -> Result<Listed, ApiError> {
    let Query { open, kind, is_ascending_order, max_results, next_token } = input.query;
    let order = if is_ascending_order { Order::Ascending } else { Order::Descending };
    let filter = NoticeFilter { open, kind: kind.map(|KindName(kind)| kind) };
    let list = format!("ListNotices/{filter:?}/{order:?}");
    let limit = page::limit(max_results, "maxResults")?;
    let after: Option<Dated<NoticeId>> = page::place(&list, next_token.as_deref())?;
    let found = call.store().list_notices(filter, order, after, limit).await?;
    Ok(Listed {
        notices: found.items.into_iter().map(Shown::from).collect(),
        next_token: found.next.map(|place| page::token(&list, &place)),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NoticePath {
    notice_id: NoticeId,
}

async fn describe(call: Call, input: Input<NoticePath>) -> Result<WithDeliveries, ApiError> {
    Ok(call.store().stored_notice(input.path.notice_id).await?.into())
}

/// By whom is what the signature says. One that somebody sees to already stays theirs.
async fn acknowledge(call: Call, input: Input<NoticePath>) -> Result<Shown, ApiError> {
    let by = call.caller().map_or("somebody".to_owned(), |key| format!("access key {key}"));
    let id = input.path.notice_id;
    Ok(call.store().acknowledge_notice(id, by, call.now()).await?.into())
}
