//! The customer's own CAs: registering with proof, showing, listing, changing, deleting.

use http::Method;
use perennial_core::{
    access::Need,
    ids::{CertificateId, ResourceId},
    provisioning::check_just_in_time,
    registry::{
        AutoRegistration, CaCertificate, CaStatus, CertificateMode, RegistrationConfig, Tag, Tags,
    },
};
use perennial_pki::{Registrable, certificate_id, check_ca, check_possession, pem_of_certificate};
use perennial_store::{CaUpdate, NewCa, StoreError};
use serde::{Deserialize, Serialize};

use super::certificates::{Listed, Marked, Validity, listed};
use crate::{
    ApiError, arn,
    call::Call,
    decode::{Input, Nothing},
    described::Operation,
    page,
    pem::Pem,
    wire::{self, Seconds, check_role_arn},
};

pub(super) fn operations() -> Vec<Operation> {
    let one = "/cacertificate/{caCertificateId}";
    vec![
        Operation::iot(
            "RegisterCACertificate",
            (Method::POST, "/cacertificate"),
            Need::Operate,
            register,
        ),
        Operation::iot("DescribeCACertificate", (Method::GET, one), Need::Read, describe),
        Operation::iot("ListCACertificates", (Method::GET, "/cacertificates"), Need::Read, list),
        Operation::iot("UpdateCACertificate", (Method::PUT, one), Need::Operate, update),
        Operation::iot("DeleteCACertificate", (Method::DELETE, one), Need::Operate, delete),
        Operation::iot(
            "ListCertificatesByCA",
            (Method::GET, "/certificates-by-ca/{caCertificateId}"),
            Need::Read,
            list_by_ca,
        ),
    ]
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CaPath {
    #[serde(deserialize_with = "wire::certificate_id")]
    ca_certificate_id: CertificateId,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Flags {
    #[serde(default)]
    set_as_active: bool,
    #[serde(default)]
    allow_auto_registration: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Brought {
    ca_certificate: Pem,
    verification_certificate: Option<Pem>,
    certificate_mode: Option<CertificateMode>,
    registration_config: Option<Config>,
    #[serde(default)]
    tags: Vec<Tag>,
}

/// By which template devices provision themselves.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Config {
    template_body: String,
    role_arn: Option<String>,
}

impl Config {
    fn read(self) -> Result<RegistrationConfig, ApiError> {
        let Self { template_body, role_arn } = self;
        check_role_arn(role_arn.as_ref(), "registrationConfig.roleArn")?;
        check_just_in_time(&template_body).map_err(|error| {
            ApiError::invalid(format!("registrationConfig.templateBody: {error}"))
        })?;
        let template_body = Some(template_body);
        Ok(RegistrationConfig { template_body, role_arn, template_name: None })
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Registered {
    certificate_arn: String,
    certificate_id: CertificateId,
}

async fn register(
    call: Call,
    input: Input<Nothing, Flags, Brought>,
) -> Result<Registered, ApiError> {
    let (flags, body) = (input.query, input.body);
    let mode = body.certificate_mode.unwrap_or(CertificateMode::Default);
    let config = body.registration_config.map(Config::read).transpose()?;
    let der = body.ca_certificate.der()?;
    let checked = check_ca(&der, call.now())?;
    let id = checked.certificate_id;
    check_is_foreign(&call, &id)?;
    check_proof(&call, &der, mode, body.verification_certificate).await?;
    let tags = Tags::new(body.tags).map_err(StoreError::from)?;
    let new =
        NewCa { registration_config: config, ..new(der.to_vec(), &checked, mode, &flags, tags) };
    let registered = call.store().register_ca(new, call.now()).await;
    registered.map_err(|error| already_there(&call, &id, error))?;
    call.cas_changed().await?;
    let certificate_arn = arn::ca_certificate(&id, call.scope());
    Ok(Registered { certificate_arn, certificate_id: id })
}

fn new(
    der: Vec<u8>,
    checked: &Registrable,
    mode: CertificateMode,
    flags: &Flags,
    tags: Tags,
) -> NewCa {
    NewCa {
        certificate_id: checked.certificate_id,
        der,
        subject_digest: checked.subject_digest,
        validity: checked.validity,
        status: if flags.set_as_active { CaStatus::Active } else { CaStatus::Inactive },
        auto_registration: match flags.allow_auto_registration {
            true => AutoRegistration::Enable,
            false => AutoRegistration::Disable,
        },
        mode,
        registration_config: None,
        tags,
    }
}

/// The server's own authority is in force already; as a customer's it could be made INACTIVE.
fn check_is_foreign(call: &Call, id: &CertificateId) -> Result<(), ApiError> {
    let authority = call.authority();
    let own = [authority.issuing(), authority.root()];
    if own.iter().any(|der| certificate_id(der) == *id) {
        let arn = arn::ca_certificate(id, call.scope());
        let message = "The CA certificate is the server's own, which needs no registration";
        return Err(ApiError::exists(message, &id.to_string(), &arn));
    }
    Ok(())
}

/// In the mode DEFAULT whoever brings a CA shows that they have its key; without, nobody may claim
/// to.
async fn check_proof(
    call: &Call,
    ca_der: &[u8],
    mode: CertificateMode,
    verification: Option<Pem>,
) -> Result<(), ApiError> {
    match (mode, verification) {
        (CertificateMode::Default, Some(verification)) => {
            let code = call.store().registration_code(call.now()).await?;
            Ok(check_possession(ca_der, &verification.der()?, &code)?)
        }
        (CertificateMode::SniOnly, None) => Ok(()),
        (CertificateMode::Default, None) => Err(ApiError::invalid(
            "verificationCertificate is missing: in the certificateMode DEFAULT it shows that you \
             have the CA's key",
        )),
        (CertificateMode::SniOnly, Some(_)) => Err(ApiError::invalid(
            "verificationCertificate must be empty in the certificateMode SNI_ONLY",
        )),
    }
}

fn already_there(call: &Call, id: &CertificateId, error: StoreError) -> ApiError {
    if let StoreError::Exists { .. } = error {
        let arn = arn::ca_certificate(id, call.scope());
        return ApiError::exists("The CA certificate is registered already", &id.to_string(), &arn);
    }
    error.into()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    certificate_description: Description,
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_config: Option<RegistrationConfig>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Description {
    certificate_arn: String,
    certificate_id: CertificateId,
    status: CaStatus,
    certificate_pem: String,
    owned_by: String,
    creation_date: Seconds,
    auto_registration_status: AutoRegistration,
    last_modified_date: Seconds,
    customer_version: u64,
    generation_id: ResourceId,
    validity: Validity,
    certificate_mode: CertificateMode,
}

async fn describe(call: Call, input: Input<CaPath>) -> Result<Described, ApiError> {
    let ca = call.store().ca_certificate(input.path.ca_certificate_id).await?;
    let certificate_description = Description {
        certificate_arn: arn::ca_certificate(&ca.certificate_id, call.scope()),
        certificate_id: ca.certificate_id,
        status: ca.status,
        certificate_pem: pem_of_certificate(&ca.der),
        owned_by: call.scope().account.clone(),
        creation_date: Seconds(ca.created_at),
        auto_registration_status: ca.auto_registration,
        last_modified_date: Seconds(ca.modified_at),
        customer_version: ca.customer_version,
        generation_id: wire::generation(&ca.certificate_id, ca.created_at),
        validity: ca.validity.into(),
        certificate_mode: ca.mode,
    };
    Ok(Described { certificate_description, registration_config: ca.registration_config })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ListedCas {
    certificates: Vec<Summary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    certificate_arn: String,
    certificate_id: CertificateId,
    status: CaStatus,
    creation_date: Seconds,
}

async fn list(call: Call, input: Input<Nothing, Marked>) -> Result<ListedCas, ApiError> {
    let query = input.query;
    let list = if query.is_ascending_order { "ListCACertificates+" } else { "ListCACertificates-" };
    let limit = page::limit(query.page_size, "pageSize")?;
    let after = page::place(list, query.marker.as_deref())?;
    let found = call.store().ca_certificates(None, query.order(), after, limit).await?;
    let summary = |ca: CaCertificate| Summary {
        certificate_arn: arn::ca_certificate(&ca.certificate_id, call.scope()),
        certificate_id: ca.certificate_id,
        status: ca.status,
        creation_date: Seconds(ca.created_at),
    };
    Ok(ListedCas {
        next_marker: found.next.map(|place| page::token(list, &place)),
        certificates: found.items.into_iter().map(summary).collect(),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewState {
    new_status: Option<CaStatus>,
    new_auto_registration_status: Option<AutoRegistration>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Change {
    registration_config: Option<Config>,
    #[serde(default)]
    remove_auto_registration: bool,
}

async fn update(call: Call, input: Input<CaPath, NewState, Change>) -> Result<Nothing, ApiError> {
    let update = CaUpdate {
        status: input.query.new_status,
        auto_registration: input.query.new_auto_registration_status,
        registration_config: input.body.registration_config.map(Config::read).transpose()?,
        remove_auto_registration: input.body.remove_auto_registration,
    };
    call.store().update_ca(input.path.ca_certificate_id, update, call.now()).await?;
    call.cas_changed().await?;
    Ok(Nothing {})
}

async fn delete(call: Call, input: Input<CaPath>) -> Result<Nothing, ApiError> {
    call.store().delete_ca(input.path.ca_certificate_id, call.now()).await?;
    call.cas_changed().await?;
    Ok(Nothing {})
}

/// Of a CA that was deleted, and of the server's own, as well.
async fn list_by_ca(call: Call, input: Input<CaPath, Marked>) -> Result<Listed, ApiError> {
    let issuer = input.path.ca_certificate_id;
    listed(&call, &format!("ListCertificatesByCA/{issuer}"), Some(issuer), input.query).await
}
