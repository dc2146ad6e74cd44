//! Logging options: how much is recorded of all devices, in AWS's older words and its newer ones.

use std::collections::BTreeMap;

use http::Method;
use perennial_core::{
    access::Need,
    logging::{LogLevel, LoggedEvent},
};
use perennial_store::LoggingUpdate;
use serde::{Deserialize, Serialize};

use crate::{
    ApiError,
    call::Call,
    decode::{Input, Nothing},
    described::Operation,
    wire::check_role_arn,
};

/// Where the newer options are.
const V2: &str = "/v2LoggingOptions";
/// Where the older ones are.
const V1: &str = "/loggingOptions";

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::iot("SetV2LoggingOptions", (Method::POST, V2), Need::Operate, set_v2),
        Operation::iot("GetV2LoggingOptions", (Method::GET, V2), Need::Read, describe_v2),
        Operation::iot("SetLoggingOptions", (Method::POST, V1), Need::Operate, set),
        Operation::iot("GetLoggingOptions", (Method::GET, V1), Need::Read, describe),
    ]
}

/// The level of an event.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EventConfiguration {
    event_type: LoggedEvent,
    log_level: LogLevel,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OptionsV2 {
    role_arn: Option<String>,
    default_log_level: Option<LogLevel>,
    /// AWS's default: some SDKs never send `false`.
    #[serde(default)]
    disable_all_logs: bool,
    event_configurations: Option<Vec<EventConfiguration>>,
}

async fn set_v2(
    call: Call,
    input: Input<Nothing, Nothing, OptionsV2>,
) -> Result<Nothing, ApiError> {
    let OptionsV2 { role_arn, default_log_level, disable_all_logs, event_configurations } =
        input.body;
    check_role_arn(role_arn.as_ref(), "roleArn")?;
    let update = LoggingUpdate {
        role_arn,
        default: default_log_level,
        all_disabled: Some(disable_all_logs),
        events: event_configurations.map(by_event).transpose()?,
    };
    change(&call, update).await
}

/// Levels by event, which is named once at most.
fn by_event(
    configurations: Vec<EventConfiguration>,
) -> Result<BTreeMap<LoggedEvent, LogLevel>, ApiError> {
    let mut levels = BTreeMap::new();
    for EventConfiguration { event_type, log_level } in configurations {
        if levels.insert(event_type, log_level).is_some() {
            let message = format!("eventConfigurations: {event_type} is there twice");
            return Err(ApiError::invalid(message));
        }
    }
    Ok(levels)
}

async fn change(call: &Call, update: LoggingUpdate) -> Result<Nothing, ApiError> {
    call.store().update_logging(update, call.now()).await?;
    call.logging_changed().await?;
    Ok(Nothing {})
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Verbose {
    #[serde(default)]
    verbose: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DescribedV2 {
    #[serde(skip_serializing_if = "Option::is_none")]
    role_arn: Option<String>,
    default_log_level: LogLevel,
    disable_all_logs: bool,
    event_configurations: Vec<EventConfiguration>,
}

async fn describe_v2(call: Call, input: Input<Nothing, Verbose>) -> Result<DescribedV2, ApiError> {
    let options = call.store().logging_options().await?;
    let level = |event_type: LoggedEvent| {
        let own = options.events.get(&event_type).copied();
        let log_level = own.or_else(|| input.query.verbose.then_some(options.default))?;
        Some(EventConfiguration { event_type, log_level })
    };
    Ok(DescribedV2 {
        event_configurations: LoggedEvent::ALL.into_iter().filter_map(level).collect(),
        role_arn: options.role_arn,
        default_log_level: options.default,
        disable_all_logs: options.all_disabled,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Options {
    role_arn: String,
    log_level: Option<LogLevel>,
}

/// The same options: there is one log.
async fn set(call: Call, input: Input<Nothing, Nothing, Options>) -> Result<Nothing, ApiError> {
    let Options { role_arn, log_level } = input.body;
    check_role_arn(Some(&role_arn), "roleArn")?;
    let role_arn = Some(role_arn);
    change(&call, LoggingUpdate { role_arn, default: log_level, ..LoggingUpdate::default() }).await
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    #[serde(skip_serializing_if = "Option::is_none")]
    role_arn: Option<String>,
    log_level: LogLevel,
}

async fn describe(call: Call, _: Input) -> Result<Described, ApiError> {
    let options = call.store().logging_options().await?;
    let log_level = if options.all_disabled { LogLevel::Disabled } else { options.default };
    Ok(Described { role_arn: options.role_arn, log_level })
}
