//! Logging levels: how much is recorded of whom.

use http::Method;
use perennial_core::{
    access::Need,
    logging::{LogLevel, LogTarget, TargetType},
};
use serde::{Deserialize, Serialize};

use crate::{
    ApiError,
    call::Call,
    decode::{Input, Nothing},
    described::Operation,
    page,
};

const PATH: &str = "/v2LoggingLevel";

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::iot("SetV2LoggingLevel", (Method::POST, PATH), Need::Operate, set),
        Operation::iot("ListV2LoggingLevels", (Method::GET, PATH), Need::Read, list),
        Operation::iot("DeleteV2LoggingLevel", (Method::DELETE, PATH), Need::Operate, delete),
    ]
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Target {
    target_type: TargetType,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_name: Option<String>,
}

impl Target {
    fn read(&self) -> Result<LogTarget, ApiError> {
        let target = LogTarget::new(self.target_type, self.target_name.as_deref());
        target.map_err(|error| ApiError::invalid(error.to_string()))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Setting {
    log_target: Target,
    log_level: LogLevel,
}

async fn set(call: Call, input: Input<Nothing, Nothing, Setting>) -> Result<Nothing, ApiError> {
    let Setting { log_target, log_level } = input.body;
    call.store().set_log_level(log_target.read()?, log_level, call.now()).await?;
    call.logging_changed().await?;
    Ok(Nothing {})
}

async fn delete(call: Call, input: Input<Nothing, Target>) -> Result<Nothing, ApiError> {
    call.store().delete_log_level(input.query.read()?, call.now()).await?;
    call.logging_changed().await?;
    Ok(Nothing {})
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Asked {
    target_type: Option<TargetType>,
    next_token: Option<String>,
    max_results: Option<u32>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Configuration {
    log_target: Target,
    log_level: LogLevel,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    log_target_configurations: Vec<Configuration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

async fn list(call: Call, input: Input<Nothing, Asked>) -> Result<Listed, ApiError> {
    let Asked { target_type, next_token, max_results } = input.query;
    let kind = target_type.map(|kind| kind.to_string()).unwrap_or_default();
    let name = format!("ListV2LoggingLevels/{kind}");
    let limit = page::limit(max_results, "maxResults")?;
    let after = page::place(&name, next_token.as_deref())?;
    let listed = call.store().log_targets(target_type, after, limit).await?;
    let configuration = |(target, log_level): (LogTarget, LogLevel)| Configuration {
        log_target: Target { target_type: target.target_type(), target_name: target.name() },
        log_level,
    };
    Ok(Listed {
        log_target_configurations: listed.items.into_iter().map(configuration).collect(),
        next_token: listed.next.map(|next| page::token(&name, &next)),
    })
}
