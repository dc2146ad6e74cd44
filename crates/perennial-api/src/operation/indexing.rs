//! Indexing: which index there is, and what it has. That is fixed.

use http::Method;
use perennial_core::{access::Need, search::Field};
use serde::{Deserialize, Serialize};

use crate::{
    ApiError,
    call::Call,
    decode::{Input, Nothing},
    described::Operation,
    page::{self, Paged},
};

/// The index of things; there is no other.
const THINGS: &str = "AWS_Things";

const CONFIGURATION: &str = "/indexing/config";

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::iot("DescribeIndex", (Method::GET, "/indices/{indexName}"), Need::Read, index),
        Operation::iot("ListIndices", (Method::GET, "/indices"), Need::Read, list),
        Operation::iot(
            "GetIndexingConfiguration",
            (Method::GET, CONFIGURATION),
            Need::Read,
            configuration,
        ),
        Operation::iot(
            "UpdateIndexingConfiguration",
            (Method::POST, CONFIGURATION),
            Need::Operate,
            update,
        ),
    ]
}

/// Refuses an index that there is not.
pub(super) fn check_index(name: &str) -> Result<(), ApiError> {
    if name == THINGS {
        return Ok(());
    }
    Err(ApiError::not_found(format!("there is no index {name:?}: there is {THINGS}")))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Named {
    index_name: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Index {
    index_name: &'static str,
    index_status: &'static str,
    schema: &'static str,
}

async fn index(_: Call, input: Input<Named>) -> Result<Index, ApiError> {
    check_index(&input.path.index_name)?;
    let schema = "REGISTRY_AND_CONNECTIVITY_STATUS";
    Ok(Index { index_name: THINGS, index_status: "ACTIVE", schema })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    index_names: [&'static str; 1],
}

async fn list(_: Call, input: Input<Nothing, Paged>) -> Result<Listed, ApiError> {
    page::limit(input.query.max_results, "maxResults")?;
    page::place::<String>("ListIndices", input.query.next_token.as_deref())?;
    Ok(Listed { index_names: [THINGS] })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Mode {
    Off,
    On,
    Registry,
    RegistryAndShadow,
    Status,
    Violations,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Configuration {
    thing_indexing_configuration: Things,
    thing_group_indexing_configuration: Groups,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Things {
    thing_indexing_mode: Mode,
    thing_connectivity_indexing_mode: Mode,
    device_defender_indexing_mode: Mode,
    named_shadow_indexing_mode: Mode,
    managed_fields: Vec<ManagedField>,
    custom_fields: [ManagedField; 0],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Groups {
    thing_group_indexing_mode: Mode,
    managed_fields: [ManagedField; 0],
    custom_fields: [ManagedField; 0],
}

#[derive(Serialize)]
struct ManagedField {
    name: String,
    #[serde(rename = "type")]
    kind: &'static str,
}

fn managed_fields() -> Vec<ManagedField> {
    let fields = [
        (Field::ThingName, "String"),
        (Field::ThingId, "String"),
        (Field::ThingTypeName, "String"),
        (Field::ThingGroupNames, "String"),
        (Field::Connected, "Boolean"),
        (Field::ConnectivityTimestamp, "Number"),
        (Field::DisconnectReason, "String"),
        (Field::CertificateNotAfter, "Number"),
    ];
    fields.map(|(field, kind)| ManagedField { name: field.to_string(), kind }).into()
}

async fn configuration(_: Call, _: Input) -> Result<Configuration, ApiError> {
    Ok(Configuration {
        thing_indexing_configuration: Things {
            thing_indexing_mode: Mode::Registry,
            thing_connectivity_indexing_mode: Mode::Status,
            device_defender_indexing_mode: Mode::Off,
            named_shadow_indexing_mode: Mode::Off,
            managed_fields: managed_fields(),
            custom_fields: [],
        },
        thing_group_indexing_configuration: Groups {
            thing_group_indexing_mode: Mode::Off,
            managed_fields: [],
            custom_fields: [],
        },
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Update {
    thing_indexing_configuration: Option<WantedThings>,
    thing_group_indexing_configuration: Option<WantedGroups>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WantedThings {
    thing_indexing_mode: Mode,
    thing_connectivity_indexing_mode: Option<Mode>,
    device_defender_indexing_mode: Option<Mode>,
    named_shadow_indexing_mode: Option<Mode>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WantedGroups {
    thing_group_indexing_mode: Mode,
}

/// What is there already may be asked for; there is nothing else to be had.
async fn update(_: Call, input: Input<Nothing, Nothing, Update>) -> Result<Nothing, ApiError> {
    if let Some(it) = input.body.thing_indexing_configuration {
        check("thingIndexingMode", Some(it.thing_indexing_mode), Mode::Registry)?;
        let connectivity = it.thing_connectivity_indexing_mode;
        check("thingConnectivityIndexingMode", connectivity, Mode::Status)?;
        check("deviceDefenderIndexingMode", it.device_defender_indexing_mode, Mode::Off)?;
        check("namedShadowIndexingMode", it.named_shadow_indexing_mode, Mode::Off)?;
    }
    if let Some(it) = input.body.thing_group_indexing_configuration {
        check("thingGroupIndexingMode", Some(it.thing_group_indexing_mode), Mode::Off)?;
    }
    Ok(Nothing {})
}

fn check(name: &str, wanted: Option<Mode>, there: Mode) -> Result<(), ApiError> {
    if wanted.is_none_or(|wanted| wanted == there) {
        return Ok(());
    }
    let there = serde_json::to_string(&there).unwrap_or_default();
    Err(ApiError::invalid(format!("{name}: what is indexed is fixed, and it is {there}")))
}
