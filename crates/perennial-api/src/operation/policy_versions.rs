//! Versions of policies: adding, showing, putting in force, deleting.

use http::Method;
use perennial_core::{
    access::Need,
    ids::{PolicyName, ResourceId},
    registry::PolicyVersionId,
};
use perennial_store::{PolicyVersion, Shared};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use super::policies::{PolicyPath, document};
use crate::{
    ApiError,
    call::Call,
    decode::{Input, Nothing},
    described::Operation,
    wire::Seconds,
};

const ALL: &str = "/policies/{policyName}/version";
const ONE: &str = "/policies/{policyName}/version/{policyVersionId}";

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::iot("CreatePolicyVersion", (Method::POST, ALL), Need::Operate, create),
        Operation::iot("ListPolicyVersions", (Method::GET, ALL), Need::Read, list),
        Operation::iot("GetPolicyVersion", (Method::GET, ONE), Need::Read, show),
        Operation::iot(
            "SetDefaultPolicyVersion",
            (Method::PATCH, ONE),
            Need::Operate,
            put_in_force,
        ),
        Operation::iot("DeletePolicyVersion", (Method::DELETE, ONE), Need::Operate, delete),
    ]
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct VersionPath {
    policy_name: PolicyName,
    #[serde(deserialize_with = "version_id")]
    policy_version_id: PolicyVersionId,
}

fn version_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PolicyVersionId, D::Error> {
    let text = String::deserialize(deserializer)?;
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.then(|| text.parse().ok()).flatten();
    number.ok_or_else(|| D::Error::custom(format!("{text:?} is no number of a version")))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SetAsDefault {
    #[serde(default)]
    set_as_default: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct New {
    policy_document: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Created {
    policy_arn: String,
    policy_document: String,
    policy_version_id: String,
    is_default_version: bool,
}

async fn create(
    call: Call,
    input: Input<PolicyPath, SetAsDefault, New>,
) -> Result<Created, ApiError> {
    let (name, is_default_version) = (input.path.policy_name, input.query.set_as_default);
    let policy_document = input.body.policy_document;
    let (store, document) = (call.store(), document(&policy_document)?);
    let made = store.create_policy_version(name.clone(), &document, is_default_version, call.now());
    let version = made.await?;
    let policy_arn = call.scope().arn("policy", name.as_str());
    if is_default_version {
        call.shared_changed(Shared::Policy(name)).await;
    }
    let policy_version_id = version.to_string();
    Ok(Created { policy_arn, policy_document, policy_version_id, is_default_version })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    policy_versions: Vec<Summary>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    version_id: String,
    is_default_version: bool,
    create_date: Seconds,
}

async fn list(call: Call, input: Input<PolicyPath>) -> Result<Listed, ApiError> {
    let versions = call.store().policy_versions(input.path.policy_name).await?;
    let summary = |it: PolicyVersion| Summary {
        version_id: it.version.to_string(),
        is_default_version: it.is_default,
        create_date: Seconds(it.created_at),
    };
    Ok(Listed { policy_versions: versions.into_iter().map(summary).collect() })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    policy_arn: String,
    policy_name: PolicyName,
    policy_document: String,
    policy_version_id: String,
    is_default_version: bool,
    creation_date: Seconds,
    last_modified_date: Seconds,
    generation_id: ResourceId,
}

/// A version's document never changes.
async fn show(call: Call, input: Input<VersionPath>) -> Result<Shown, ApiError> {
    let VersionPath { policy_name, policy_version_id } = input.path;
    let found = call.store().policy_version(policy_name.clone(), policy_version_id).await?;
    Ok(Shown {
        policy_arn: call.scope().arn("policy", policy_name.as_str()),
        policy_name,
        policy_document: found.document,
        policy_version_id: found.version.to_string(),
        is_default_version: found.is_default,
        creation_date: Seconds(found.created_at),
        last_modified_date: Seconds(found.created_at),
        generation_id: found.generation_id,
    })
}

async fn put_in_force(call: Call, input: Input<VersionPath>) -> Result<Nothing, ApiError> {
    let VersionPath { policy_name: name, policy_version_id } = input.path;
    let store = call.store();
    store.put_policy_version_in_force(name.clone(), policy_version_id, call.now()).await?;
    call.shared_changed(Shared::Policy(name)).await;
    Ok(Nothing {})
}

async fn delete(call: Call, input: Input<VersionPath>) -> Result<Nothing, ApiError> {
    let VersionPath { policy_name, policy_version_id } = input.path;
    call.store().delete_policy_version(policy_name, policy_version_id, call.now()).await?;
    Ok(Nothing {})
}
