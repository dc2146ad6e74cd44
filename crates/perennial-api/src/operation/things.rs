//! Things: making, showing, changing, deleting.

use http::Method;
use perennial_core::{
    access::Need,
    ids::{BillingGroupName, ResourceId, ThingName, ThingTypeName},
    registry::{Attributes, NewThing, ThingUpdate, TypeChange},
};
use serde::{Deserialize, Serialize};

use super::attribute_payload::AttributePayload;
use crate::{
    ApiError,
    call::Call,
    decode::{Input, Nothing},
    described::Operation,
};

const PATH: &str = "/things/{thingName}";

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::iot("CreateThing", (Method::POST, PATH), Need::Operate, create),
        Operation::iot("DescribeThing", (Method::GET, PATH), Need::Read, describe),
        Operation::iot("UpdateThing", (Method::PATCH, PATH), Need::Operate, update),
        Operation::iot("DeleteThing", (Method::DELETE, PATH), Need::Operate, delete),
    ]
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ThingPath {
    pub(super) thing_name: ThingName,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct New {
    thing_type_name: Option<ThingTypeName>,
    attribute_payload: Option<AttributePayload>,
    billing_group_name: Option<BillingGroupName>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Created {
    thing_name: ThingName,
    thing_arn: String,
    thing_id: ResourceId,
}

/// Making the same thing again changes nothing and is no error.
async fn create(call: Call, input: Input<ThingPath, Nothing, New>) -> Result<Created, ApiError> {
    let New { thing_type_name: type_name, attribute_payload, billing_group_name } = input.body;
    let name = input.path.thing_name;
    let thing_arn = call.scope().arn("thing", name.as_str());
    let attributes = AttributePayload::first(attribute_payload)?;
    let new = NewThing { name, type_name, attributes };
    let made = call.store().create_thing_billed_to(new, billing_group_name, call.now());
    let (thing, _) = made.await.map_err(|error| ApiError::not_made(error, &thing_arn))?;
    Ok(Created { thing_name: thing.name, thing_arn, thing_id: thing.thing_id })
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
    #[serde(skip_serializing_if = "Option::is_none")]
    billing_group_name: Option<BillingGroupName>,
}

async fn describe(call: Call, input: Input<ThingPath>) -> Result<Described, ApiError> {
    let billing_group_name = call.store().billing_group_of(input.path.thing_name.clone()).await?;
    let thing = call.store().describe_thing(input.path.thing_name).await?;
    Ok(Described {
        default_client_id: thing.name.clone(),
        thing_arn: call.scope().arn("thing", thing.name.as_str()),
        thing_name: thing.name,
        thing_id: thing.thing_id,
        thing_type_name: thing.type_name,
        attributes: thing.attributes,
        version: thing.version,
        billing_group_name,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Change {
    thing_type_name: Option<ThingTypeName>,
    attribute_payload: Option<AttributePayload>,
    expected_version: Option<u64>,
    #[serde(default)]
    remove_thing_type: bool,
}

async fn update(call: Call, input: Input<ThingPath, Nothing, Change>) -> Result<Nothing, ApiError> {
    let (name, change) = (input.path.thing_name, input.body);
    let type_name = match (change.thing_type_name, change.remove_thing_type) {
        (None, false) => TypeChange::Keep,
        (None, true) => TypeChange::Remove,
        (Some(type_name), false) => TypeChange::Set(type_name),
        (Some(_), true) => {
            return Err(ApiError::invalid("removeThingType and thingTypeName exclude each other"));
        }
    };
    let attributes = change.attribute_payload.and_then(AttributePayload::change);
    let update = ThingUpdate { type_name, attributes, expected_version: change.expected_version };
    call.store().update_thing(name.clone(), update, call.now()).await?;
    call.thing_changed(name).await?;
    Ok(Nothing {})
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Expected {
    pub(super) expected_version: Option<u64>,
}

/// A thing that is not there is as good as deleted. No session is for one that can be deleted: no
/// certificate is attached to it.
async fn delete(call: Call, input: Input<ThingPath, Expected>) -> Result<Nothing, ApiError> {
    let expected = input.query.expected_version;
    call.store().delete_thing(input.path.thing_name, expected, call.now()).await?;
    Ok(Nothing {})
}
