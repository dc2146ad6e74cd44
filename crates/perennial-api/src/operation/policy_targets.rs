//! What policies are attached to: certificates and thing groups, from both sides.

use http::Method;
use perennial_core::{
    access::Need,
    ids::PolicyName,
    registry::{PolicyRefused, PolicyTarget},
};
use perennial_store::{PolicyChange, Shared, TargetPlace};
use serde::{Deserialize, Serialize};

use super::policies::{Listed, PolicyNameAndArn, PolicyPath};
use crate::{
    ApiError,
    call::Call,
    decode::{Input, Nothing},
    described::Operation,
    page::{self, Parts},
};

const TARGETS: &str = "/target-policies/{policyName}";

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::iot("AttachPolicy", (Method::PUT, TARGETS), Need::Operate, attach),
        Operation::iot("DetachPolicy", (Method::POST, TARGETS), Need::Operate, detach),
        Operation::iot(
            "ListTargetsForPolicy",
            (Method::POST, "/policy-targets/{policyName}"),
            Need::Read,
            list_targets,
        ),
        Operation::iot(
            "ListAttachedPolicies",
            (Method::POST, "/attached-policies/{target}"),
            Need::Read,
            list_policies,
        ),
    ]
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Target {
    target: String,
}

impl Target {
    fn read(&self, call: &Call) -> Result<PolicyTarget, PolicyRefused> {
        PolicyTarget::parse(&self.target, call.scope())
    }
}

/// Attaches; whose rights that concerns notices at once.
pub(super) async fn attach_to(
    call: &Call,
    policy: PolicyName,
    target: PolicyTarget,
) -> Result<Nothing, ApiError> {
    let change = call.store().attach_policy(policy, target, call.now()).await?;
    Ok(tell(call, change).await)
}

/// Detaches, likewise.
pub(super) async fn detach_from(
    call: &Call,
    policy: PolicyName,
    target: PolicyTarget,
) -> Result<Nothing, ApiError> {
    let change = call.store().detach_policy(policy, target, call.now()).await?;
    Ok(tell(call, change).await)
}

async fn tell(call: &Call, change: PolicyChange) -> Nothing {
    call.all_changed(&change.certificates);
    if let Some(group) = change.group {
        call.shared_changed(Shared::Group(group)).await;
    }
    Nothing {}
}

async fn attach(
    call: Call,
    input: Input<PolicyPath, Nothing, Target>,
) -> Result<Nothing, ApiError> {
    attach_to(&call, input.path.policy_name, input.body.read(&call)?).await
}

async fn detach(
    call: Call,
    input: Input<PolicyPath, Nothing, Target>,
) -> Result<Nothing, ApiError> {
    detach_from(&call, input.path.policy_name, input.body.read(&call)?).await
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Query {
    page_size: Option<u32>,
    marker: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Targets {
    targets: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

async fn list_targets(call: Call, input: Input<PolicyPath, Query>) -> Result<Targets, ApiError> {
    let name = input.path.policy_name;
    let list = format!("ListTargetsForPolicy/{name}");
    let limit = page::limit(input.query.page_size, "pageSize")?;
    let after = page::place::<Parts<TargetPlace>>(&list, input.query.marker.as_deref())?;
    let found = call.store().targets_of(name, after.map(|Parts(place)| place), limit).await?;
    Ok(Targets {
        targets: found.items.iter().map(|target| target.arn(call.scope())).collect(),
        next_marker: found.next.map(|place| page::token(&list, &Parts(place))),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Recursive {
    #[serde(default)]
    recursive: bool,
    page_size: Option<u32>,
    marker: Option<String>,
}

/// There are at most ten of each group: a page is cut from all of them.
async fn list_policies(call: Call, input: Input<Target, Recursive>) -> Result<Listed, ApiError> {
    let Recursive { recursive, page_size, marker } = input.query;
    let target = input.path.read(&call)?;
    let list = format!("ListAttachedPolicies/{target:?}/{recursive}");
    let limit = page::limit(page_size, "pageSize")?;
    let after: Option<PolicyName> = page::place(&list, marker.as_deref())?;
    let mut names = call.store().attached_policies(target, recursive).await?;
    names.retain(|name| after.as_ref().is_none_or(|after| name > after));
    let next_marker = page::cut(&mut names, limit, &list, Clone::clone);
    let policies = names.into_iter().map(|name| PolicyNameAndArn::of(name, &call)).collect();
    Ok(Listed { policies, next_marker })
}
