//! Mitigation tasks: starting one, showing, listing, what became of each finding, cancelling.

use std::collections::BTreeMap;

use http::Method;
use perennial_core::{
    access::Need,
    audit::{ActionParams, CheckName, MitigationTarget},
    ids::{AuditTaskId, FindingId},
    time::Timestamp,
};
use perennial_store::{
    Execution, ExecutionStatus, FindingCounts, MitigationAction, MitigationRequest,
    MitigationStatus, MitigationTask, StoreError,
};
use serde::{Deserialize, Serialize};

use crate::{
    ApiError, Code,
    call::Call,
    decode::{Input, Nothing},
    described::Operation,
    page::{self, Parts},
    wire::{Seconds, Word},
};

const PATH: &str = "/audit/mitigationactions/tasks/{taskId}";

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::iot(
            "StartAuditMitigationActionsTask",
            (Method::POST, PATH),
            Need::Operate,
            start,
        ),
        Operation::iot(
            "DescribeAuditMitigationActionsTask",
            (Method::GET, PATH),
            Need::Read,
            describe,
        ),
        Operation::iot(
            "ListAuditMitigationActionsTasks",
            (Method::GET, "/audit/mitigationactions/tasks"),
            Need::Read,
            list,
        ),
        Operation::iot(
            "ListAuditMitigationActionsExecutions",
            (Method::GET, "/audit/mitigationactions/executions"),
            Need::Read,
            list_executions,
        ),
        Operation::iot(
            "CancelAuditMitigationActionsTask",
            (Method::PUT, "/audit/mitigationactions/tasks/{taskId}/cancel"),
            Need::Operate,
            cancel,
        ),
    ]
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TaskPath {
    task_id: Word<128>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewTask {
    target: MitigationTarget,
    audit_check_to_actions_mapping: BTreeMap<CheckName, Vec<String>>,
    client_request_token: Word<64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Started {
    task_id: String,
}

/// Nothing that comes this way is forced: what would cut a device off fails for its finding, and
/// is another operation.
async fn start(call: Call, input: Input<TaskPath, Nothing, NewTask>) -> Result<Started, ApiError> {
    let (Word(task_id), new) = (input.path.task_id, input.body);
    let request = MitigationRequest {
        task_id,
        target: new.target,
        audit_check_to_actions_mapping: new.audit_check_to_actions_mapping,
        client_request_token: new.client_request_token.0,
        forced: false,
    };
    let started = call.store().start_mitigation(request, call.now()).await;
    let task = started.map_err(not_started)?;
    Ok(Started { task_id: task.request.task_id })
}

/// AWS has no ResourceNotFoundException here: what the request names is part of its input.
pub(super) fn not_started(error: StoreError) -> ApiError {
    let text = error.to_string();
    if matches!(error, StoreError::Exists { .. }) {
        return ApiError::new(Code::TaskAlreadyExistsException, text);
    }
    if matches!(error, StoreError::NotFound { .. }) {
        ApiError::invalid(text)
    } else {
        error.into()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    task_status: MitigationStatus,
    start_time: Seconds,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_time: Option<Seconds>,
    task_statistics: BTreeMap<CheckName, FindingCounts>,
    target: MitigationTarget,
    audit_check_to_actions_mapping: BTreeMap<CheckName, Vec<String>>,
    actions_definition: Vec<Definition>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Definition {
    name: String,
    id: String,
    role_arn: String,
    action_params: ActionParams,
}

impl From<MitigationAction> for Definition {
    fn from(it: MitigationAction) -> Self {
        let MitigationAction { name, id, role_arn, action_params, .. } = it;
        Self { name, id, role_arn, action_params }
    }
}

async fn describe(call: Call, input: Input<TaskPath>) -> Result<Described, ApiError> {
    let Word(id) = input.path.task_id;
    let task = call.store().mitigation_task(id).await?;
    Ok(Described {
        task_status: task.task_status,
        start_time: Seconds(task.started_at),
        end_time: task.ended_at.map(Seconds),
        task_statistics: task.task_statistics,
        target: task.request.target,
        audit_check_to_actions_mapping: task.request.audit_check_to_actions_mapping,
        actions_definition: task.actions_definition.into_iter().map(Definition::from).collect(),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Query {
    audit_task_id: Option<AuditTaskId>,
    finding_id: Option<FindingId>,
    task_status: Option<MitigationStatus>,
    max_results: Option<u32>,
    next_token: Option<String>,
    start_time: Seconds,
    end_time: Seconds,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    tasks: Vec<Summary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    task_id: String,
    start_time: Seconds,
    task_status: MitigationStatus,
}

impl From<MitigationTask> for Summary {
    fn from(it: MitigationTask) -> Self {
        Self {
            task_id: it.request.task_id,
            start_time: Seconds(it.started_at),
            task_status: it.task_status,
        }
    }
}

async fn list(call: Call, input: Input<Nothing, Query>) -> Result<Listed, ApiError> {
    let query = input.query;
    let span = (query.start_time.0, query.end_time.0);
    let filter = (query.audit_task_id, query.finding_id, query.task_status);
    let list = format!("ListAuditMitigationActionsTasks/{span:?}/{filter:?}");
    let limit = page::limit(query.max_results, "maxResults")?;
    let place: Option<Parts<(Timestamp, String)>> =
        page::place(&list, query.next_token.as_deref())?;
    let after = place.map(|Parts(place)| place);
    let mut tasks = call.store().mitigation_tasks(span, filter, after, limit + 1).await?;
    let place = |last: &MitigationTask| Parts((last.started_at, last.request.task_id.clone()));
    let next_token = page::cut(&mut tasks, limit, &list, place);
    Ok(Listed { tasks: tasks.into_iter().map(Summary::from).collect(), next_token })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ExecutionQuery {
    task_id: Word<128>,
    finding_id: FindingId,
    action_status: Option<ActionStatus>,
    max_results: Option<u32>,
    next_token: Option<String>,
}

/// AWS's statuses. An execution is listed once it is over, so some select nothing.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum ActionStatus {
    InProgress,
    Completed,
    Failed,
    Canceled,
    Skipped,
    Pending,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Executions {
    actions_executions: Vec<ShownExecution>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownExecution {
    task_id: String,
    finding_id: FindingId,
    action_name: String,
    action_id: String,
    status: ExecutionStatus,
    start_time: Seconds,
    end_time: Seconds,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

impl From<Execution> for ShownExecution {
    fn from(it: Execution) -> Self {
        Self {
            task_id: it.task_id,
            finding_id: it.finding_id,
            action_name: it.action_name,
            action_id: it.action_id,
            status: it.status,
            start_time: Seconds(it.start_time),
            end_time: Seconds(it.end_time),
            error_code: it.error_code,
            message: it.message,
        }
    }
}

/// The most actions that a task takes for one finding.
const MAX_EXECUTIONS: usize = 5;

/// A finding has five executions in a task at most, and one that is over stays as it is: a page
/// is cut from all of them, and its place is how many came before.
async fn list_executions(
    call: Call,
    input: Input<Nothing, ExecutionQuery>,
) -> Result<Executions, ApiError> {
    let ExecutionQuery { task_id: Word(task), finding_id, action_status, .. } = input.query;
    let ExecutionQuery { max_results, next_token, .. } = input.query;
    let list =
        format!("ListAuditMitigationActionsExecutions/{task}/{finding_id}/{action_status:?}");
    let limit = page::limit(max_results, "maxResults")?;
    let after: usize = page::place(&list, next_token.as_deref())?.unwrap_or(0);
    let status = match action_status {
        None => None,
        Some(ActionStatus::Completed) => Some(ExecutionStatus::Completed),
        Some(ActionStatus::Failed) => Some(ExecutionStatus::Failed),
        Some(ActionStatus::Skipped) => Some(ExecutionStatus::Skipped),
        Some(ActionStatus::InProgress | ActionStatus::Canceled | ActionStatus::Pending) => {
            return Ok(Executions { actions_executions: Vec::new(), next_token: None });
        }
    };
    let whole = (task, finding_id);
    let found = call.store().mitigation_executions(whole, status, None, MAX_EXECUTIONS).await?;
    let mut page: Vec<Execution> = found.into_iter().skip(after).collect();
    let next_token = page::cut(&mut page, limit, &list, |_| after.saturating_add(limit));
    let actions_executions = page.into_iter().map(ShownExecution::from).collect();
    Ok(Executions { actions_executions, next_token })
}

async fn cancel(call: Call, input: Input<TaskPath>) -> Result<Nothing, ApiError> {
    let Word(id) = input.path.task_id;
    call.store().cancel_mitigation(id, call.now()).await?;
    Ok(Nothing {})
}
