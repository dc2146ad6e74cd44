//! Findings: listing, showing, and what is related to one.

use std::collections::BTreeMap;

use http::Method;
use perennial_core::{
    access::Need,
    audit::{CheckName, Finding, ReasonCode, Resource, ResourceIdentifier, ResourceType, Severity},
    ids::{AuditTaskId, FindingId},
    time::Timestamp,
};
use perennial_store::{FindingCursor, FindingFilter};
use serde::{Deserialize, Serialize};

use super::resource::Named;
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
        Operation::iot("ListAuditFindings", (Method::POST, "/audit/findings"), Need::Read, list),
        Operation::iot(
            "DescribeAuditFinding",
            (Method::GET, "/audit/findings/{findingId}"),
            Need::Read,
            describe,
        ),
        Operation::iot(
            "ListRelatedResourcesForAuditFinding",
            (Method::GET, "/audit/relatedResources"),
            Need::Read,
            list_related,
        ),
    ]
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    finding_id: FindingId,
    task_id: AuditTaskId,
    check_name: CheckName,
    task_start_time: Seconds,
    finding_time: Seconds,
    severity: Severity,
    non_compliant_resource: ShownResource,
    related_resources: Vec<ShownResource>,
    reason_for_non_compliance: String,
    reason_for_non_compliance_code: ReasonCode,
    is_suppressed: bool,
}

impl From<Finding> for Shown {
    fn from(it: Finding) -> Self {
        Self {
            finding_id: it.finding_id,
            task_id: it.task_id,
            check_name: it.check_name,
            task_start_time: Seconds(it.task_started_at),
            finding_time: Seconds(it.found_at),
            severity: it.severity,
            non_compliant_resource: it.resource.into(),
            related_resources: it.related.into_iter().map(Into::into).collect(),
            reason_for_non_compliance: it.reason,
            reason_for_non_compliance_code: it.reason_code,
            is_suppressed: it.is_suppressed,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownResource {
    resource_type: ResourceType,
    resource_identifier: ResourceIdentifier,
    additional_info: BTreeMap<String, String>,
}

impl From<Resource> for ShownResource {
    fn from(it: Resource) -> Self {
        Self {
            resource_type: it.resource_type,
            resource_identifier: it.resource_identifier,
            additional_info: it.additional_info,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Query {
    task_id: Option<AuditTaskId>,
    check_name: Option<CheckName>,
    resource_identifier: Option<Named>,
    max_results: Option<u32>,
    next_token: Option<String>,
    start_time: Option<Seconds>,
    end_time: Option<Seconds>,
    list_suppressed_findings: Option<bool>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    findings: Vec<Shown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

async fn list(call: Call, input: Input<Nothing, Nothing, Query>) -> Result<Listed, ApiError> {
    let query = input.body;
    let filter = FindingFilter {
        task: query.task_id,
        found: span(query.start_time, query.end_time)?,
        check: query.check_name,
        resource: query.resource_identifier.map(|Named(resource)| resource),
        suppressed: query.list_suppressed_findings,
    };
    let list = format!("ListAuditFindings/{filter:?}");
    let limit = page::limit(query.max_results, "maxResults")?;
    let after: Option<Parts<FindingCursor>> = page::place(&list, query.next_token.as_deref())?;
    let after = after.map(|Parts(cursor)| cursor);
    let (found, next) = call.store().findings(filter, after, limit, call.now()).await?;
    Ok(Listed {
        findings: found.into_iter().map(Shown::from).collect(),
        next_token: next.map(|cursor| page::token(&list, &Parts(cursor))),
    })
}

/// The span of time, which has both ends or is none.
fn span(
    start: Option<Seconds>,
    end: Option<Seconds>,
) -> Result<Option<(Timestamp, Timestamp)>, ApiError> {
    match (start, end) {
        (None, None) => Ok(None),
        (Some(Seconds(from)), Some(Seconds(to))) if from <= to => Ok(Some((from, to))),
        (Some(_), Some(_)) => Err(ApiError::invalid("startTime lies behind endTime")),
        _ => Err(ApiError::invalid("startTime and endTime go together: one of them is missing")),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FindingPath {
    finding_id: FindingId,
}

#[derive(Serialize)]
struct Described {
    finding: Shown,
}

async fn describe(call: Call, input: Input<FindingPath>) -> Result<Described, ApiError> {
    let finding = call.store().finding(input.path.finding_id).await?;
    Ok(Described { finding: finding.into() })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RelatedQuery {
    finding_id: FindingId,
    next_token: Option<String>,
    max_results: Option<u32>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Related {
    related_resources: Vec<ShownResource>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

async fn list_related(
    call: Call,
    input: Input<Nothing, RelatedQuery>,
) -> Result<Related, ApiError> {
    let RelatedQuery { finding_id: id, next_token, max_results } = input.query;
    let list = format!("ListRelatedResourcesForAuditFinding/{id}");
    let limit = page::limit(max_results, "maxResults")?;
    let after = page::place(&list, next_token.as_deref())?.unwrap_or(0);
    let mut related = call.store().related_resources(id, after, limit + 1).await?;
    let next_token = page::cut(&mut related, limit, &list, |_| after.saturating_add(limit));
    let related_resources = related.into_iter().map(Into::into).collect();
    Ok(Related { related_resources, next_token })
}
