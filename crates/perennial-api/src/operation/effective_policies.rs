//! The policies in force for a principal, a thing, or both.

use http::Method;
use perennial_core::{
    access::Need,
    ids::{PolicyName, ThingName},
    registry::PolicyTarget,
};
use perennial_store::StoredPolicy;
use serde::{Deserialize, Serialize};

use crate::{
    ApiError,
    call::Call,
    decode::{Input, Nothing},
    described::Operation,
};

pub(super) fn operations() -> Vec<Operation> {
    let place = (Method::POST, "/effective-policies");
    vec![Operation::iot("GetEffectivePolicies", place, Need::Read, list)]
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Query {
    thing_name: Option<ThingName>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Asked {
    principal: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    effective_policies: Vec<Effective>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Effective {
    policy_name: PolicyName,
    policy_arn: String,
    policy_document: String,
}

async fn list(call: Call, input: Input<Nothing, Query, Asked>) -> Result<Listed, ApiError> {
    let (principal, thing) = (input.body.principal, input.query.thing_name);
    if principal.is_none() && thing.is_none() {
        return Err(ApiError::invalid("principal or thingName must be given"));
    }
    let parse = |arn: String| PolicyTarget::parse(&arn, call.scope());
    let principal = principal.map(parse).transpose()?;
    let found = call.store().effective_policies(principal, thing).await?;
    let effective = |it: StoredPolicy| Effective {
        policy_arn: call.scope().arn("policy", it.name.as_str()),
        policy_name: it.name,
        policy_document: it.document,
    };
    Ok(Listed { effective_policies: found.into_iter().map(effective).collect() })
}
