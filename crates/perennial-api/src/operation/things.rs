//! Things: making, showing, listing.

use http::Method;
use perennial_core::{
    access::Need,
    ids::{ResourceId, ThingName, ThingTypeName},
    registry::{Attributes, NewThing, Thing},
};
use perennial_store::ThingFilter;
use serde::{Deserialize, Serialize};

use crate::{
    ApiError,
    call::Call,
    decode::{Input, Nothing},
    page,
    table::Operation,
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::iot("CreateThing", (Method::POST, "/things/{thingName}"), Need::Operate, create),
        Operation::iot("DescribeThing", (Method::GET, "/things/{thingName}"), Need::Read, describe),
        Operation::iot("ListThings", (Method::GET, "/things"), Need::Read, list),
    ]
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ThingPath {
    pub(super) thing_name: ThingName,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Created {
    thing_name: ThingName,
    thing_arn: String,
    thing_id: ResourceId,
}

/// Making the same thing again changes nothing and is no error.
async fn create(call: Call, input: Input<ThingPath>) -> Result<Created, ApiError> {
    let name = input.path.thing_name;
    let (thing, _) = call.store().create_thing(NewThing::named(name), call.now()).await?;
    Ok(Created {
        thing_arn: call.scope().arn("thing", thing.name.as_str()),
        thing_name: thing.name,
        thing_id: thing.thing_id,
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    default_client_id: ThingName,
    thing_name: ThingName,
    thing_id: ResourceId,
    thing_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    thing_type_name: Option<ThingTypeName>,
    attributes: Attributes,
    version: u64,
}

async fn describe(call: Call, input: Input<ThingPath>) -> Result<Described, ApiError> {
    let thing = call.store().describe_thing(input.path.thing_name).await?;
    Ok(Described {
        default_client_id: thing.name.clone(),
        thing_arn: call.scope().arn("thing", thing.name.as_str()),
        thing_name: thing.name,
        thing_id: thing.thing_id,
        thing_type_name: thing.type_name,
        attributes: thing.attributes,
        version: thing.version,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Paged {
    pub(super) max_results: Option<u32>,
    pub(super) next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    things: Vec<Summary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    thing_name: ThingName,
    thing_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    thing_type_name: Option<ThingTypeName>,
    attributes: Attributes,
    version: u64,
}

async fn list(call: Call, input: Input<Nothing, Paged>) -> Result<Listed, ApiError> {
    let limit = page::limit(input.query.max_results, "maxResults")?;
    let after = page::place("ListThings", input.query.next_token.as_deref())?;
    let found = call.store().list_things(ThingFilter::default(), after, limit).await?;
    let summary = |thing: Thing| Summary {
        thing_arn: call.scope().arn("thing", thing.name.as_str()),
        thing_name: thing.name,
        thing_type_name: thing.type_name,
        attributes: thing.attributes,
        version: thing.version,
    };
    Ok(Listed {
        next_token: found.next.map(|place| page::token("ListThings", &place)),
        things: found.items.into_iter().map(summary).collect(),
    })
}
