//! Policies: making, showing, listing, deleting.

use http::Method;
use perennial_core::{
    access::Need,
    ids::{PolicyName, ResourceId},
    policy::Document,
    registry::{Tag, Tags},
};
use perennial_store::StoreError;
use serde::{Deserialize, Serialize};

use super::certificates::Marked;
use crate::{
    ApiError, Code,
    call::Call,
    decode::{Input, Nothing},
    described::Operation,
    page,
    wire::Seconds,
};

const PATH: &str = "/policies/{policyName}";

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::iot("CreatePolicy", (Method::POST, PATH), Need::Operate, create),
        Operation::iot("GetPolicy", (Method::GET, PATH), Need::Read, show),
        Operation::iot("ListPolicies", (Method::GET, "/policies"), Need::Read, list),
        Operation::iot("DeletePolicy", (Method::DELETE, PATH), Need::Operate, delete),
    ]
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PolicyPath {
    pub(super) policy_name: PolicyName,
}

/// A policy as lists name it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PolicyNameAndArn {
    policy_name: PolicyName,
    policy_arn: String,
}

impl PolicyNameAndArn {
    pub(super) fn of(policy_name: PolicyName, call: &Call) -> Self {
        Self { policy_arn: call.scope().arn("policy", policy_name.as_str()), policy_name }
    }
}

/// The document that a request brings.
///
/// # Errors
/// `MalformedPolicyException` says what is wrong and where.
pub(super) fn document(text: &str) -> Result<Document, ApiError> {
    let malformed = |error| ApiError::new(Code::MalformedPolicyException, format!("{error}"));
    Document::parse(text).map_err(malformed)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct New {
    policy_document: String,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Created {
    policy_name: PolicyName,
    policy_arn: String,
    policy_document: String,
    policy_version_id: &'static str,
}

/// Unlike things, a policy is not made twice, not even the same one.
async fn create(call: Call, input: Input<PolicyPath, Nothing, New>) -> Result<Created, ApiError> {
    let New { policy_document, tags } = input.body;
    let (name, tags) = (input.path.policy_name, Tags::new(tags)?);
    let arn = call.scope().arn("policy", name.as_str());
    let document = document(&policy_document)?;
    let exists = || ApiError::exists(format!("Policy {name} exists already"), name.as_str(), &arn);
    match call.store().create_policy(name.clone(), &document, tags, call.now()).await {
        Ok(true) => {}
        Ok(false) | Err(StoreError::Exists { .. }) => return Err(exists()),
        Err(error) => return Err(error.into()),
    }
    Ok(Created { policy_arn: arn, policy_name: name, policy_document, policy_version_id: "1" })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    policy_name: PolicyName,
    policy_arn: String,
    policy_document: String,
    default_version_id: String,
    creation_date: Seconds,
    last_modified_date: Seconds,
    generation_id: ResourceId,
}

async fn show(call: Call, input: Input<PolicyPath>) -> Result<Shown, ApiError> {
    let stored = call.store().policy(input.path.policy_name).await?;
    Ok(Shown {
        policy_arn: call.scope().arn("policy", stored.name.as_str()),
        policy_name: stored.name,
        policy_document: stored.document,
        default_version_id: stored.default_version.to_string(),
        creation_date: Seconds(stored.created_at),
        last_modified_date: Seconds(stored.modified_at),
        generation_id: stored.generation_id,
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Listed {
    pub(super) policies: Vec<PolicyNameAndArn>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_marker: Option<String>,
}

async fn list(call: Call, input: Input<Nothing, Marked>) -> Result<Listed, ApiError> {
    let query = input.query;
    let list = if query.is_ascending_order { "ListPolicies+" } else { "ListPolicies-" };
    let limit = page::limit(query.page_size, "pageSize")?;
    let after = page::place(list, query.marker.as_deref())?;
    let found = call.store().list_policies(query.order(), after, limit).await?;
    let policy = |it: perennial_store::StoredPolicy| PolicyNameAndArn::of(it.name, &call);
    Ok(Listed {
        next_marker: found.next.map(|place| page::token(list, &place)),
        policies: found.items.into_iter().map(policy).collect(),
    })
}

/// One that can be deleted is attached to nothing, so no session has to notice.
async fn delete(call: Call, input: Input<PolicyPath>) -> Result<Nothing, ApiError> {
    call.store().delete_policy(input.path.policy_name, call.now()).await?;
    Ok(Nothing {})
}
