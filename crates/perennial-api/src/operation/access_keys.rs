//! Access keys of this server, which AWS has in another service: making, listing, revoking.

use http::Method;
use perennial_core::{
    access::{Need, Role},
    ids::AccessKeyId,
};
use perennial_store::AccessKey;
use serde::{Deserialize, Serialize};

use crate::{
    ApiError, KeyRing,
    call::Call,
    decode::{Input, Nothing},
    described::Operation,
    page::{self, Paged},
    wire::Seconds,
};

/// The longest description, in characters.
const MAX_DESCRIPTION: usize = 256;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::iot(
            "CreateAccessKey",
            (Method::POST, "/api/v1/access-keys"),
            Need::Administer,
            create,
        ),
        Operation::iot(
            "ListAccessKeys",
            (Method::GET, "/api/v1/access-keys"),
            Need::Administer,
            list,
        ),
        Operation::iot(
            "RevokeAccessKey",
            (Method::DELETE, "/api/v1/access-keys/{accessKeyId}"),
            Need::Administer,
            revoke,
        ),
    ]
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewAccessKey {
    role: Role,
    #[serde(default)]
    description: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Created {
    #[serde(flatten)]
    key: Shown,
    secret_access_key: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    access_key_id: AccessKeyId,
    role: Role,
    description: String,
    creation_date: Seconds,
    #[serde(skip_serializing_if = "Option::is_none")]
    revocation_date: Option<Seconds>,
}

impl From<AccessKey> for Shown {
    fn from(key: AccessKey) -> Self {
        Self {
            access_key_id: key.access_key_id,
            role: key.role,
            description: key.description,
            creation_date: Seconds(key.created_at),
            revocation_date: key.revoked_at.map(Seconds),
        }
    }
}

/// The secret is answered once and never shown again.
async fn create(
    call: Call,
    input: Input<Nothing, Nothing, NewAccessKey>,
) -> Result<Created, ApiError> {
    let NewAccessKey { role, description } = input.body;
    if description.chars().count() > MAX_DESCRIPTION {
        let text = format!("description: at most {MAX_DESCRIPTION} characters are kept");
        return Err(ApiError::invalid(text));
    }
    let new = KeyRing::draw(role, description, call.now())?;
    call.keys().add(&new, call.store(), call.now()).await?;
    Ok(Created { key: new.key.into(), secret_access_key: new.secret.0 })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    access_keys: Vec<Shown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

async fn list(call: Call, input: Input<Nothing, Paged>) -> Result<Listed, ApiError> {
    let limit = page::limit(input.query.max_results, "maxResults")?;
    let after = page::place("ListAccessKeys", input.query.next_token.as_deref())?;
    let found = call.store().access_keys(after, limit).await?;
    Ok(Listed {
        next_token: found.next.map(|place| page::token("ListAccessKeys", &place)),
        access_keys: found.items.into_iter().map(Shown::from).collect(),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct KeyPath {
    access_key_id: AccessKeyId,
}

async fn revoke(call: Call, input: Input<KeyPath>) -> Result<Nothing, ApiError> {
    call.keys().revoke(input.path.access_key_id, call.store(), call.now()).await?;
    Ok(Nothing {})
}
