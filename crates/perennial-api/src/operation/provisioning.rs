//! RegisterThing: a thing, its certificate and its policies by a provisioning template, together or
//! not at all.

use std::collections::BTreeMap;

use http::Method;
use perennial_core::{
    access::Need,
    certificate::CertificateStatus,
    provisioning::{self, CertificateSource},
};
use perennial_pki::{certificate_from_pem, pem_of_certificate};
use perennial_store::{ProvisionedCertificate, ProvisionedPolicy, Provisioning, StoreError};
use serde::{Deserialize, Serialize};

use super::{certificates, registering};
use crate::{
    ApiError, Code, arn,
    call::Call,
    decode::{Input, Nothing},
    described::Operation,
};

/// The longest name of a parameter, and its longest value, in characters.
const MAX_PARAMETER: (usize, usize) = (2048, 4096);

pub(super) fn operations() -> Vec<Operation> {
    vec![Operation::iot("RegisterThing", (Method::POST, "/things"), Need::Operate, register)]
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Template {
    template_body: String,
    #[serde(default)]
    parameters: BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Registered {
    certificate_pem: String,
    /// By the resources' names in the template.
    resource_arns: BTreeMap<String, String>,
}

async fn register(
    call: Call,
    input: Input<Nothing, Nothing, Template>,
) -> Result<Registered, ApiError> {
    let Template { template_body, parameters } = input.body;
    check_parameters(&parameters)?;
    let provision = provisioning::resolve(&template_body, &parameters);
    let provision = provision.map_err(|error| ApiError::invalid(error.to_string()))?;
    let own = provision.certificate.clone();
    let certificate = source(&call, &own.source, own.status).await?;
    let what = Provisioning::new(provision, certificate)?;
    let thing = what.thing.as_ref().map(|it| (it.logical_id.clone(), it.name.clone()));
    let policies = what.policies.clone();
    let done = call.store().provision(what, call.now()).await.map_err(not_registered)?;
    call.all_changed(&done.certificates);
    let scope = call.scope();
    let policy_arn = |it: ProvisionedPolicy| (it.logical_id, scope.arn("policy", it.name.as_str()));
    let mut resource_arns: BTreeMap<_, _> = policies.into_iter().map(policy_arn).collect();
    let certificate_arn = arn::certificate(&done.certificate_id, scope);
    resource_arns.insert(own.logical_id, certificate_arn);
    if let Some((logical_id, name)) = thing {
        resource_arns.insert(logical_id, scope.arn("thing", name.as_str()));
        call.thing_changed(name).await?;
    }
    Ok(Registered { certificate_pem: pem_of_certificate(&done.der), resource_arns })
}

fn check_parameters(parameters: &BTreeMap<String, String>) -> Result<(), ApiError> {
    let (longest_name, longest) = MAX_PARAMETER;
    let is_long = |(name, value): &(&String, &String)| {
        name.chars().count() > longest_name || value.chars().count() > longest
    };
    match parameters.iter().find(is_long) {
        None => Ok(()),
        Some((name, _)) => {
            let name: String = name.chars().take(100).collect();
            let message = format!(
                "parameters.{name}: a name has {longest_name} characters at most, a value {longest}"
            );
            Err(ApiError::invalid(message))
        }
    }
}

/// The certificate, signed or checked. What is signed in vain is forgotten: nobody has it.
async fn source(
    call: &Call,
    source: &CertificateSource,
    status: CertificateStatus,
) -> Result<ProvisionedCertificate, ApiError> {
    Ok(match source {
        CertificateSource::Registered(id) => ProvisionedCertificate::Registered(*id),
        CertificateSource::Request(csr) => {
            let csr = certificates::verified(csr)?;
            ProvisionedCertificate::New(certificates::sign(call, csr, status)?)
        }
        CertificateSource::Pem { certificate, ca } => {
            let der = certificate_from_pem(certificate).map_err(invalid)?;
            let ca = ca.as_deref().map(certificate_from_pem).transpose().map_err(invalid)?;
            let checked = registering::checked(call, &der, ca.as_deref(), status).await;
            ProvisionedCertificate::New(checked?)
        }
    })
}

fn invalid(error: impl std::error::Error) -> ApiError {
    ApiError::new(Code::CertificateValidationException, error.to_string())
}

/// AWS's two errors of a registration.
fn not_registered(error: StoreError) -> ApiError {
    let code = match &error {
        StoreError::Conflict(_) | StoreError::Exists { .. } => {
            Code::ConflictingResourceUpdateException
        }
        StoreError::NotFound { .. }
        | StoreError::Invalid(_)
        | StoreError::Refused(_)
        | StoreError::Unlawful(_)
        | StoreError::StateConflict(_)
        | StoreError::LimitExceeded(_)
        | StoreError::VersionsLimitExceeded(_) => Code::ResourceRegistrationFailureException,
        StoreError::VersionConflict { .. }
        | StoreError::DeleteConflict(_)
        | StoreError::Database(_)
        | StoreError::Corrupt { .. }
        | StoreError::Outdated { .. }
        | StoreError::Undone
        | StoreError::Closed
        | StoreError::Rule(_) => return error.into(),
    };
    ApiError::new(code, error.to_string())
}
