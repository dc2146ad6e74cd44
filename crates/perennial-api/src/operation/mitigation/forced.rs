//! Forced mitigation: actions on one finding, also those that would cut its device off.

use http::Method;
use perennial_core::{access::Need, audit::MitigationTarget, ids::FindingId};
use perennial_store::MitigationRequest;
use serde::{Deserialize, Serialize};

use super::tasks::not_started;
use crate::{
    ApiError,
    call::Call,
    decode::{Input, Nothing},
    described::Operation,
    wire::Word,
};

const PATH: &str = "/api/v1/audit-findings/{findingId}/forced-mitigations";

pub(super) fn operations() -> Vec<Operation> {
    vec![Operation::iot("ForceMitigation", (Method::POST, PATH), Need::Operate, force)]
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FindingPath {
    finding_id: FindingId,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Actions {
    action_names: Vec<String>,
    client_request_token: Word<64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Started {
    task_id: String,
}

/// A task like AWS's, which shows what became of it; the same token again is the same task.
async fn force(
    call: Call,
    input: Input<FindingPath, Nothing, Actions>,
) -> Result<Started, ApiError> {
    let Actions { action_names, client_request_token: Word(token) } = input.body;
    let finding = call.store().finding(input.path.finding_id).await?;
    let request = MitigationRequest {
        task_id: format!("forced-{token}"),
        target: MitigationTarget {
            finding_ids: vec![finding.finding_id],
            ..MitigationTarget::default()
        },
        audit_check_to_actions_mapping: [(finding.check_name, action_names)].into(),
        client_request_token: token,
        forced: true,
    };
    let started = call.store().start_mitigation(request, call.now()).await;
    Ok(Started { task_id: started.map_err(not_started)?.request.task_id })
}
