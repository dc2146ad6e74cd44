//! Certificates: issuing from a CSR or with keys, showing, listing, changing status, deleting.

use http::Method;
use perennial_core::{
    access::Need,
    certificate::{Certificate, CertificateStatus},
    ids::{CertificateId, ResourceId},
    registry::CertificateMode,
};
use perennial_pki::{CsrDer, Expectation, HandedOutKey, Serial, VerifiedCsr, pem_of_certificate};
use perennial_store::{NewCertificate, Order};
use serde::{Deserialize, Serialize};

use crate::{
    ApiError, arn,
    call::Call,
    decode::{Input, Nothing},
    described::Operation,
    page,
    wire::{self, Seconds},
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::iot(
            "CreateCertificateFromCsr",
            (Method::POST, "/certificates"),
            Need::Operate,
            create_from_csr,
        ),
        Operation::iot(
            "CreateKeysAndCertificate",
            (Method::POST, "/keys-and-certificate"),
            Need::Operate,
            create_with_keys,
        ),
        Operation::iot(
            "DescribeCertificate",
            (Method::GET, "/certificates/{certificateId}"),
            Need::Read,
            describe,
        ),
        Operation::iot("ListCertificates", (Method::GET, "/certificates"), Need::Read, list),
        Operation::iot(
            "UpdateCertificate",
            (Method::PUT, "/certificates/{certificateId}"),
            Need::Operate,
            update,
        ),
        Operation::iot(
            "DeleteCertificate",
            (Method::DELETE, "/certificates/{certificateId}"),
            Need::Operate,
            delete,
        ),
    ]
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CertificatePath {
    #[serde(deserialize_with = "wire::certificate_id")]
    pub(super) certificate_id: CertificateId,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SetAsActive {
    #[serde(default)]
    set_as_active: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Csr {
    certificate_signing_request: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Created {
    certificate_arn: String,
    certificate_id: CertificateId,
    certificate_pem: String,
}

async fn create_from_csr(
    call: Call,
    input: Input<Nothing, SetAsActive, Csr>,
) -> Result<Created, ApiError> {
    let verified = verified(&input.body.certificate_signing_request)?;
    create(&call, verified, input.query.set_as_active).await
}

/// A CSR that may be signed.
pub(super) fn verified(pem: &str) -> Result<VerifiedCsr, ApiError> {
    let verified = CsrDer::from_pem(pem).and_then(|csr| csr.verify(&Expectation::default()));
    verified.map_err(|error| ApiError::invalid(error.to_string()))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CreatedWithKeys {
    #[serde(flatten)]
    created: Created,
    key_pair: KeyPair,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct KeyPair {
    public_key: String,
    private_key: String,
}

/// The private key is made, answered and forgotten: nothing of it is stored.
async fn create_with_keys(
    call: Call,
    input: Input<Nothing, SetAsActive>,
) -> Result<CreatedWithKeys, ApiError> {
    let _turn =
        call.key_making().acquire_owned().await.map_err(|error| ApiError::internal(&error))?;
    let made = tokio::task::spawn_blocking(|| -> Result<_, ApiError> {
        let key = HandedOutKey::generate().map_err(|error| ApiError::internal(&error))?;
        let csr = key.certificate_request().map_err(|error| ApiError::internal(&error))?;
        let verified = csr.verify(&Expectation::default());
        Ok((key, verified.map_err(|error| ApiError::internal(&error))?))
    });
    let (key, verified) = made.await.map_err(|error| ApiError::internal(&error))??;
    let created = create(&call, verified, input.query.set_as_active).await?;
    let public_key = key.public_pem();
    let key_pair = KeyPair { public_key, private_key: key.into_private_pem().to_string() };
    Ok(CreatedWithKeys { created, key_pair })
}

/// Signs, records, and only then answers.
async fn create(call: &Call, csr: VerifiedCsr, active: bool) -> Result<Created, ApiError> {
    let status = if active { CertificateStatus::Active } else { CertificateStatus::Inactive };
    let certificate = sign(call, csr, status)?;
    let (id, pem) = (certificate.certificate_id, pem_of_certificate(&certificate.der));
    call.store().register(vec![certificate], call.now()).await?;
    Ok(Created {
        certificate_arn: arn::certificate(&id, call.scope()),
        certificate_id: id,
        certificate_pem: pem,
    })
}

/// Signs. Nobody may have the certificate before it is registered.
pub(super) fn sign(
    call: &Call,
    csr: VerifiedCsr,
    status: CertificateStatus,
) -> Result<NewCertificate, ApiError> {
    let serial = Serial::random().map_err(|error| ApiError::internal(&error))?;
    let issued = call.authority().issue_unattached(csr, call.profile(), serial, call.now());
    let issued = issued.map_err(|error| ApiError::internal(&error))?;
    Ok(NewCertificate {
        certificate_id: issued.certificate_id,
        der: issued.der.to_vec(),
        spki_digest: issued.spki_digest,
        validity: issued.validity,
        issuer: Some(perennial_pki::certificate_id(call.authority().issuing())),
        mode: CertificateMode::Default,
        thing: None,
        policies: Vec::new(),
        status,
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    certificate_description: Description,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Description {
    certificate_arn: String,
    certificate_id: CertificateId,
    status: CertificateStatus,
    certificate_pem: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ca_certificate_id: Option<CertificateId>,
    owned_by: String,
    creation_date: Seconds,
    last_modified_date: Seconds,
    customer_version: u64,
    generation_id: ResourceId,
    validity: Validity,
    certificate_mode: CertificateMode,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Validity {
    not_before: Seconds,
    not_after: Seconds,
}

impl From<perennial_core::certificate::Validity> for Validity {
    fn from(validity: perennial_core::certificate::Validity) -> Self {
        Self { not_before: Seconds(validity.not_before), not_after: Seconds(validity.not_after) }
    }
}

async fn describe(call: Call, input: Input<CertificatePath>) -> Result<Described, ApiError> {
    let stored = call.store().certificate(input.path.certificate_id).await?;
    let certificate = stored.certificate;
    let id = certificate.certificate_id;
    let certificate_description = Description {
        certificate_arn: arn::certificate(&id, call.scope()),
        certificate_id: id,
        status: certificate.status,
        certificate_pem: pem_of_certificate(&stored.der),
        ca_certificate_id: stored.ca_certificate_id,
        owned_by: call.scope().account.clone(),
        creation_date: Seconds(certificate.created_at),
        last_modified_date: Seconds(stored.modified_at),
        customer_version: stored.customer_version,
        generation_id: wire::generation(&id, certificate.created_at),
        validity: certificate.validity.into(),
        certificate_mode: stored.certificate_mode,
    };
    Ok(Described { certificate_description })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Marked {
    pub(super) page_size: Option<u32>,
    pub(super) marker: Option<String>,
    #[serde(default)]
    pub(super) is_ascending_order: bool,
}

impl Marked {
    /// AWS's order unless it is told otherwise: descending.
    pub(super) fn order(&self) -> Order {
        if self.is_ascending_order { Order::Ascending } else { Order::Descending }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Listed {
    certificates: Vec<Summary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    certificate_arn: String,
    certificate_id: CertificateId,
    status: CertificateStatus,
    certificate_mode: CertificateMode,
    creation_date: Seconds,
}

async fn list(call: Call, input: Input<Nothing, Marked>) -> Result<Listed, ApiError> {
    listed(&call, "ListCertificates", None, input.query).await
}

/// A page of the list of that name: all certificates, or those of an issuer.
pub(super) async fn listed(
    call: &Call,
    list: &str,
    issuer: Option<CertificateId>,
    query: Marked,
) -> Result<Listed, ApiError> {
    let list = format!("{list}{}", if query.is_ascending_order { '+' } else { '-' });
    let limit = page::limit(query.page_size, "pageSize")?;
    let after = page::place(&list, query.marker.as_deref())?;
    let found = call.store().list_certificates(issuer, query.order(), after, limit).await?;
    let summary = |(it, certificate_mode): (Certificate, CertificateMode)| Summary {
        certificate_arn: arn::certificate(&it.certificate_id, call.scope()),
        certificate_id: it.certificate_id,
        status: it.status,
        certificate_mode,
        creation_date: Seconds(it.created_at),
    };
    Ok(Listed {
        next_marker: found.next.map(|place| page::token(&list, &place)),
        certificates: found.items.into_iter().map(summary).collect(),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewStatus {
    new_status: String,
}

async fn update(call: Call, input: Input<CertificatePath, NewStatus>) -> Result<Nothing, ApiError> {
    let id = input.path.certificate_id;
    let status = input.query.new_status;
    let to = match status.parse() {
        Ok(CertificateStatus::PendingActivation) | Err(_) => {
            let text = format!("newStatus: {status:?} is not ACTIVE, INACTIVE or REVOKED");
            return Err(ApiError::invalid(text));
        }
        Ok(to) => to,
    };
    call.store().update_status(id, to, call.now()).await?;
    call.changed(id);
    call.intake().nudge();
    Ok(Nothing {})
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ForceDelete {
    #[serde(default)]
    force_delete: bool,
}

async fn delete(
    call: Call,
    input: Input<CertificatePath, ForceDelete>,
) -> Result<Nothing, ApiError> {
    let id = input.path.certificate_id;
    call.store().delete_certificate(id, input.query.force_delete, call.now()).await?;
    call.changed(id);
    Ok(Nothing {})
}
