//! Audit tasks: starting one, showing, listing, cancelling.

use std::collections::BTreeMap;

use http::Method;
use perennial_core::{
    access::Need,
    audit::{AuditTask, CheckDetails, CheckName, CheckRunStatus},
    audit::{TaskStatistics, TaskStatus, TaskType},
    ids::AuditTaskId,
    time::Timestamp,
};
use perennial_store::TaskFilter;
use serde::{Deserialize, Serialize};

use crate::{
    ApiError,
    call::Call,
    decode::{Input, Nothing},
    described::Operation,
    page::{self, Parts},
    wire::Seconds,
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::iot(
            "StartOnDemandAuditTask",
            (Method::POST, "/audit/tasks"),
            Need::Audit,
            start,
        ),
        Operation::iot(
            "DescribeAuditTask",
            (Method::GET, "/audit/tasks/{taskId}"),
            Need::Read,
            describe,
        ),
        Operation::iot("ListAuditTasks", (Method::GET, "/audit/tasks"), Need::Read, list),
        Operation::iot(
            "CancelAuditTask",
            (Method::PUT, "/audit/tasks/{taskId}/cancel"),
            Need::Audit,
            cancel,
        ),
    ]
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TaskPath {
    task_id: AuditTaskId,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Targets {
    target_check_names: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Started {
    task_id: AuditTaskId,
}

/// The task is in progress when this answers; the scheduler runs it within a second or in its turn.
async fn start(call: Call, input: Input<Nothing, Nothing, Targets>) -> Result<Started, ApiError> {
    let id = AuditTaskId::from_bytes(Call::drawn()?);
    let task = call.store().start_audit(id, input.body.target_check_names, call.now()).await?;
    Ok(Started { task_id: task.task_id })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    task_status: TaskStatus,
    task_type: TaskType,
    task_start_time: Seconds,
    task_statistics: TaskStatistics,
    #[serde(skip_serializing_if = "Option::is_none")]
    scheduled_audit_name: Option<String>,
    audit_details: BTreeMap<CheckName, Details>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    check_run_status: CheckRunStatus,
    check_compliant: bool,
    total_resources_count: u64,
    non_compliant_resources_count: u64,
    suppressed_non_compliant_resources_count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

impl From<CheckDetails> for Details {
    fn from(it: CheckDetails) -> Self {
        Self {
            check_run_status: it.check_run_status,
            check_compliant: it.check_run_status == CheckRunStatus::CompletedCompliant,
            total_resources_count: it.total,
            non_compliant_resources_count: it.non_compliant,
            suppressed_non_compliant_resources_count: it.suppressed,
            error_code: it.error_code,
            message: it.message,
        }
    }
}

async fn describe(call: Call, input: Input<TaskPath>) -> Result<Described, ApiError> {
    let task = call.store().audit_task(input.path.task_id).await?;
    let details = |(check, details): (CheckName, CheckDetails)| (check, details.into());
    Ok(Described {
        task_status: task.task_status,
        task_type: task.task_type,
        task_start_time: Seconds(task.started_at),
        task_statistics: task.statistics(),
        scheduled_audit_name: task.scheduled_audit_name,
        audit_details: task.audit_details.into_iter().map(details).collect(),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Span {
    start_time: Seconds,
    end_time: Seconds,
    task_type: Option<TaskType>,
    task_status: Option<TaskStatus>,
    next_token: Option<String>,
    max_results: Option<u32>,
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
    task_id: AuditTaskId,
    task_status: TaskStatus,
    task_type: TaskType,
}

impl From<AuditTask> for Summary {
    fn from(it: AuditTask) -> Self {
        Self { task_id: it.task_id, task_status: it.task_status, task_type: it.task_type }
    }
}

async fn list(call: Call, input: Input<Nothing, Span>) -> Result<Listed, ApiError> {
    let Span { start_time: Seconds(from), end_time: Seconds(to), .. } = input.query;
    let Span { task_type, task_status, next_token, max_results, .. } = input.query;
    let list = format!("ListAuditTasks/{from:?}/{to:?}/{task_type:?}/{task_status:?}");
    let limit = page::limit(max_results, "maxResults")?;
    let place: Option<Parts<(Timestamp, AuditTaskId)>> = page::place(&list, next_token.as_deref())?;
    let filter = TaskFilter {
        from: Some(from),
        to: Some(to),
        task_type,
        task_status,
        after: place.map(|Parts(place)| place),
    };
    let mut tasks = call.store().list_audit_tasks(filter, limit + 1).await?;
    let place = |last: &AuditTask| Parts((last.started_at, last.task_id));
    let next_token = page::cut(&mut tasks, limit, &list, place);
    Ok(Listed { tasks: tasks.into_iter().map(Summary::from).collect(), next_token })
}

async fn cancel(call: Call, input: Input<TaskPath>) -> Result<Nothing, ApiError> {
    call.store().cancel_audit(input.path.task_id, call.now()).await?;
    Ok(Nothing {})
}
