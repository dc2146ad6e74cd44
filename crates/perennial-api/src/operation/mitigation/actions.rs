//! Mitigation actions: making, showing, listing, changing, deleting.

use http::Method;
use perennial_core::{
    access::Need,
    audit::{ActionParams, ActionType},
    ids::ThingName,
    logging::LogLevel,
    registry::{Tag, Tags},
};
use perennial_store::MitigationAction;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::{Map, Value};

use crate::{
    ApiError,
    call::Call,
    decode::{Input, Nothing},
    described::Operation,
    page,
    wire::{Seconds, Word, check_role_arn},
};

const PATH: &str = "/mitigationactions/actions/{actionName}";

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::iot("CreateMitigationAction", (Method::POST, PATH), Need::Operate, create),
        Operation::iot("DescribeMitigationAction", (Method::GET, PATH), Need::Read, describe),
        Operation::iot(
            "ListMitigationActions",
            (Method::GET, "/mitigationactions/actions"),
            Need::Read,
            list,
        ),
        Operation::iot("UpdateMitigationAction", (Method::PATCH, PATH), Need::Operate, update),
        Operation::iot("DeleteMitigationAction", (Method::DELETE, PATH), Need::Operate, delete),
    ]
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ActionPath {
    action_name: Word<128>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewAction {
    role_arn: String,
    action_params: Params,
    #[serde(default)]
    tags: Vec<Tag>,
}

/// What an action does, as a request has it.
struct Params(ActionParams);

impl<'de> Deserialize<'de> for Params {
    /// By way of a map: of one without exactly one member serde_json would say that it is no JSON.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = Map::<String, Value>::deserialize(deserializer)?;
        if members.len() != 1 {
            return Err(D::Error::custom("exactly one member says what an action does"));
        }
        serde_json::from_value(Value::Object(members)).map(Self).map_err(D::Error::custom)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    action_arn: String,
    action_id: String,
}

fn arn(call: &Call, name: &str) -> String {
    call.scope().arn("mitigationaction", name)
}

async fn create(
    call: Call,
    input: Input<ActionPath, Nothing, NewAction>,
) -> Result<Written, ApiError> {
    let (Word(name), new, now) = (input.path.action_name, input.body, call.now());
    let (Params(action_params), tags) = (new.action_params, Tags::new(new.tags)?);
    check_role_arn(Some(&new.role_arn), "roleArn")?;
    check_params(&action_params)?;
    let (action_id, arn) = (hex::encode(Call::drawn()?), arn(&call, &name));
    let action = MitigationAction {
        name,
        id: action_id.clone(),
        role_arn: new.role_arn,
        action_params,
        created_at: now,
        modified_at: now,
    };
    let made = call.store().create_mitigation_action(action, tags, now).await;
    made.map_err(|error| ApiError::not_made(error, &arn))?;
    Ok(Written { action_arn: arn, action_id })
}

/// AWS's limits of what an action may name.
fn check_params(params: &ActionParams) -> Result<(), ApiError> {
    match params {
        ActionParams::AddThingsToThingGroup { thing_group_names: names, .. } => {
            // Groups are named as things are.
            let lawful = |name: &String| ThingName::new(name).is_ok();
            if !(1..=10).contains(&names.len()) || !names.iter().all(lawful) {
                let message = "actionParams: 1 to 10 names of thing groups are expected";
                return Err(ApiError::invalid(message));
            }
        }
        ActionParams::EnableIotLogging { role_arn_for_logging, log_level } => {
            check_role_arn(Some(role_arn_for_logging), "actionParams.roleArnForLogging")?;
            if *log_level == LogLevel::Disabled {
                let message = "actionParams.logLevel: DISABLED enables nothing";
                return Err(ApiError::invalid(message));
            }
        }
        ActionParams::PublishFindingToSns { topic_arn } if topic_arn.chars().count() > 350 => {
            return Err(ApiError::invalid("actionParams.topicArn: 350 characters at most"));
        }
        ActionParams::PublishFindingToSns { .. }
        | ActionParams::UpdateDeviceCertificate { .. }
        | ActionParams::UpdateCaCertificate { .. }
        | ActionParams::ReplaceDefaultPolicyVersion { .. } => {}
    }
    Ok(())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    action_name: String,
    action_type: ActionType,
    action_arn: String,
    action_id: String,
    role_arn: String,
    action_params: ActionParams,
    creation_date: Seconds,
    last_modified_date: Seconds,
}

async fn describe(call: Call, input: Input<ActionPath>) -> Result<Described, ApiError> {
    let Word(name) = input.path.action_name;
    let action = call.store().mitigation_action(name).await?;
    Ok(Described {
        action_arn: arn(&call, &action.name),
        action_name: action.name,
        action_type: action.action_params.action_type(),
        action_id: action.id,
        role_arn: action.role_arn,
        action_params: action.action_params,
        creation_date: Seconds(action.created_at),
        last_modified_date: Seconds(action.modified_at),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Query {
    action_type: Option<ActionType>,
    max_results: Option<u32>,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    action_identifiers: Vec<Summary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    action_name: String,
    action_arn: String,
    creation_date: Seconds,
}

async fn list(call: Call, input: Input<Nothing, Query>) -> Result<Listed, ApiError> {
    let Query { action_type, max_results, next_token } = input.query;
    let list = format!("ListMitigationActions/{action_type:?}");
    let limit = page::limit(max_results, "maxResults")?;
    let after = page::place(&list, next_token.as_deref())?;
    let mut actions = call.store().mitigation_actions(action_type, after, limit + 1).await?;
    let next_token = page::cut(&mut actions, limit, &list, |last| last.name.clone());
    let summary = |action: MitigationAction| Summary {
        action_arn: arn(&call, &action.name),
        action_name: action.name,
        creation_date: Seconds(action.created_at),
    };
    Ok(Listed { action_identifiers: actions.into_iter().map(summary).collect(), next_token })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Change {
    role_arn: Option<String>,
    action_params: Option<Params>,
}

async fn update(
    call: Call,
    input: Input<ActionPath, Nothing, Change>,
) -> Result<Written, ApiError> {
    let (Word(name), Change { role_arn, action_params }) = (input.path.action_name, input.body);
    let action_params = action_params.map(|Params(params)| params);
    check_role_arn(role_arn.as_ref(), "roleArn")?;
    action_params.as_ref().map_or(Ok(()), check_params)?;
    let (store, now) = (call.store(), call.now());
    let action = store.update_mitigation_action(name, role_arn, action_params, now).await?;
    Ok(Written { action_arn: arn(&call, &action.name), action_id: action.id })
}

async fn delete(call: Call, input: Input<ActionPath>) -> Result<Nothing, ApiError> {
    let Word(name) = input.path.action_name;
    call.store().delete_mitigation_action(name, call.now()).await?;
    Ok(Nothing {})
}
