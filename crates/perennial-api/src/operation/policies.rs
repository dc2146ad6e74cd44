//! Policies: making, showing, listing, attaching to certificates and detaching.

use http::Method;
use perennial_core::{
    access::Need,
    ids::PolicyName,
    policy::Document,
    registry::{PolicyTarget, Tags},
};
use perennial_store::{StoreError, StoredPolicy};
use serde::{Deserialize, Serialize};

use super::certificates::Marked;
use crate::{
    ApiError, Code, arn,
    call::Call,
    decode::{Input, Nothing},
    page,
    table::Operation,
    wire::Seconds,
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::iot(
            "CreatePolicy",
            (Method::POST, "/policies/{policyName}"),
            Need::Operate,
            create,
        ),
        Operation::iot("GetPolicy", (Method::GET, "/policies/{policyName}"), Need::Read, show),
        Operation::iot("ListPolicies", (Method::GET, "/policies"), Need::Read, list),
        Operation::iot(
            "AttachPolicy",
            (Method::PUT, "/target-policies/{policyName}"),
            Need::Operate,
            attach,
        ),
        Operation::iot(
            "DetachPolicy",
            (Method::POST, "/target-policies/{policyName}"),
            Need::Operate,
            detach,
        ),
    ]
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PolicyPath {
    policy_name: PolicyName,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewDocument {
    policy_document: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Created {
    policy_name: PolicyName,
    policy_arn: String,
    policy_document: String,
    policy_version_id: &'static str,
}

async fn create(
    call: Call,
    input: Input<PolicyPath, Nothing, NewDocument>,
) -> Result<Created, ApiError> {
    let name = input.path.policy_name;
    let arn = call.scope().arn("policy", name.as_str());
    let document = Document::parse(&input.body.policy_document)
        .map_err(|error| ApiError::new(Code::MalformedPolicyException, error.to_string()))?;
    let exists = || ApiError::exists(format!("Policy {name} exists already"), name.as_str(), &arn);
    match call.store().create_policy(name.clone(), &document, Tags::default(), call.now()).await {
        Ok(true) => {}
        Ok(false) | Err(StoreError::Exists { .. }) => return Err(exists()),
        Err(error) => return Err(error.into()),
    }
    Ok(Created {
        policy_arn: arn,
        policy_name: name,
        policy_document: input.body.policy_document,
        policy_version_id: "1",
    })
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
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    policies: Vec<Summary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    policy_name: PolicyName,
    policy_arn: String,
}

async fn list(call: Call, input: Input<Nothing, Marked>) -> Result<Listed, ApiError> {
    let query = input.query;
    let list = if query.is_ascending_order { "ListPolicies+" } else { "ListPolicies-" };
    let limit = page::limit(query.page_size, "pageSize")?;
    let after = page::place(list, query.marker.as_deref())?;
    let found = call.store().list_policies(query.order(), after, limit).await?;
    let summary = |policy: StoredPolicy| Summary {
        policy_arn: call.scope().arn("policy", policy.name.as_str()),
        policy_name: policy.name,
    };
    Ok(Listed {
        next_marker: found.next.map(|place| page::token(list, &place)),
        policies: found.items.into_iter().map(summary).collect(),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Target {
    target: String,
}

async fn attach(
    call: Call,
    input: Input<PolicyPath, Nothing, Target>,
) -> Result<Nothing, ApiError> {
    let id = arn::principal(&input.body.target, call.scope())?;
    let target = PolicyTarget::Certificate(id);
    let change = call.store().attach_policy(input.path.policy_name, target, call.now()).await?;
    call.all_changed(&change.certificates);
    Ok(Nothing {})
}

async fn detach(
    call: Call,
    input: Input<PolicyPath, Nothing, Target>,
) -> Result<Nothing, ApiError> {
    let id = arn::principal(&input.body.target, call.scope())?;
    let target = PolicyTarget::Certificate(id);
    let change = call.store().detach_policy(input.path.policy_name, target, call.now()).await?;
    call.all_changed(&change.certificates);
    Ok(Nothing {})
}
