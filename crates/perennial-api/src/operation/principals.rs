//! Principals: which certificates are attached to which things.

use http::Method;
use perennial_core::{
    access::Need,
    ids::{CertificateId, ThingName},
    registry::PrincipalType,
};
use serde::{Deserialize, Serialize};

use super::things::ThingPath;
use crate::{
    ApiError, arn,
    call::Call,
    decode::{Input, Nothing},
    described::Operation,
    page::{self, Paged},
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
        Operation::iot(
            "ListThingPrincipalsV2",
            (Method::GET, "/things/{thingName}/principals-v2"),
            Need::Read,
            list_principal_objects,
        ),
        Operation::iot(
            "ListPrincipalThingsV2",
            (Method::GET, "/principals/things-v2"),
            Need::Read,
            list_thing_objects,
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

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OfKind {
    max_results: Option<u32>,
    next_token: Option<String>,
    thing_principal_type: Option<PrincipalType>,
}

impl From<Paged> for OfKind {
    fn from(Paged { max_results, next_token }: Paged) -> Self {
        Self { max_results, next_token, thing_principal_type: None }
    }
}

type Found<T> = (Vec<(T, PrincipalType)>, Option<String>);

/// A thing's certificates, and the token for what comes after.
async fn principals_of(
    call: &Call,
    thing: ThingName,
    query: OfKind,
) -> Result<Found<String>, ApiError> {
    let only = query.thing_principal_type;
    let list = format!("ListThingPrincipals/{thing}/{only:?}");
    let limit = page::limit(query.max_results, "maxResults")?;
    let after = page::place(&list, query.next_token.as_deref())?;
    let found = call.store().principals_of(thing, only, after, limit).await?;
    let arn = |(id, kind)| (arn::certificate(&id, call.scope()), kind);
    let next = found.next.map(|place| page::token(&list, &place));
    Ok((found.items.into_iter().map(arn).collect(), next))
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
    let found = principals_of(&call, input.path.thing_name, input.query.into()).await?;
    let (principals, next_token) = found;
    Ok(Principals { principals: principals.into_iter().map(|(arn, _)| arn).collect(), next_token })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PrincipalObjects {
    thing_principal_objects: Vec<PrincipalObject>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PrincipalObject {
    principal: String,
    thing_principal_type: PrincipalType,
}

async fn list_principal_objects(
    call: Call,
    input: Input<ThingPath, OfKind>,
) -> Result<PrincipalObjects, ApiError> {
    let (found, next_token) = principals_of(&call, input.path.thing_name, input.query).await?;
    let object =
        |(principal, thing_principal_type)| PrincipalObject { principal, thing_principal_type };
    let thing_principal_objects = found.into_iter().map(object).collect();
    Ok(PrincipalObjects { thing_principal_objects, next_token })
}

/// A certificate's things, and the token for what comes after.
async fn things_of(
    call: &Call,
    id: CertificateId,
    query: OfKind,
) -> Result<Found<ThingName>, ApiError> {
    let only = query.thing_principal_type;
    let list = format!("ListPrincipalThings/{id}/{only:?}");
    let limit = page::limit(query.max_results, "maxResults")?;
    let after = page::place(&list, query.next_token.as_deref())?;
    let found = call.store().things_of_principal(id, only, after, limit).await?;
    Ok((found.items, found.next.map(|place| page::token(&list, &place))))
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
    let (found, next_token) = things_of(&call, id, input.query.into()).await?;
    Ok(Things { things: found.into_iter().map(|(thing, _)| thing).collect(), next_token })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ThingObjects {
    principal_thing_objects: Vec<ThingObject>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ThingObject {
    thing_name: ThingName,
    thing_principal_type: PrincipalType,
}

async fn list_thing_objects(
    call: Call,
    input: Input<Nothing, OfKind>,
) -> Result<ThingObjects, ApiError> {
    let id = arn::principal(input.header(PRINCIPAL)?, call.scope())?;
    let (found, next_token) = things_of(&call, id, input.query).await?;
    let object =
        |(thing_name, thing_principal_type)| ThingObject { thing_name, thing_principal_type };
    Ok(ThingObjects {
        principal_thing_objects: found.into_iter().map(object).collect(),
        next_token,
    })
}
