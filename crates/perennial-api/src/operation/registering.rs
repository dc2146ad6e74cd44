//! Registering device certificates of the customer's: those of a registered CA, and those for
//! which the registry alone is to vouch.

use http::Method;
use perennial_core::{
    access::Need,
    certificate::CertificateStatus,
    ids::CertificateId,
    registry::{CaCertificate, CertificateMode},
};
use perennial_pki::{Registrable, certificate_id, check_alone, check_of_ca, issuer_digest};
use perennial_store::{NewCertificate, StoreError};
use serde::{Deserialize, Serialize};

use crate::{
    ApiError, Code, arn,
    call::Call,
    decode::{Input, Nothing},
    described::Operation,
    pem::Pem,
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::iot(
            "RegisterCertificate",
            (Method::POST, "/certificate/register"),
            Need::Operate,
            of_ca,
        ),
        Operation::iot(
            "RegisterCertificateWithoutCA",
            (Method::POST, "/certificate/register-no-ca"),
            Need::Operate,
            without_ca,
        ),
    ]
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Flag {
    set_as_active: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OfCa {
    certificate_pem: Pem,
    ca_certificate_pem: Option<Pem>,
    status: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WithoutCa {
    certificate_pem: Pem,
    status: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Registered {
    certificate_arn: String,
    certificate_id: CertificateId,
}

async fn of_ca(call: Call, input: Input<Nothing, Flag, OfCa>) -> Result<Registered, ApiError> {
    let body = input.body;
    let status = status(body.status.as_deref(), input.query.set_as_active)?;
    let der = body.certificate_pem.der()?;
    let ca = body.ca_certificate_pem.as_ref().map(Pem::der).transpose()?;
    let certificate = checked(&call, &der, ca.as_deref(), status).await?;
    register(&call, certificate).await
}

/// A certificate of a registered CA: of `ca`, if it is named.
pub(super) async fn checked(
    call: &Call,
    der: &[u8],
    ca: Option<&[u8]>,
    status: CertificateStatus,
) -> Result<NewCertificate, ApiError> {
    let candidates = match ca {
        Some(ca) => vec![named(call, certificate_id(ca)).await?],
        None => call.store().cas_named(issuer_digest(der).map_err(unreadable)?).await?,
    };
    let (ca, checked) = issuer(call, der, candidates)?;
    Ok(to_register(der, checked, (Some(ca.certificate_id), ca.mode), status))
}

async fn without_ca(
    call: Call,
    input: Input<Nothing, Nothing, WithoutCa>,
) -> Result<Registered, ApiError> {
    let status = status(input.body.status.as_deref(), None)?;
    let der = input.body.certificate_pem.der()?;
    let checked = check_alone(&der, call.now())?;
    let origin = (None, CertificateMode::SniOnly);
    register(&call, to_register(&der, checked, origin, status)).await
}

/// INACTIVE unless something else is asked for; `setAsActive` is the deprecated way to.
fn status(asked: Option<&str>, active: Option<bool>) -> Result<CertificateStatus, ApiError> {
    let by_flag = active.map(|active| match active {
        true => CertificateStatus::Active,
        false => CertificateStatus::Inactive,
    });
    let Some(asked) = asked else { return Ok(by_flag.unwrap_or(CertificateStatus::Inactive)) };
    let status = match asked.parse() {
        Ok(CertificateStatus::PendingActivation) | Err(_) => {
            let message = format!("status: {asked:?} is not ACTIVE, INACTIVE or REVOKED");
            return Err(ApiError::invalid(message));
        }
        Ok(status) => status,
    };
    if active == Some(true) && status != CertificateStatus::Active {
        let message = format!("status {asked} and setAsActive contradict each other");
        return Err(ApiError::invalid(message));
    }
    Ok(status)
}

/// The CA that a request names.
async fn named(call: &Call, id: CertificateId) -> Result<CaCertificate, ApiError> {
    match call.store().ca_certificate(id).await {
        Err(StoreError::NotFound { .. }) => {
            Err(invalid("The CA certificate of caCertificatePem is not registered"))
        }
        found => Ok(found?),
    }
}

/// The one of these CAs that the certificate is of.
fn issuer(
    call: &Call,
    der: &[u8],
    candidates: Vec<CaCertificate>,
) -> Result<(CaCertificate, Registrable), ApiError> {
    let mut refused =
        invalid("No registered CA certificate has the certificate's issuer as subject");
    let mut found = Vec::new();
    for ca in candidates {
        match check_of_ca(der, &ca.der, call.now()) {
            Ok(checked) => found.push((ca, checked)),
            Err(reason) => refused = reason.into(),
        }
    }
    let mut found = found.into_iter();
    let (ca, checked) = match (found.next(), found.next()) {
        (Some(only), None) => only,
        (None, _) => return Err(refused),
        (Some(_), Some(_)) => return Err(several()),
    };
    if !ca.validity.contains(call.now()) {
        return Err(invalid("The CA certificate is not valid at present"));
    }
    Ok((ca, checked))
}

fn several() -> ApiError {
    let message = "Several registered CA certificates have the certificate's issuer as subject, and \
                   its key: name one with caCertificatePem";
    ApiError::new(Code::CertificateConflictException, message)
}

fn invalid(message: &str) -> ApiError {
    ApiError::new(Code::CertificateValidationException, message)
}

fn unreadable(error: perennial_pki::CertificateFormatError) -> ApiError {
    invalid(&error.to_string())
}

fn to_register(
    der: &[u8],
    checked: Registrable,
    (issuer, mode): (Option<CertificateId>, CertificateMode),
    status: CertificateStatus,
) -> NewCertificate {
    NewCertificate {
        certificate_id: checked.certificate_id,
        der: der.to_vec(),
        spki_digest: checked.spki_digest,
        validity: checked.validity,
        status,
        issuer,
        mode,
        thing: None,
        policies: Vec::new(),
    }
}

async fn register(call: &Call, certificate: NewCertificate) -> Result<Registered, ApiError> {
    let certificate_id = certificate.certificate_id;
    let certificate_arn = arn::certificate(&certificate_id, call.scope());
    match call.store().register(vec![certificate], call.now()).await {
        Ok(()) => {}
        Err(StoreError::Exists { .. }) => {
            let message = "The certificate is already provisioned or registered";
            let id = certificate_id.to_string();
            return Err(ApiError::exists(message, &id, &certificate_arn));
        }
        Err(error) => return Err(error.into()),
    }
    // A device may have shown it before, and the answer that it is unknown may be remembered.
    call.changed(certificate_id);
    Ok(Registered { certificate_arn, certificate_id })
}
