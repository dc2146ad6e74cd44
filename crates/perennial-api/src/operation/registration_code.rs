//! The registration code: what a CA's verification certificate has to name.

use http::Method;
use perennial_core::{access::Need, ids::RegistrationCode};
use serde::Serialize;

use crate::{
    ApiError,
    call::Call,
    decode::{Input, Nothing},
    described::Operation,
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::iot(
            "GetRegistrationCode",
            (Method::GET, "/registrationcode"),
            Need::Operate,
            show,
        ),
        Operation::iot(
            "DeleteRegistrationCode",
            (Method::DELETE, "/registrationcode"),
            Need::Operate,
            delete,
        ),
    ]
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    registration_code: RegistrationCode,
}

/// Whoever may see it may draw it: the first to ask does.
async fn show(call: Call, _: Input) -> Result<Shown, ApiError> {
    let registration_code = call.store().registration_code(call.now()).await?;
    Ok(Shown { registration_code })
}

async fn delete(call: Call, _: Input) -> Result<Nothing, ApiError> {
    call.store().delete_registration_code(call.now()).await?;
    Ok(Nothing {})
}
