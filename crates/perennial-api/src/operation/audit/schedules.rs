//! Scheduled audits: making, showing, listing, changing, deleting.

use std::collections::BTreeSet;

use http::Method;
use perennial_core::{
    access::Need,
    audit::{CheckName, DayOfMonth, DayOfWeek, Frequency, Recurrence},
    registry::{Tag, Tags},
};
use perennial_store::ScheduledAudit;
use serde::{Deserialize, Serialize};

use crate::{
    ApiError,
    call::Call,
    decode::{Input, Nothing},
    described::Operation,
    page::{self, Paged},
    wire::Word,
};

const PATH: &str = "/audit/scheduledaudits/{scheduledAuditName}";

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::iot("CreateScheduledAudit", (Method::POST, PATH), Need::Operate, create),
        Operation::iot("DescribeScheduledAudit", (Method::GET, PATH), Need::Read, describe),
        Operation::iot(
            "ListScheduledAudits",
            (Method::GET, "/audit/scheduledaudits"),
            Need::Read,
            list,
        ),
        Operation::iot("UpdateScheduledAudit", (Method::PATCH, PATH), Need::Operate, update),
        Operation::iot("DeleteScheduledAudit", (Method::DELETE, PATH), Need::Operate, delete),
    ]
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AuditPath {
    scheduled_audit_name: Word<128>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewAudit {
    frequency: Frequency,
    day_of_month: Option<DayOfMonth>,
    day_of_week: Option<DayOfWeek>,
    target_check_names: Vec<String>,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    scheduled_audit_arn: String,
}

fn arn(call: &Call, name: &str) -> String {
    call.scope().arn("scheduledaudit", name)
}

async fn create(
    call: Call,
    input: Input<AuditPath, Nothing, NewAudit>,
) -> Result<Written, ApiError> {
    let (Word(name), new) = (input.path.scheduled_audit_name, input.body);
    let recurrence = Recurrence::new(new.frequency, new.day_of_month, new.day_of_week)
        .map_err(|error| ApiError::invalid(error.to_string()))?;
    let (checks, tags) = (new.target_check_names, Tags::new(new.tags)?);
    let scheduled_audit_arn = arn(&call, &name);
    let created = call.store().create_scheduled_audit(name, recurrence, checks, tags, call.now());
    created.await.map_err(|error| ApiError::not_made(error, &scheduled_audit_arn))?;
    Ok(Written { scheduled_audit_arn })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    scheduled_audit_name: String,
    scheduled_audit_arn: String,
    #[serde(flatten)]
    recurrence: Recurrence,
}

impl Summary {
    fn of(audit: ScheduledAudit, call: &Call) -> Self {
        Self {
            scheduled_audit_arn: arn(call, &audit.name),
            scheduled_audit_name: audit.name,
            recurrence: audit.recurrence,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    #[serde(flatten)]
    summary: Summary,
    target_check_names: BTreeSet<CheckName>,
}

async fn describe(call: Call, input: Input<AuditPath>) -> Result<Described, ApiError> {
    let Word(name) = input.path.scheduled_audit_name;
    let audit = call.store().scheduled_audit(name).await?;
    let target_check_names = audit.target_check_names.clone();
    Ok(Described { target_check_names, summary: Summary::of(audit, &call) })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    scheduled_audits: Vec<Summary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

/// There are at most five: a page is cut from all of them.
async fn list(call: Call, input: Input<Nothing, Paged>) -> Result<Listed, ApiError> {
    let list = "ListScheduledAudits";
    let limit = page::limit(input.query.max_results, "maxResults")?;
    let after: Option<String> = page::place(list, input.query.next_token.as_deref())?;
    let mut audits = call.store().scheduled_audits().await?;
    audits.retain(|audit| after.as_ref().is_none_or(|after| audit.name > *after));
    let next_token = page::cut(&mut audits, limit, list, |last| last.name.clone());
    let scheduled_audits = audits.into_iter().map(|audit| Summary::of(audit, &call)).collect();
    Ok(Listed { scheduled_audits, next_token })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Change {
    frequency: Option<Frequency>,
    day_of_month: Option<DayOfMonth>,
    day_of_week: Option<DayOfWeek>,
    target_check_names: Option<Vec<String>>,
}

async fn update(call: Call, input: Input<AuditPath, Nothing, Change>) -> Result<Written, ApiError> {
    let (Word(name), change) = (input.path.scheduled_audit_name, input.body);
    let scheduled_audit_arn = arn(&call, &name);
    let days = (change.day_of_month, change.day_of_week);
    let (frequency, checks) = (change.frequency, change.target_check_names);
    call.store().update_scheduled_audit(name, frequency, days, checks, call.now()).await?;
    Ok(Written { scheduled_audit_arn })
}

async fn delete(call: Call, input: Input<AuditPath>) -> Result<Nothing, ApiError> {
    let Word(name) = input.path.scheduled_audit_name;
    call.store().delete_scheduled_audit(name, call.now()).await?;
    Ok(Nothing {})
}
