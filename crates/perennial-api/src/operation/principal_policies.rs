//! Policies of certificates by AWS IoT's older verbs, which name what they are about in headers.

use http::Method;
use perennial_core::{access::Need, ids::PolicyName, registry::PolicyTarget};
use perennial_store::Order;
use serde::Serialize;

use super::{
    certificates::Marked,
    policies::{Listed, PolicyNameAndArn, PolicyPath},
    policy_targets::{attach_to, detach_from},
};
use crate::{
    ApiError, arn,
    call::Call,
    decode::{Input, Nothing},
    described::Operation,
    page,
};

const PATH: &str = "/principal-policies/{policyName}";
const PRINCIPAL: &str = "x-amzn-iot-principal";
const POLICY: &str = "x-amzn-iot-policy";

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::iot("AttachPrincipalPolicy", (Method::PUT, PATH), Need::Operate, attach),
        Operation::iot("DetachPrincipalPolicy", (Method::DELETE, PATH), Need::Operate, detach),
        Operation::iot(
            "ListPrincipalPolicies",
            (Method::GET, "/principal-policies"),
            Need::Read,
            list_policies,
        ),
        Operation::iot(
            "ListPolicyPrincipals",
            (Method::GET, "/policy-principals"),
            Need::Read,
            list_principals,
        ),
    ]
}

async fn attach(call: Call, input: Input<PolicyPath>) -> Result<Nothing, ApiError> {
    let id = arn::principal(input.header(PRINCIPAL)?, call.scope())?;
    attach_to(&call, input.path.policy_name, PolicyTarget::Certificate(id)).await
}

async fn detach(call: Call, input: Input<PolicyPath>) -> Result<Nothing, ApiError> {
    let id = arn::principal(input.header(PRINCIPAL)?, call.scope())?;
    detach_from(&call, input.path.policy_name, PolicyTarget::Certificate(id)).await
}

/// There are at most ten: a page is cut from all of them.
async fn list_policies(call: Call, input: Input<Nothing, Marked>) -> Result<Listed, ApiError> {
    let id = arn::principal(input.header(PRINCIPAL)?, call.scope())?;
    let order = input.query.order();
    let list = format!("ListPrincipalPolicies/{id}/{order:?}");
    let limit = page::limit(input.query.page_size, "pageSize")?;
    let after: Option<PolicyName> = page::place(&list, input.query.marker.as_deref())?;
    let mut names = call.store().attached_policies(PolicyTarget::Certificate(id), false).await?;
    if order == Order::Descending {
        names.reverse();
    }
    if let Some(after) = after {
        names.retain(|name| if order == Order::Ascending { *name > after } else { *name < after });
    }
    let next_marker = page::cut(&mut names, limit, &list, Clone::clone);
    let policies = names.into_iter().map(|name| PolicyNameAndArn::of(name, &call)).collect();
    Ok(Listed { policies, next_marker })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Principals {
    principals: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

async fn list_principals(
    call: Call,
    input: Input<Nothing, Marked>,
) -> Result<Principals, ApiError> {
    let name = PolicyName::new(input.header(POLICY)?);
    let name = name.map_err(|error| ApiError::invalid(format!("{POLICY}: {error}")))?;
    let order = input.query.order();
    let list = format!("ListPolicyPrincipals/{name}/{order:?}");
    let limit = page::limit(input.query.page_size, "pageSize")?;
    let after = page::place(&list, input.query.marker.as_deref())?;
    let found = call.store().principals_with(name, order, after, limit).await?;
    Ok(Principals {
        principals: found.items.iter().map(|id| arn::certificate(id, call.scope())).collect(),
        next_marker: found.next.map(|place| page::token(&list, &place)),
    })
}
