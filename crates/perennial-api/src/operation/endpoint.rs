//! Where devices connect.

use http::Method;
use perennial_core::access::Need;
use serde::{Deserialize, Serialize};

use crate::{
    ApiError,
    call::Call,
    decode::{Input, Nothing},
    described::Operation,
};

pub(super) fn operations() -> Vec<Operation> {
    vec![Operation::iot("DescribeEndpoint", (Method::GET, "/endpoint"), Need::Read, describe)]
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wanted {
    endpoint_type: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Endpoint {
    endpoint_address: String,
}

/// There is one data endpoint: `iot:Data` names it too.
async fn describe(call: Call, input: Input<Nothing, Wanted>) -> Result<Endpoint, ApiError> {
    match input.query.endpoint_type.as_deref() {
        None | Some("iot:Data" | "iot:Data-ATS") => {
            Ok(Endpoint { endpoint_address: call.running().device_endpoint() })
        }
        Some(other) => Err(ApiError::invalid(format!(
            "endpointType: {other:?} is not available here; use iot:Data-ATS"
        ))),
    }
}
