//! Transfers of certificates between accounts: there is one account, so there are none.

use http::Method;
use perennial_core::{access::Need, ids::CertificateId};
use serde::{Deserialize, Serialize};

use super::certificates::{CertificatePath, Marked};
use crate::{
    ApiError,
    call::Call,
    decode::{Input, Nothing},
    described::Operation,
    page,
};

/// The longest message or reason, in characters.
const MAX_MESSAGE: usize = 128;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::iot(
            "TransferCertificate",
            (Method::PATCH, "/transfer-certificate/{certificateId}"),
            Need::Operate,
            transfer,
        ),
        Operation::iot(
            "AcceptCertificateTransfer",
            (Method::PATCH, "/accept-certificate-transfer/{certificateId}"),
            Need::Operate,
            accept,
        ),
        Operation::iot(
            "RejectCertificateTransfer",
            (Method::PATCH, "/reject-certificate-transfer/{certificateId}"),
            Need::Operate,
            reject,
        ),
        Operation::iot(
            "CancelCertificateTransfer",
            (Method::PATCH, "/cancel-certificate-transfer/{certificateId}"),
            Need::Operate,
            cancel,
        ),
        Operation::iot(
            "ListOutgoingCertificates",
            (Method::GET, "/certificates-out-going"),
            Need::Read,
            list_outgoing,
        ),
    ]
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Target {
    target_aws_account: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Message {
    transfer_message: Option<String>,
}

async fn transfer(
    call: Call,
    input: Input<CertificatePath, Target, Message>,
) -> Result<Nothing, ApiError> {
    let account = input.query.target_aws_account;
    if account.len() != 12 || !account.bytes().all(|it| it.is_ascii_digit()) {
        return Err(ApiError::invalid("targetAwsAccount: 12 digits are expected"));
    }
    check_len(input.body.transfer_message.as_deref(), "transferMessage")?;
    check_exists(&call, input.path.certificate_id).await?;
    Err(ApiError::invalid(format!(
        "This server has one account, {}: there is no account {account} to transfer to. Register \
         the certificate at the other server.",
        call.scope().account
    )))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Acceptance {
    #[serde(default, rename = "setAsActive")]
    _set_as_active: bool,
}

async fn accept(
    call: Call,
    input: Input<CertificatePath, Acceptance>,
) -> Result<Nothing, ApiError> {
    not_transferred(&call, input.path.certificate_id).await
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Reason {
    reject_reason: Option<String>,
}

async fn reject(
    call: Call,
    input: Input<CertificatePath, Nothing, Reason>,
) -> Result<Nothing, ApiError> {
    check_len(input.body.reject_reason.as_deref(), "rejectReason")?;
    not_transferred(&call, input.path.certificate_id).await
}

async fn cancel(call: Call, input: Input<CertificatePath>) -> Result<Nothing, ApiError> {
    not_transferred(&call, input.path.certificate_id).await
}

async fn not_transferred(call: &Call, id: CertificateId) -> Result<Nothing, ApiError> {
    check_exists(call, id).await?;
    Err(ApiError::invalid(format!(
        "Certificate {id} is not being transferred: this server has one account, and certificates \
         are not transferred to or from it."
    )))
}

async fn check_exists(call: &Call, id: CertificateId) -> Result<(), ApiError> {
    call.store().certificate(id).await?;
    Ok(())
}

fn check_len(text: Option<&str>, member: &str) -> Result<(), ApiError> {
    let len = text.map_or(0, |text| text.chars().count());
    if len <= MAX_MESSAGE {
        return Ok(());
    }
    Err(ApiError::invalid(format!("{member}: at most {MAX_MESSAGE} characters, not {len}")))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outgoing {
    outgoing_certificates: [Nothing; 0],
}

async fn list_outgoing(_: Call, input: Input<Nothing, Marked>) -> Result<Outgoing, ApiError> {
    page::limit(input.query.page_size, "pageSize")?;
    page::place::<String>("ListOutgoingCertificates", input.query.marker.as_deref())?;
    Ok(Outgoing { outgoing_certificates: [] })
}
