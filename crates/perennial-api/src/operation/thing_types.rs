//! Thing types: making, showing, listing, describing anew, deprecating, deleting.

use std::collections::BTreeSet;

use http::Method;
use perennial_core::{
    access::Need,
    ids::{ResourceId, ThingTypeName},
    registry::{Tag, Tags, ThingType, TypeProperties},
};
use perennial_store::{Page, StoreError};
use serde::{Deserialize, Serialize};

use crate::{
    ApiError,
    call::Call,
    decode::{Input, Nothing},
    described::Operation,
    page,
    wire::Seconds,
};

const PATH: &str = "/thing-types/{thingTypeName}";
const DEPRECATE: &str = "/thing-types/{thingTypeName}/deprecate";

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::iot("CreateThingType", (Method::POST, PATH), Need::Operate, create),
        Operation::iot("DescribeThingType", (Method::GET, PATH), Need::Read, describe),
        Operation::iot("ListThingTypes", (Method::GET, "/thing-types"), Need::Read, list),
        Operation::iot("UpdateThingType", (Method::PATCH, PATH), Need::Operate, update),
        Operation::iot("DeprecateThingType", (Method::POST, DEPRECATE), Need::Operate, deprecate),
        Operation::iot("DeleteThingType", (Method::DELETE, PATH), Need::Operate, delete),
    ]
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TypePath {
    thing_type_name: ThingTypeName,
}

/// AWS's `ThingTypeProperties`, in requests and answers.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Properties {
    #[serde(skip_serializing_if = "Option::is_none")]
    thing_type_description: Option<String>,
    searchable_attributes: Option<BTreeSet<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct New {
    #[serde(default)]
    thing_type_properties: Properties,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Created {
    thing_type_name: ThingTypeName,
    thing_type_arn: String,
    thing_type_id: ResourceId,
}

/// Making the same type again changes nothing and is no error.
async fn create(call: Call, input: Input<TypePath, Nothing, New>) -> Result<Created, ApiError> {
    let New { thing_type_properties: asked, tags } = input.body;
    let properties = TypeProperties {
        description: asked.thing_type_description,
        searchable_attributes: asked.searchable_attributes.unwrap_or_default(),
    };
    let (name, tags) = (input.path.thing_type_name, Tags::new(tags)?);
    let thing_type_arn = call.scope().arn("thingtype", name.as_str());
    let made = call.store().create_thing_type(name, properties, tags, call.now()).await;
    let (made, _) = made.map_err(|error| ApiError::not_made(error, &thing_type_arn))?;
    Ok(Created { thing_type_name: made.name, thing_type_arn, thing_type_id: made.type_id })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    thing_type_id: ResourceId,
    #[serde(flatten)]
    summary: Summary,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    thing_type_name: ThingTypeName,
    thing_type_arn: String,
    thing_type_properties: Properties,
    thing_type_metadata: Metadata,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    deprecated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    deprecation_date: Option<Seconds>,
    creation_date: Seconds,
}

impl Summary {
    fn of(it: ThingType, call: &Call) -> Self {
        Self {
            thing_type_arn: call.scope().arn("thingtype", it.name.as_str()),
            thing_type_name: it.name,
            thing_type_properties: Properties {
                thing_type_description: it.properties.description,
                searchable_attributes: Some(it.properties.searchable_attributes),
            },
            thing_type_metadata: Metadata {
                deprecated: it.deprecated_at.is_some(),
                deprecation_date: it.deprecated_at.map(Seconds),
                creation_date: Seconds(it.created_at),
            },
        }
    }
}

async fn describe(call: Call, input: Input<TypePath>) -> Result<Described, ApiError> {
    let found = call.store().thing_type(input.path.thing_type_name).await?;
    Ok(Described { thing_type_id: found.type_id, summary: Summary::of(found, &call) })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Query {
    max_results: Option<u32>,
    next_token: Option<String>,
    thing_type_name: Option<ThingTypeName>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    thing_types: Vec<Summary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

async fn list(call: Call, input: Input<Nothing, Query>) -> Result<Listed, ApiError> {
    let Query { max_results, next_token, thing_type_name } = input.query;
    let list = format!("ListThingTypes/{thing_type_name:?}");
    let limit = page::limit(max_results, "maxResults")?;
    let after = page::place(&list, next_token.as_deref())?;
    let found = match thing_type_name {
        None => call.store().thing_types(after, limit).await?,
        Some(name) => only(&call, name).await?,
    };
    Ok(Listed {
        next_token: found.next.map(|place| page::token(&list, &place)),
        thing_types: found.items.into_iter().map(|it| Summary::of(it, &call)).collect(),
    })
}

/// The one type of this name, if there is one.
async fn only(
    call: &Call,
    name: ThingTypeName,
) -> Result<Page<ThingType, ThingTypeName>, ApiError> {
    match call.store().thing_type(name).await {
        Ok(found) => Ok(Page { items: vec![found], next: None }),
        Err(StoreError::NotFound { .. }) => Ok(Page { items: Vec::new(), next: None }),
        Err(error) => Err(error.into()),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Change {
    #[serde(default)]
    thing_type_properties: Properties,
}

/// Changes the description. What a type's searchable attributes are is said once, when it is made.
async fn update(call: Call, input: Input<TypePath, Nothing, Change>) -> Result<Nothing, ApiError> {
    let (name, asked) = (input.path.thing_type_name, input.body.thing_type_properties);
    let kept = call.store().thing_type(name.clone()).await?.properties.searchable_attributes;
    if asked.searchable_attributes.is_some_and(|asked| asked != kept) {
        let message = "searchableAttributes: those of a type cannot change; make another type";
        return Err(ApiError::invalid(message));
    }
    if let Some(description) = asked.thing_type_description {
        call.store().describe_thing_type_as(name, Some(description), call.now()).await?;
    }
    Ok(Nothing {})
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Undo {
    #[serde(default)]
    undo_deprecate: bool,
}

async fn deprecate(call: Call, input: Input<TypePath, Nothing, Undo>) -> Result<Nothing, ApiError> {
    let (name, deprecated) = (input.path.thing_type_name, !input.body.undo_deprecate);
    call.store().deprecate_thing_type(name, deprecated, call.now()).await?;
    Ok(Nothing {})
}

async fn delete(call: Call, input: Input<TypePath>) -> Result<Nothing, ApiError> {
    call.store().delete_thing_type(input.path.thing_type_name, call.now()).await?;
    Ok(Nothing {})
}
