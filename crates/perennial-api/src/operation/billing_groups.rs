//! Billing groups: making, showing, listing, changing, deleting, and which things are in one.

use http::Method;
use perennial_core::{
    access::Need,
    ids::{BillingGroupName, ResourceId, ThingName},
    registry::{BillingGroup, Resource, Tag, Tags},
};
use serde::{Deserialize, Serialize};

use super::{
    thing_group_members::{named, thing},
    things::Expected,
};
use crate::{
    ApiError,
    call::Call,
    decode::{Input, Nothing},
    described::Operation,
    page::{self, Paged},
    wire::Seconds,
};

const PATH: &str = "/billing-groups/{billingGroupName}";
const THINGS: &str = "/billing-groups/{billingGroupName}/things";
const ADD: &str = "/billing-groups/addThingToBillingGroup";
const REMOVE: &str = "/billing-groups/removeThingFromBillingGroup";

pub(super) fn operations() -> Vec<Operation> {
    let all = "/billing-groups";
    vec![
        Operation::iot("CreateBillingGroup", (Method::POST, PATH), Need::Operate, create),
        Operation::iot("DescribeBillingGroup", (Method::GET, PATH), Need::Read, describe),
        Operation::iot("ListBillingGroups", (Method::GET, all), Need::Read, list),
        Operation::iot("UpdateBillingGroup", (Method::PATCH, PATH), Need::Operate, update),
        Operation::iot("DeleteBillingGroup", (Method::DELETE, PATH), Need::Operate, delete),
        Operation::iot("AddThingToBillingGroup", (Method::PUT, ADD), Need::Operate, add),
        Operation::iot("RemoveThingFromBillingGroup", (Method::PUT, REMOVE), Need::Operate, remove),
        Operation::iot("ListThingsInBillingGroup", (Method::GET, THINGS), Need::Read, list_things),
    ]
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct GroupPath {
    billing_group_name: BillingGroupName,
}

/// AWS's `BillingGroupProperties`.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Properties {
    #[serde(skip_serializing_if = "Option::is_none")]
    billing_group_description: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct New {
    #[serde(default)]
    billing_group_properties: Properties,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Created {
    billing_group_name: BillingGroupName,
    billing_group_arn: String,
    billing_group_id: ResourceId,
}

fn arn(call: &Call, name: &BillingGroupName) -> String {
    call.scope().arn("billinggroup", name.as_str())
}

/// Making the same group again changes nothing and is no error.
async fn create(call: Call, input: Input<GroupPath, Nothing, New>) -> Result<Created, ApiError> {
    let New { billing_group_properties: asked, tags } = input.body;
    let (name, tags) = (input.path.billing_group_name, Tags::new(tags)?);
    let billing_group_arn = arn(&call, &name);
    let description = asked.billing_group_description;
    let made = call.store().create_billing_group(name, description, tags, call.now()).await;
    let made = made.map_err(|error| ApiError::not_made(error, &billing_group_arn))?;
    let BillingGroup { name: billing_group_name, group_id: billing_group_id, .. } = made;
    Ok(Created { billing_group_name, billing_group_arn, billing_group_id })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    billing_group_name: BillingGroupName,
    billing_group_id: ResourceId,
    billing_group_arn: String,
    version: u64,
    billing_group_properties: Properties,
    billing_group_metadata: Metadata,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    creation_date: Seconds,
}

async fn describe(call: Call, input: Input<GroupPath>) -> Result<Described, ApiError> {
    let found = call.store().billing_group(input.path.billing_group_name).await?;
    Ok(Described {
        billing_group_arn: arn(&call, &found.name),
        billing_group_name: found.name,
        billing_group_id: found.group_id,
        version: found.version,
        billing_group_properties: Properties { billing_group_description: found.description },
        billing_group_metadata: Metadata { creation_date: Seconds(found.created_at) },
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Query {
    max_results: Option<u32>,
    next_token: Option<String>,
    name_prefix_filter: Option<BillingGroupName>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    billing_groups: Vec<GroupNameAndArn>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GroupNameAndArn {
    group_name: BillingGroupName,
    group_arn: String,
}

async fn list(call: Call, input: Input<Nothing, Query>) -> Result<Listed, ApiError> {
    let Query { max_results, next_token, name_prefix_filter } = input.query;
    let prefix = name_prefix_filter.map(|name| name.to_string()).unwrap_or_default();
    let list = format!("ListBillingGroups/{prefix}");
    let limit = page::limit(max_results, "maxResults")?;
    let after = page::place(&list, next_token.as_deref())?;
    let found = call.store().billing_groups(prefix, after, limit).await?;
    let group =
        |it: BillingGroup| GroupNameAndArn { group_arn: arn(&call, &it.name), group_name: it.name };
    Ok(Listed {
        next_token: found.next.map(|place| page::token(&list, &place)),
        billing_groups: found.items.into_iter().map(group).collect(),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Change {
    billing_group_properties: Properties,
    expected_version: Option<u64>,
}

#[derive(Serialize)]
struct Changed {
    version: u64,
}

async fn update(call: Call, input: Input<GroupPath, Nothing, Change>) -> Result<Changed, ApiError> {
    let (name, change) = (input.path.billing_group_name, input.body);
    let description = change.billing_group_properties.billing_group_description;
    let (store, expected) = (call.store(), change.expected_version);
    let version = store.update_billing_group(name, description, expected, call.now()).await?;
    Ok(Changed { version })
}

/// A group that is not there is as good as deleted.
async fn delete(call: Call, input: Input<GroupPath, Expected>) -> Result<Nothing, ApiError> {
    let (name, expected) = (input.path.billing_group_name, input.query.expected_version);
    call.store().delete_billing_group(name, expected, call.now()).await?;
    Ok(Nothing {})
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Membership {
    billing_group_name: Option<BillingGroupName>,
    billing_group_arn: Option<String>,
    thing_name: Option<ThingName>,
    thing_arn: Option<String>,
}

impl Membership {
    fn read(self, call: &Call) -> Result<(BillingGroupName, ThingName), ApiError> {
        let of = |arn: &str| {
            let resource = Resource::parse(arn, call.scope()).map_err(ApiError::of_arn)?;
            if resource.kind() != "billinggroup" {
                return Ok(None);
            }
            let name = BillingGroupName::new(&resource.name());
            name.map(Some).map_err(|error| ApiError::invalid(error.to_string()))
        };
        let by_arn = self.billing_group_arn.as_deref().map(of).transpose()?;
        let group = named("billingGroup", self.billing_group_name, by_arn)?;
        Ok((group, thing(call, self.thing_name, self.thing_arn.as_deref())?))
    }
}

/// Policies may name a thing's billing group, so its sessions notice.
async fn add(call: Call, input: Input<Nothing, Nothing, Membership>) -> Result<Nothing, ApiError> {
    let (group, thing) = input.body.read(&call)?;
    call.store().bill_thing_to(group, thing.clone(), call.now()).await?;
    call.thing_changed(thing).await?;
    Ok(Nothing {})
}

async fn remove(
    call: Call,
    input: Input<Nothing, Nothing, Membership>,
) -> Result<Nothing, ApiError> {
    let (group, thing) = input.body.read(&call)?;
    call.store().bill_thing_no_more_to(group, thing.clone(), call.now()).await?;
    call.thing_changed(thing).await?;
    Ok(Nothing {})
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Things {
    things: Vec<ThingName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

async fn list_things(call: Call, input: Input<GroupPath, Paged>) -> Result<Things, ApiError> {
    let group = input.path.billing_group_name;
    let list = format!("ListThingsInBillingGroup/{group}");
    let limit = page::limit(input.query.max_results, "maxResults")?;
    let after = page::place(&list, input.query.next_token.as_deref())?;
    let found = call.store().things_billed_to(group, after, limit).await?;
    let next_token = found.next.map(|place| page::token(&list, &place));
    Ok(Things { things: found.items, next_token })
}
