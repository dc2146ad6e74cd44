//! SearchIndex: things by AWS's fleet indexing queries.

use http::Method;
use perennial_core::{
    access::Need,
    ids::{ResourceId, ThingGroupName, ThingName, ThingTypeName},
    registry::Attributes,
    search::{Connectivity, Query},
};
use perennial_store::FoundThing;
use serde::{Deserialize, Serialize};

use super::indexing::check_index;
use crate::{
    ApiError, Code,
    call::Call,
    decode::{Input, Nothing},
    described::Operation,
    page,
};

/// The only version of the language.
const VERSION: &str = "2017-09-30";

pub(super) fn operations() -> Vec<Operation> {
    vec![Operation::iot("SearchIndex", (Method::POST, "/indices/search"), Need::Read, search)]
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Search {
    index_name: Option<String>,
    query_string: String,
    next_token: Option<String>,
    max_results: Option<u32>,
    query_version: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Searched {
    things: Vec<Document>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    thing_name: ThingName,
    thing_id: ResourceId,
    #[serde(skip_serializing_if = "Option::is_none")]
    thing_type_name: Option<ThingTypeName>,
    thing_group_names: Vec<ThingGroupName>,
    attributes: Attributes,
    connectivity: Connection,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Connection {
    connected: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disconnect_reason: Option<String>,
}

async fn search(call: Call, input: Input<Nothing, Nothing, Search>) -> Result<Searched, ApiError> {
    let Search { index_name, query_string, next_token, max_results, query_version } = input.body;
    if let Some(name) = index_name {
        check_index(&name)?;
    }
    if let Some(other) = query_version.filter(|version| version != VERSION) {
        let message = format!("queryVersion: there is {VERSION}, and no version {other:?}");
        return Err(ApiError::invalid(message));
    }
    let query: Result<Query, _> = query_string.parse();
    let query = query.map_err(|error| {
        ApiError::new(Code::InvalidQueryException, format!("queryString: {error}"))
    })?;
    let list = format!("SearchIndex {query}");
    let limit = page::limit(max_results, "maxResults")?;
    let after = page::place(&list, next_token.as_deref())?;
    let found = call.store().search_things(query, after, limit).await?;
    Ok(Searched {
        things: found.items.into_iter().map(Document::from).collect(),
        next_token: found.next.map(|place| page::token(&list, &place)),
    })
}

impl From<FoundThing> for Document {
    fn from(FoundThing { thing, groups, connectivity }: FoundThing) -> Self {
        Self {
            thing_name: thing.name,
            thing_id: thing.thing_id,
            thing_type_name: thing.type_name,
            thing_group_names: groups,
            attributes: thing.attributes,
            connectivity: connectivity.into(),
        }
    }
}

impl From<Connectivity> for Connection {
    fn from(it: Connectivity) -> Self {
        Self {
            connected: it.connected,
            timestamp: it.since.map(|at| at.as_millis()),
            disconnect_reason: it.disconnect_reason,
        }
    }
}
