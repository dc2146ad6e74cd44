//! Principals: which certificates are attached to which things.

use http::Method;
use perennial_core::{access::Need, ids::ThingName, registry::PrincipalType};
use serde::{Deserialize, Serialize};

use super::things::{Paged, ThingPath};
use crate::{
    ApiError, arn,
    call::Call,
    decode::{Input, Nothing},
    page,
    table::Operation,
};

/// The header that names a principal.
const PRINCIPAL: &str = "x-amzn-principal";

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::iot(
            "AttachThingPrincipal",
            (Method::PUT, "/things/{thingName}/principals"),
            Need::Operate,
            attach,
        ),
        Operation::iot(
            "DetachThingPrincipal",
            (Method::DELETE, "/things/{thingName}/principals"),
            Need::Operate,
            detach,
        ),
        Operation::iot(
            "ListThingPrincipals",
            (Method::GET, "/things/{thingName}/principals"),
            Need::Read,
            list_principals,
        ),
        Operation::iot(
            "ListPrincipalThings",
            (Method::GET, "/principals/things"),
            Need::Read,
            list_things,
        ),
    ]
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Kind {
    #[serde(default)]
    thing_principal_type: PrincipalType,
}

async fn attach(call: Call, input: Input<ThingPath, Kind>) -> Result<Nothing, ApiError> {
    let id = arn::principal(input.header(PRINCIPAL)?, call.scope())?;
    let (thing, how) = (input.path.thing_name, input.query.thing_principal_type);
    call.store().attach_principal(thing, id, how, call.now()).await?;
    call.changed(id);
    Ok(Nothing {})
}

async fn detach(call: Call, input: Input<ThingPath>) -> Result<Nothing, ApiError> {
    let id = arn::principal(input.header(PRINCIPAL)?, call.scope())?;
    call.store().detach_principal(input.path.thing_name, id, call.now()).await?;
    call.changed(id);
    Ok(Nothing {})
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Principals {
    principals: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

async fn list_principals(
    call: Call,
    input: Input<ThingPath, Paged>,
) -> Result<Principals, ApiError> {
    let thing = input.path.thing_name;
    let list = format!("ListThingPrincipals/{thing}");
    let limit = page::limit(input.query.max_results, "maxResults")?;
    let after = page::place(&list, input.query.next_token.as_deref())?;
    let found = call.store().principals_of(thing, None, after, limit).await?;
    Ok(Principals {
        principals: found.items.iter().map(|(id, _)| arn::certificate(id, call.scope())).collect(),
        next_token: found.next.map(|place| page::token(&list, &place)),
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Things {
    things: Vec<ThingName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

async fn list_things(call: Call, input: Input<Nothing, Paged>) -> Result<Things, ApiError> {
    let id = arn::principal(input.header(PRINCIPAL)?, call.scope())?;
    let list = format!("ListPrincipalThings/{id}");
    let limit = page::limit(input.query.max_results, "maxResults")?;
    let after = page::place(&list, input.query.next_token.as_deref())?;
    let found = call.store().things_of_principal(id, None, after, limit).await?;
    Ok(Things {
        things: found.items.into_iter().map(|(thing, _)| thing).collect(),
        next_token: found.next.map(|place| page::token(&list, &place)),
    })
}
