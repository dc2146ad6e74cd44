//! Event configurations: which changes of the registry are told on `$aws/events`.

use std::collections::BTreeMap;

use http::Method;
use perennial_core::{access::Need, registry::EventType};
use serde::{Deserialize, Serialize};

use crate::{
    ApiError,
    call::Call,
    decode::{Input, Nothing},
    described::Operation,
    wire::Seconds,
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::iot(
            "DescribeEventConfigurations",
            (Method::GET, "/event-configurations"),
            Need::Read,
            describe,
        ),
        Operation::iot(
            "UpdateEventConfigurations",
            (Method::PATCH, "/event-configurations"),
            Need::Operate,
            update,
        ),
    ]
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Configuration {
    #[serde(default)]
    enabled: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    event_configurations: BTreeMap<EventType, Configuration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    creation_date: Option<Seconds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_modified_date: Option<Seconds>,
}

async fn describe(call: Call, _: Input) -> Result<Described, ApiError> {
    let kept = call.store().event_configurations().await?;
    let configuration = |kind| (kind, Configuration { enabled: kept.enabled.contains(&kind) });
    Ok(Described {
        event_configurations: EventType::ALL.into_iter().map(configuration).collect(),
        creation_date: kept.dates.map(|(created_at, _)| Seconds(created_at)),
        last_modified_date: kept.dates.map(|(_, modified_at)| Seconds(modified_at)),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Changes {
    #[serde(default)]
    event_configurations: BTreeMap<EventType, Configuration>,
}

async fn update(call: Call, input: Input<Nothing, Nothing, Changes>) -> Result<Nothing, ApiError> {
    let changes = input.body.event_configurations.into_iter();
    let changes = changes.map(|(kind, it)| (kind, it.enabled)).collect();
    call.store().update_event_configurations(changes, call.now()).await?;
    Ok(Nothing {})
}
