//! Suppressions: muting a check for a resource, showing, listing, changing, deleting.

use http::Method;
use perennial_core::{
    access::Need,
    audit::{CheckName, ResourceIdentifier, Suppression},
};
use perennial_store::SuppressionPlace;
use serde::{Deserialize, Serialize};

use super::resource::Named;
use crate::{
    ApiError,
    call::Call,
    decode::{Input, Nothing},
    described::Operation,
    page::{self, Parts},
    wire::{Seconds, Word},
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::iot(
            "CreateAuditSuppression",
            (Method::POST, "/audit/suppressions/create"),
            Need::Operate,
            create,
        ),
        Operation::iot(
            "DescribeAuditSuppression",
            (Method::POST, "/audit/suppressions/describe"),
            Need::Read,
            describe,
        ),
        Operation::iot(
            "ListAuditSuppressions",
            (Method::POST, "/audit/suppressions/list"),
            Need::Read,
            list,
        ),
        Operation::iot(
            "UpdateAuditSuppression",
            (Method::PATCH, "/audit/suppressions/update"),
            Need::Operate,
            update,
        ),
        Operation::iot(
            "DeleteAuditSuppression",
            (Method::POST, "/audit/suppressions/delete"),
            Need::Operate,
            delete,
        ),
    ]
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewSuppression {
    check_name: CheckName,
    resource_identifier: Named,
    expiration_date: Option<Seconds>,
    #[serde(default)]
    suppress_indefinitely: bool,
    #[serde(default)]
    description: String,
    client_request_token: Word<64>,
}

async fn create(
    call: Call,
    input: Input<Nothing, Nothing, NewSuppression>,
) -> Result<Nothing, ApiError> {
    let (new, now) = (input.body, call.now());
    check_description(&new.description)?;
    let expiry = (new.expiration_date.map(|Seconds(at)| at), new.suppress_indefinitely);
    let Named(resource) = new.resource_identifier;
    let suppression = Suppression::new(new.check_name, resource, expiry, new.description, now)
        .map_err(|error| ApiError::invalid(error.to_string()))?;
    call.store().create_suppression(suppression, new.client_request_token.0, now).await?;
    Ok(Nothing {})
}

/// AWS's characters; the core counts them.
fn check_description(description: &str) -> Result<(), ApiError> {
    if description.chars().any(char::is_control) {
        return Err(ApiError::invalid("description: no line ends or other control characters"));
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Key {
    check_name: CheckName,
    resource_identifier: Named,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    check_name: CheckName,
    resource_identifier: ResourceIdentifier,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiration_date: Option<Seconds>,
    suppress_indefinitely: bool,
    description: String,
}

impl From<Suppression> for Shown {
    fn from(it: Suppression) -> Self {
        Self {
            check_name: it.check_name,
            resource_identifier: it.resource_identifier,
            expiration_date: it.expires_at.map(Seconds),
            suppress_indefinitely: it.expires_at.is_none(),
            description: it.description,
        }
    }
}

async fn describe(call: Call, input: Input<Nothing, Nothing, Key>) -> Result<Shown, ApiError> {
    let Key { check_name, resource_identifier: Named(resource) } = input.body;
    Ok(call.store().suppression(check_name, resource).await?.into())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Query {
    check_name: Option<CheckName>,
    resource_identifier: Option<Named>,
    ascending_order: Option<bool>,
    next_token: Option<String>,
    max_results: Option<u32>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    suppressions: Vec<Shown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

async fn list(call: Call, input: Input<Nothing, Nothing, Query>) -> Result<Listed, ApiError> {
    let query = input.body;
    let filter = (query.check_name, query.resource_identifier.map(|Named(resource)| resource));
    let ascending = query.ascending_order.unwrap_or(true);
    let list = format!("ListAuditSuppressions/{ascending}/{filter:?}");
    let limit = page::limit(query.max_results, "maxResults")?;
    let place: Option<Parts<SuppressionPlace>> = page::place(&list, query.next_token.as_deref())?;
    let after = place.map(|Parts(place)| place);
    let mut found = call.store().suppressions(filter, after, ascending, limit + 1).await?;
    let place = |last: &Suppression| Parts(SuppressionPlace::of(last));
    let next_token = page::cut(&mut found, limit, &list, place);
    Ok(Listed { suppressions: found.into_iter().map(Shown::from).collect(), next_token })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Change {
    check_name: CheckName,
    resource_identifier: Named,
    expiration_date: Option<Seconds>,
    suppress_indefinitely: Option<bool>,
    description: Option<String>,
}

async fn update(call: Call, input: Input<Nothing, Nothing, Change>) -> Result<Nothing, ApiError> {
    let (change, now) = (input.body, call.now());
    check_description(change.description.as_deref().unwrap_or_default())?;
    let until = change.expiration_date.map(|Seconds(at)| at);
    let expiry = (until.is_some() || change.suppress_indefinitely.is_some())
        .then(|| (until, change.suppress_indefinitely.unwrap_or(false)));
    let Named(resource) = change.resource_identifier;
    let (store, check) = (call.store(), change.check_name);
    store.update_suppression(check, resource, expiry, change.description, now).await?;
    Ok(Nothing {})
}

async fn delete(call: Call, input: Input<Nothing, Nothing, Key>) -> Result<Nothing, ApiError> {
    let Key { check_name, resource_identifier: Named(resource) } = input.body;
    call.store().delete_suppression(check_name, resource, call.now()).await?;
    Ok(Nothing {})
}
